"""The merchant: puts products on sale, delivers stock and changes prices, all through the API."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from shop_devstack.demo.accounts import Account
from shop_devstack.demo.client import Answer
from shop_devstack.demo.errors import DemoError
from shop_devstack.demo.invoices import CURRENCY, Invoice

_PAGE = 100
_GONE, _OUTDATED = 404, 412
_TRIES = 20
_SPARE = 100  # so that nothing sells out, which would be a change of the product as well


@dataclass(frozen=True, slots=True)
class Wanted:
    """A product as the invoices need it: its first price in pence, and how many pieces they sell."""

    sku: str
    title: str
    price: int
    quantity: int


@dataclass(slots=True)
class _Product:
    id: str
    price: int
    etag: str | None


def wanted(invoices: Iterable[Invoice]) -> list[Wanted]:
    """Return the products of invoices in the order they first appear."""
    found: dict[str, Wanted] = {}
    for invoice in invoices:
        for line in invoice.lines:
            first = found.get(line.sku, Wanted(line.sku, line.title, line.price, 0))
            title = first.title or line.title
            found[line.sku] = Wanted(line.sku, title, first.price, first.quantity + line.quantity)
    return list(found.values())


def money(pence: int) -> dict[str, Any]:
    """Return an amount as the API writes it."""
    return {"amount": pence, "currency": CURRENCY}


def _line(product: Wanted) -> bytes:
    """Return a line of an import."""
    return orjson.dumps(
        {
            "sku": product.sku,
            "title": product.title or product.sku,
            "price": money(product.price),
            "stock": product.quantity + _SPARE,
        }
    )


class Merchant:
    """Acts for the shop.

    Args:
        account: an administrator, who takes the merchant's role as well.
        run_id: keeps the idempotency keys of one run apart from those of others.
    """

    def __init__(self, account: Account, run_id: str) -> None:
        self._account = account
        self._run_id = run_id
        self._products: dict[str, _Product] = {}

    @property
    def account(self) -> Account:
        """The account it acts with."""
        return self._account

    @property
    def prices(self) -> dict[str, int]:
        """Present prices in pence by stock code, of all products this merchant knows."""
        return {sku: product.price for sku, product in self._products.items()}

    def product_id(self, sku: str) -> str:
        """Return the id of a product on sale."""
        return self._products[sku].id

    async def open(self) -> None:
        """Log in, take the merchant's role if need be, and read the catalogue."""
        await self._account.log_in()
        me = (await self._account.ask("GET", "/v1/users/me")).body
        if "merchant" not in me["roles"]:
            roles = {"roles": [*me["roles"], "merchant"]}
            await self._account.ask("PUT", f"/v1/users/{me['id']}/roles", roles)
            await self._account.log_in()  # tokens with the old roles are refused
        await self._read_catalogue()

    async def _read_catalogue(self) -> None:
        cursor = ""
        while True:
            page = (await self._account.ask("GET", f"/v1/products?limit={_PAGE}{cursor}")).body
            for item in page["items"]:
                self._products[item["sku"]] = _Product(item["id"], item["price"]["amount"], None)
            if not page["next_cursor"]:
                return
            cursor = f"&cursor={quote(page['next_cursor'])}"

    async def supply(self, products: Sequence[Wanted]) -> None:
        """Have enough of some products on sale: new ones are imported, known ones get more pieces."""
        for product in products:
            if product.sku in self._products:
                await self._deliver(product)
        new = [product for product in products if product.sku not in self._products]
        if new:
            await self._import(new)

    async def _import(self, products: Sequence[Wanted]) -> None:
        lines = b"\n".join(map(_line, products))
        answer = await self._account.ask("POST", "/v1/products/imports", lines)
        for product, report in zip(products, answer.body, strict=False):  # a summary comes last
            if report["status"] == "rejected":
                raise DemoError(f"Product {product.sku} was not taken: {report['reason']}")
            self._products[product.sku] = _Product(report["product_id"], product.price, None)

    async def _deliver(self, product: Wanted) -> None:
        path = f"/v1/products/{self.product_id(product.sku)}/stock-adjustments"
        await self._account.ask(
            "POST", path, {"delta": product.quantity, "reason": "delivery"}, self._key(f"stock-{product.sku}")
        )

    async def set_price(self, sku: str, price: int) -> None:
        """Change a price, whatever else is changed at the product meanwhile."""
        product = self._products[sku]
        path = f"/v1/products/{product.id}"
        for _ in range(_TRIES):
            if product.etag is None:
                self._note(sku, await self._account.ask("GET", path))
                product = self._products[sku]
            if product.price == price:
                return
            headers = {"If-Match": product.etag or ""}
            answer = await self._account.ask(
                "PATCH", path, {"price": money(price)}, headers, (200, _OUTDATED)
            )
            if answer.status != _OUTDATED:
                self._note(sku, answer)
                return
            product.etag = None  # changed by somebody else, or by this request when its answer was lost
        raise DemoError(f"The price of {sku} could not be changed: somebody else keeps changing the product")

    async def withdraw(self, sku: str) -> None:
        """Take a product off sale for good; again is harmless."""
        await self._account.ask("DELETE", f"/v1/products/{self.product_id(sku)}", accept=(204, _GONE))

    def _note(self, sku: str, answer: Answer) -> None:
        body: Mapping[str, Any] = answer.body
        self._products[sku] = _Product(body["id"], body["price"]["amount"], answer.etag)

    def _key(self, name: str) -> dict[str, str]:
        return {"Idempotency-Key": f"{self._run_id}-{name}"}

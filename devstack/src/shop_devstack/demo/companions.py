"""How often products are bought together: what analytics has counted, held against the invoices."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from shop_devstack.demo import expected
from shop_devstack.demo.accounts import Account
from shop_devstack.demo.invoices import Invoice

_SAMPLE = 20
_PAGE = 100


class Companions:
    """Compares pairs of the products that the invoices combine most often.

    Args:
        analyst: may see what analytics has counted.
        product_id: returns the id of a product by its stock code.
        invoices: what is going to be bought.
    """

    def __init__(
        self, analyst: Account, product_id: Callable[[str], str], invoices: Iterable[Invoice]
    ) -> None:
        self._analyst = analyst
        self._product_id = product_id
        companions = expected.companions(invoices)
        self._skus = sorted(companions, key=lambda sku: (-sum(companions[sku].values()), sku))[:_SAMPLE]
        self._before: Mapping[str, Mapping[str, int]] = {}

    async def note(self) -> None:
        """See what earlier orders have left; the products are on sale by now."""
        self._before = await self._read()

    async def differences(self, bought: Iterable[Invoice], *, alone: bool) -> list[str]:
        """Return in words where analytics has counted wrongly since then.

        Args:
            bought: the invoices that became orders.
            alone: whether nobody else used the shop; if somebody did, more than expected is no fault.
        """
        companions = expected.companions(bought)
        counted = await self._read()
        wrong = []
        for sku in self._skus:
            want = {self._product_id(other): times for other, times in companions.get(sku, {}).items()}
            have, before = counted[sku], self._before[sku]
            for other in want.keys() | have.keys():
                since = have.get(other, 0) - before.get(other, 0)
                if since < want.get(other, 0) or (alone and since != want.get(other, 0)):
                    pair = f"{sku} and product {other}"
                    wrong.append(f"{pair} were bought together {want.get(other, 0)} times, counted {since}")
        return wrong

    async def _read(self) -> dict[str, dict[str, int]]:
        return {sku: await self._of(self._product_id(sku)) for sku in self._skus}

    async def _of(self, product_id: str) -> dict[str, int]:
        path, found, cursor = f"/v1/insights/products/{product_id}/bought-together?limit={_PAGE}", {}, ""
        while cursor is not None:
            answer = await self._analyst.ask("GET", path + (f"&cursor={cursor}" if cursor else ""))
            body: Mapping[str, Any] = answer.body
            found.update({item["product_id"]: item["orders"] for item in body["items"]})
            cursor = body["next_cursor"]
        return found

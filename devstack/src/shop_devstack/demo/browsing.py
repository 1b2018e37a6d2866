"""Browsing: what the plan says that a customer does before an order is done, and counted."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from shop_devstack.demo.client import HttpClient
from shop_devstack.demo.invoices import Invoice
from shop_devstack.demo.visitors import MOST_LINES, MOST_PIECES, Visitor, engaged, viewed
from shop_devstack.demo.visits import Question, View, Visit

_RESULTS = 10
_PLACEMENT = "product"


@dataclass(slots=True)
class Tally:
    """What was done.

    `chosen` counts results opened, `shown` products recommended, `hits` questions whose answer had the next
    product.
    """

    searches: int = 0
    chosen: int = 0
    questions: int = 0
    hits: int = 0
    shown: int = 0
    carts: int = 0
    full_carts: int = 0
    """Carts in which other orders of the customer under way left no room."""


class Browsing:
    """Makes visits.

    Args:
        shop: where anybody searches and asks for recommendations.
        visits: the plan, by the invoices' numbers.
        visitors: by the customers' numbers; who comes later is looked up later.
        product_id: returns the id of a product by its stock code.
    """

    def __init__(
        self,
        shop: HttpClient,
        visits: Mapping[str, Visit],
        visitors: Mapping[str, Visitor],
        product_id: Callable[[str], str],
    ) -> None:
        self._shop = shop
        self._visits = visits
        self._visitors = visitors
        self._product_id = product_id
        self.tally = Tally()
        self.made: list[Visit] = []
        """What of the plan was told to the shop."""

    async def visit(self, invoice: Invoice) -> None:
        """Do what the customer of an invoice does before the order."""
        visit, visitor = self._visits[invoice.number], self._visitors[invoice.customer]
        await self._search(visit, visitor)
        events = [event for view in visit.views for event in self._events(view)]
        if visit.question:
            events += await self._recommended(visit.question, visit.views[-1])
        await visitor.tell(events)
        self.made.append(visit)
        await self._fill_cart(visitor, invoice)

    async def _search(self, visit: Visit, visitor: Visitor) -> None:
        """Search, and open what is looked at first if it is among the results."""
        path = f"/v1/search?limit={_RESULTS}&q={quote(visit.query)}"
        found = (await self._shop.ask("GET", path, headers={"Visitor-Id": visitor.id})).body
        self.tally.searches += 1
        first = next(self._product_id(view.sku) for view in visit.views if view.sku)
        if first in {item["id"] for item in found["items"]}:
            clicks = f"/v1/search/{found['search_id']}/clicks"
            await self._shop.ask("POST", clicks, {"product_id": first})
            self.tally.chosen += 1

    def _events(self, view: View) -> Iterator[dict[str, Any]]:
        product_id = self._product_id(view.sku) if view.sku else None
        page = f"/products/{product_id}" if product_id else "/search"
        yield viewed(view.id, page, view.at.isoformat(), product_id)
        for total in view.totals:
            at = view.at + timedelta(milliseconds=total)
            yield engaged(view.id, total, at.isoformat(), product_id)

    async def _recommended(self, question: Question, last: View) -> list[dict[str, Any]]:
        """Ask for recommendations; return that they were shown, and chosen if they had what follows."""
        path = f"/v1/recommendations?placement={_PLACEMENT}&product_id={self._product_id(question.sku)}"
        if question.recent:
            path += f"&recent={','.join(map(self._product_id, question.recent))}"
        items = (await self._shop.ask("GET", path)).body["items"]
        shown, following = [item["product_id"] for item in items], self._product_id(question.following)
        self.tally.questions += 1
        self.tally.shown += len(shown)
        if not shown:
            return []
        told = {"placement": _PLACEMENT, "at": last.at.isoformat()}
        events = [{**told, "id": f"{last.id}.s", "type": "recommendation_shown", "product_ids": shown}]
        if following in shown:
            self.tally.hits += 1
            chosen = {"id": f"{last.id}.c", "type": "recommendation_clicked", "product_id": following}
            events.append({**told, **chosen})
        return events

    async def _fill_cart(self, visitor: Visitor, invoice: Invoice) -> None:
        lines = {
            self._product_id(line.sku): min(line.quantity, MOST_PIECES) for line in invoice.lines[:MOST_LINES]
        }
        if await visitor.change_cart(lines):
            self.tally.carts += 1
        else:
            self.tally.full_carts += 1

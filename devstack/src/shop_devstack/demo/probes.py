"""How long it takes from a page view to a recommendation that reflects it, measured on products of their own.

Popular products have too many companions for one more view to be seen; a new product has none.
"""

import asyncio
from datetime import UTC, datetime

from shop_devstack.demo.client import HttpClient
from shop_devstack.demo.merchant import Merchant, Wanted
from shop_devstack.demo.visitors import Visitor, viewed

PROBES = 5
_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 60
_BETWEEN_SECONDS = 0.5


class Probes:
    """Each probe is a guest who views two products in one visit, and asks until one leads to the other.

    Args:
        merchant: puts the products on sale, and takes them off again.
        run_id: keeps them apart from those of other runs.
    """

    def __init__(self, shop: HttpClient, merchant: Merchant, run_id: str) -> None:
        self._shop = shop
        self._merchant = merchant
        self._run_id = run_id
        self._skus = [f"{run_id}-probe-{number}" for number in range(PROBES + 1)]
        self.visitors: list[Visitor] = []
        self.views = 0
        self.milliseconds: list[int] = []
        """From before the views are told until they are reflected."""

    async def supply(self) -> None:
        """Put the products on sale."""
        for sku in self._skus:
            await self._merchant.supply([Wanted(sku, f"Probe of {sku}", 100, 0)])

    async def withdraw(self) -> None:
        """Take the products off again."""
        for sku in self._skus:
            await self._merchant.withdraw(sku)

    async def run(self) -> list[str]:
        """Measure; return in words what was never reflected."""
        first, *others = map(self._merchant.product_id, self._skus)
        wrong = []
        for other in others:
            if not await self._probe(first, other):
                wrong.append(f"a page view was in no recommendation within {_PATIENCE_SECONDS} s")
            await asyncio.sleep(_BETWEEN_SECONDS)
        return wrong

    async def _probe(self, one: str, other: str) -> bool:
        visitor = Visitor(self._shop)
        await visitor.begin()
        self.visitors.append(visitor)
        loop = asyncio.get_running_loop()
        began = loop.time()
        at = datetime.now(UTC).isoformat()
        pages = enumerate((one, other))
        await visitor.tell([viewed(f"{self._run_id}-p{n}", f"/products/{id}", at, id) for n, id in pages])
        self.views += 2
        while not await self._leads(one, other):
            if loop.time() > began + _PATIENCE_SECONDS:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        self.milliseconds.append(round((loop.time() - began) * 1000))
        return True

    async def _leads(self, one: str, other: str) -> bool:
        answer = await self._shop.ask("GET", f"/v1/recommendations?placement=product&product_id={one}")
        return any(
            item["product_id"] == other and item["because"] == "also-viewed" for item in answer.body["items"]
        )

"""A visitor of the shop as a client without cookies: a session of their own, told activity, a cart."""

from collections.abc import Mapping, Sequence
from typing import Any

from shop_devstack.demo.accounts import Account
from shop_devstack.demo.client import Answer, HttpClient
from shop_devstack.demo.errors import DemoError
from shop_devstack.demo.secrecy import Needle

HEADER = "Session-Id"
MOST_LINES, MOST_PIECES = 100, 999
"""What session takes in one cart, and in one line of it."""
_CONFLICT = 409
_TAKEN_IN = frozenset({"accepted", "duplicate"})


class Visitor:
    """One visit. The session string stays in here."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._session: dict[str, str] = {}
        self.needles: set[Needle] = set()
        """The session strings, old ones too; they must be found nowhere."""
        self.id = ""
        """As others may know the visitor; there once the visit has begun."""

    async def begin(self) -> None:
        """Begin a session, and agree to be counted and addressed."""
        answer = await self._client.ask("POST", "/v1/session")
        self._keep(answer)
        self.id = answer.body["visitor_id"]
        agreed = {"analytics": True, "marketing": True}
        await self._client.ask("PUT", "/v1/session/consent", agreed, self._session)

    async def link(self, account: Account) -> None:
        """Show who this is. What an earlier run has left in the user's cart is taken out."""
        answer = await account.ask("POST", "/v1/session/link", headers=self._session)
        self._keep(answer)
        if answer.body["cart"]["lines"]:
            await self.change_cart(dict.fromkeys(await self.cart(), 0))

    async def tell(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Tell of activity in one batch. Raises DemoError when any of it does not count."""
        answer = await self._client.ask(
            "POST", "/v1/session/activity", {"events": events}, self._session, accept=(202,)
        )
        for result in answer.body["results"]:
            if result["status"] not in _TAKEN_IN:
                raise DemoError(f"activity {result['id']} was {result['status']}: {result['reason']}")

    async def cart(self) -> dict[str, int]:
        """Return the pieces in the cart by product id."""
        answer = await self._client.ask("GET", "/v1/session/cart", headers=self._session)
        return {line["product_id"]: line["quantity"] for line in answer.body["lines"]}

    async def change_cart(self, quantities: Mapping[str, int]) -> bool:
        """Have so many pieces of some products, in one change; return False when there is no room."""
        answer = await self._client.ask(
            "PATCH", "/v1/session/cart", {"lines": quantities}, self._session, accept=(200, _CONFLICT)
        )
        return answer.status != _CONFLICT

    def _keep(self, answer: Answer) -> None:
        if answer.session:
            self._session = {HEADER: answer.session}
            self.needles.add(Needle("session string", answer.session))


def viewed(view_id: str, page: str, at: str, product_id: str | None = None) -> dict[str, Any]:
    """Return the event that a page was opened; `at` as RFC 3339 has it."""
    event = {"id": f"{view_id}.v", "type": "page_viewed", "view_id": view_id, "page": page, "at": at}
    return event | ({"product_id": product_id} if product_id else {})


def engaged(view_id: str, milliseconds: int, at: str, product_id: str | None = None) -> dict[str, Any]:
    """Return the event that a page has been engaged with for so long by now."""
    event = {
        "id": f"{view_id}.{milliseconds}",
        "type": "page_engaged",
        "view_id": view_id,
        "milliseconds": milliseconds,
        "at": at,
    }
    return event | ({"product_id": product_id} if product_id else {})

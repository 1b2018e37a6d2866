"""What goes on besides buying: visitors who look around, an attacker, probes; and how that is judged."""

import asyncio
import random
from collections.abc import Iterable
from datetime import UTC, datetime

from shop_devstack.demo import expected, oracle, visits
from shop_devstack.demo.accounts import Account, Passwords
from shop_devstack.demo.attack import Attack
from shop_devstack.demo.browsing import Browsing
from shop_devstack.demo.client import HttpClient
from shop_devstack.demo.companions import Companions
from shop_devstack.demo.errors import DemoError
from shop_devstack.demo.expected import Counts
from shop_devstack.demo.figures import BrowsingFigures
from shop_devstack.demo.invoices import Invoice, Selection
from shop_devstack.demo.merchant import Merchant
from shop_devstack.demo.probes import Probes
from shop_devstack.demo.secrecy import Needle
from shop_devstack.demo.shopping import Order
from shop_devstack.demo.topics import Topics
from shop_devstack.demo.visitors import Visitor
from shop_events.contracts.analytics import ProductsSuggested

_LOOK_SECONDS = 0.5
_CARTS = 30
_AGREEING = 0.2


class Audience:
    """Everybody who is not the merchant, as far as they do not buy.

    Args:
        merchant: an administrator as well, who may see what analytics has counted.
        run_id: what is viewed, and for how long, follows from it.
    """

    def __init__(
        self,
        shop: HttpClient,
        merchant: Merchant,
        topics: Topics,
        *,
        passwords: Passwords,
        selection: Selection,
        run_id: str,
    ) -> None:
        self._shop = shop
        self._analyst = merchant.account
        self._topics = topics
        self._run_id = run_id
        self._visitors: dict[str, Visitor] = {}
        plan = visits.plan(selection.invoices, run_id, datetime.now(UTC))
        self._browsing = Browsing(shop, plan, self._visitors, merchant.product_id)
        self._probes = Probes(shop, merchant, run_id)
        self._companions = Companions(self._analyst, merchant.product_id, selection.invoices)
        self._attack = Attack(shop, passwords, f"attacked-{run_id}", self._is_raised)
        self._before = Counts()
        self._counted = Counts()
        self._want = Counts()
        self._failures: list[str] = []

    async def prepare(self) -> None:
        """See what was counted before, attack, and make ready to measure."""
        self._before = await self._steady()
        await self._probes.supply()
        await self._attack.run()

    async def note_companions(self) -> None:
        """See what earlier orders bought together; to be done when all products are on sale."""
        await self._companions.note()

    async def welcome(self, customer: str, account: Account) -> None:
        """Let a customer who has logged in begin a visit; some agree to be mailed suggestions."""
        if random.Random(f"{self._run_id} {customer}").random() < _AGREEING:  # noqa: S311  for variety
            await account.agree_to_mails()
        visitor = Visitor(self._shop)
        await visitor.begin()
        await visitor.link(account)
        self._visitors[customer] = visitor

    async def visit(self, invoice: Invoice) -> None:
        """Look around as the customer of an invoice does before the order."""
        await self._browsing.visit(invoice)

    async def probe(self) -> None:
        """Measure how soon page views are reflected."""
        try:
            self._failures += await self._probes.run()
        except DemoError as error:
            self._failures.append(f"probe: {error}")

    async def missing(self, orders: Iterable[Order]) -> int:
        """Return how much analytics has not counted yet of what was done."""
        self._want = self._expected(orders)
        return self._want.missing(await self._since_before())

    async def judge(self, orders: Iterable[Order]) -> list[str]:
        """Compare counts, alerts and carts with what they must be; return in words what is wrong."""
        await self._probes.withdraw()
        self._want, self._counted = self._expected(orders), await self._since_before()
        bought = [order.invoice for order in orders]
        alone = not self._others()
        return [
            *self._failures,
            *expected.differences(self._want, self._counted, alone=alone),
            *await self._companions.differences(bought, alone=alone),
            *expected.wrong_alerts(self._topics.raised, self._attack.user_id, self._ids()),
            *await self._wrong_carts(sorted({invoice.customer for invoice in bought})[:_CARTS]),
        ]

    def figures(self) -> BrowsingFigures:
        """Return what was done and counted."""
        tally = self._browsing.tally
        return BrowsingFigures(
            **self._counted._asdict(),
            expected=self._want._asdict(),
            other_visitors=len(self._others()),
            searches=tally.searches,
            results_chosen=tally.chosen,
            carts=tally.carts,
            full_carts=tally.full_carts,
            recommendations=tally.questions,
            recommendation_hits=tally.hits,
            guesses=self._attack.guesses,
            alerts=[rule for rule, _ in self._topics.raised],
            suggestions=self._topics.types[ProductsSuggested.event_type],
            product_mails=self._topics.product_mails,
            reflected_ms=self._probes.milliseconds,
            reflected_ms_p50=oracle.percentile(self._probes.milliseconds, 50),
        )

    @property
    def needles(self) -> set[Needle]:
        """What the visitors and the attacked one keep to themselves."""
        visitors = (*self._visitors.values(), *self._probes.visitors)
        return {needle for visitor in visitors for needle in visitor.needles} | self._attack.needles

    async def _steady(self) -> Counts:
        """Return the counts once nothing is added any more to what earlier visits left."""
        counts, last = await self._read(), None
        while counts != last:
            await asyncio.sleep(_LOOK_SECONDS)
            counts, last = await self._read(), counts
        return counts

    async def _read(self) -> Counts:
        return Counts.of((await self._analyst.ask("GET", "/v1/insights/summary")).body)

    async def _since_before(self) -> Counts:
        return (await self._read()).since(self._before)

    async def _is_raised(self, user_id: str) -> bool:
        await self._topics.read()
        return any(subject == user_id for _, subject in self._topics.raised)

    def _expected(self, orders: Iterable[Order]) -> Counts:
        tally, probes = self._browsing.tally, self._probes
        return expected.together(
            expected.browsed(self._browsing.made),
            expected.bought(order.invoice for order in orders),
            Counts(
                sessions=len(self._visitors) + len(probes.visitors),
                views=probes.views,
                recommended=tally.shown,
                recommendation_clicks=tally.hits,
            ),
        )

    def _ids(self) -> set[str]:
        return {visitor.id for visitor in (*self._visitors.values(), *self._probes.visitors)}

    def _others(self) -> set[str]:
        """Return visitors who are none of the demo's: whoever looks around in the shop meanwhile."""
        return self._topics.visitors - self._ids()

    async def _wrong_carts(self, customers: Iterable[str]) -> list[str]:
        wrong = []
        for customer in customers:
            if left := await self._visitors[customer].cart():
                wrong.append(f"the cart of customer {customer} still has {len(left)} lines that were bought")
        return wrong

"""The demo's phases on a running stack: customers, products, orders, receipts, judgement."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiohttp

from shop_devstack.demo import oracle, restarting
from shop_devstack.demo.accounts import Account, Passwords, email_of, register
from shop_devstack.demo.audience import Audience
from shop_devstack.demo.client import HttpClient
from shop_devstack.demo.draining import Draining, Rest
from shop_devstack.demo.errors import DemoError
from shop_devstack.demo.figures import Figures, SearchFigures
from shop_devstack.demo.invoices import Selection
from shop_devstack.demo.merchant import Merchant, Wanted, wanted
from shop_devstack.demo.options import DemoOptions
from shop_devstack.demo.progress import Progress
from shop_devstack.demo.schedule import PriceSchedule
from shop_devstack.demo.secrecy import Search, search
from shop_devstack.demo.shopping import Shopping
from shop_devstack.demo.topics import Topics
from shop_devstack.programs import SERVICES
from shop_devstack.stack import StackInfo
from shop_events.topics import TOPICS

T = TypeVar("T")

_AT_THE_DESK = 16
_SHIPMENT = 100
"""Customers who register or log in at once: identity hashes passwords, and lets few wait for it."""
_INBOXES = 20
_SMALLEST_WINDOW = 200


class Replay:
    """One run. Its id is in every idempotency key, so that a second run places new orders."""

    def __init__(
        self,
        info: StackInfo,
        options: DemoOptions,
        session: aiohttp.ClientSession,
        topics: Topics,
        progress: Progress,
    ) -> None:
        self._info = info
        self._options = options
        self._topics = topics
        self._progress = progress
        self._run_id = f"demo-{time.time_ns() // 1_000_000:x}"
        self._shop = HttpClient(session, info.gateway_url)
        self._sandbox = HttpClient(session, info.sandbox_url)
        self._notifier = HttpClient(session, info.service_urls["notifier"])
        admin = info.admin()
        self._merchant = Merchant(Account(self._shop, admin.email, admin.password), self._run_id)
        self._customers: dict[str, Account] = {}
        self._in_flight_at_restart: int | None = None
        self._passwords = Passwords.kept_in(info.folder / "demo-secret.json")
        self._audience: Audience | None = None

    async def run(self, told: str, selection: Selection) -> Figures:
        """Replay invoices and judge the result.

        Raises DemoError when the shop does not let the demo go on.
        """
        await self._merchant.open()
        if self._options.browsing:
            self._audience = Audience(
                self._shop,
                self._merchant,
                self._topics,
                passwords=self._passwords,
                selection=selection,
                run_id=self._run_id,
            )
        await self._supply(selection)
        await self._register(selection)
        began = time.monotonic()
        shopping = await self._buy(selection)
        bought = time.monotonic()
        rest = await self._drain(shopping)
        drained = time.monotonic()
        entries, differences = await self._judge(shopping, rest)
        searched = await self._search()
        orders = shopping.orders
        latencies = oracle.latencies(orders, rest.receipts)
        return Figures(
            run_id=self._run_id,
            source=told,
            rows_read=selection.rows,
            rows_left_out={str(reason): count for reason, count in selection.left_out.items()},
            invoices=len(selection.invoices),
            customers=len(self._customers),
            products=len(wanted(selection.invoices)),
            price_changes=shopping.price_changes,
            orders=len(orders),
            orders_total=sum(order.total for order in orders),
            most_at_once=shopping.most_in_flight,
            in_flight_at_restart=self._in_flight_at_restart,
            shopping_seconds=bought - began,
            orders_per_second=len(orders) / (bought - began),
            draining_seconds=drained - bought,
            mails=_messages(shopping, rest, "email"),
            sms=_messages(shopping, rest, "sms"),
            inboxes_sampled=min(_INBOXES, len(self._customers)),
            inbox_entries=entries,
            events=dict(self._topics.counts),
            event_types=dict(self._topics.types),
            dead_letters=self._topics.dead_letter_count,
            retries=dict(self._shop.retries),
            latency_ms_p50=oracle.percentile(latencies, 50),
            latency_ms_p99=oracle.percentile(latencies, 99),
            browsing=self._audience.figures() if self._audience else None,
            searched=SearchFigures.of(searched),
            differences=[*differences, *searched.differences],
        )

    async def _supply(self, selection: Selection) -> None:
        products = wanted(selection.invoices)
        shipments = [products[first : first + _SHIPMENT] for first in range(0, len(products), _SHIPMENT)]

        async def ship(shipment: list[Wanted]) -> None:
            await self._merchant.supply(shipment)
            for _ in shipment:
                step()

        with self._progress.phase("Products on sale", len(products)) as step:
            async with asyncio.TaskGroup() as tasks:
                if self._audience:
                    tasks.create_task(self._audience.prepare())
                await each(shipments, ship, _AT_THE_DESK, lambda: None)
            if self._audience:
                await self._audience.note_companions()

    async def _register(self, selection: Selection) -> None:
        async def come(customer: str) -> None:
            password = self._passwords.of(email_of(customer))
            await register(self._shop, customer, password)
            account = self._customers[customer] = Account(self._shop, email_of(customer), password)
            await account.log_in()
            if self._audience:
                await self._audience.welcome(customer, account)

        customers = list(dict.fromkeys(invoice.customer for invoice in selection.invoices))
        with self._progress.phase("Customers registered and logged in", len(customers)) as step:
            await each(customers, come, _AT_THE_DESK, step)

    async def _buy(self, selection: Selection) -> Shopping:
        total, buyers = len(selection.invoices), self._options.buyers
        window = max(_SMALLEST_WINDOW, 8 * buyers)
        schedule = PriceSchedule(selection.invoices, self._merchant.prices, window)
        half = asyncio.Event()
        with self._progress.phase("Orders placed", total) as step:

            def bought() -> None:
                step()
                if 2 * len(shopping.orders) >= total:
                    half.set()

            shopping = Shopping(
                schedule,
                self._merchant,
                self._customers,
                self._run_id,
                buyers=buyers,
                progress=bought,
                visit=self._audience.visit if self._audience else None,
            )
            besides = [asyncio.create_task(self._restart_once(half, shopping))]
            if self._audience:
                besides.append(asyncio.create_task(self._audience.probe()))
            try:
                await shopping.run()
                await asyncio.gather(*besides)
            finally:
                for task in besides:
                    task.cancel()
        return shopping

    async def _restart_once(self, half: asyncio.Event, shopping: Shopping) -> None:
        if self._options.restart is None:
            return
        await half.wait()
        self._in_flight_at_restart = shopping.in_flight
        parts = SERVICES if self._options.restart == "services" else tuple(self._info.pids)
        try:
            await restarting.restart(self._info, parts)
        except DemoError as error:
            shopping.failures.append(str(error))

    async def _drain(self, shopping: Shopping) -> Rest:
        audience = self._audience
        draining = Draining(
            shopping,
            self._topics,
            sandbox=self._sandbox,
            notifier=self._notifier,
            operator=self._merchant.account,
            uncounted=partial(audience.missing, shopping.orders) if audience else None,
        )
        with self._progress.phase("Receipts received", len(shopping.orders)) as step:
            return await draining.wait(self._options.deadline, lambda rest: step(rest.done, rest.told()))

    async def _judge(self, shopping: Shopping, rest: Rest) -> tuple[int, list[str]]:
        users = frozenset(account.user_id for account in self._customers.values())
        entries, wrong_inboxes = await self._inboxes(shopping)
        differences = [
            *shopping.failures,
            *oracle.differences(shopping.orders, rest.receipts),
            *oracle.extra_orders(shopping.orders, self._topics.placed, users),
            *wrong_inboxes,
            *(await self._audience.judge(shopping.orders) if self._audience else ()),
            *self._topics.dead_letters,
        ]
        if not rest.reached(len(shopping.orders)):
            differences.append(f"After {self._options.deadline:.0f} s there were {rest.told()}")
        return entries, differences

    async def _search(self) -> Search:
        """Look for what shoppers keep to themselves in everything that the stack has said."""
        accounts = (*self._customers.values(), self._merchant.account)
        needles = {needle for account in accounts for needle in account.needles}
        needles |= self._audience.needles if self._audience else set()
        metrics = {name: f"{url}/metrics" for name, url in self._info.service_urls.items()}
        logs = self._info.folder / "logs"
        with self._progress.phase("Secrets looked for", len(TOPICS)) as step:

            def looked(place: str) -> None:
                if place.removeprefix("topic ") in TOPICS:
                    step()

            return await search(self._topics.kafka, logs, metrics, needles, looked)

    async def _inboxes(self, shopping: Shopping) -> tuple[int, list[str]]:
        """Look into some inboxes; return how many entries of this run they hold, and what is wrong."""
        bought = Counter(order.invoice.customer for order in shopping.orders)
        ids = {order.id for order in shopping.orders}
        entries, wrong = 0, []
        for customer in list(bought)[:_INBOXES]:
            page = (await self._customers[customer].ask("GET", "/v1/notifications?limit=100")).body
            found = sum(item["about"].get("order_id") in ids for item in page["items"])
            entries += found
            if found != bought[customer] and page["next_cursor"] is None:
                wrong.append(f"the inbox of {email_of(customer)} has {found} entries, not {bought[customer]}")
        return entries, wrong


async def replay(
    info: StackInfo, options: DemoOptions, told: str, selection: Selection, progress: Progress
) -> Figures:
    """Replay a selection of invoices on a running stack, all over HTTP. Raises DemoError."""
    connector = aiohttp.TCPConnector(limit=options.buyers + _AT_THE_DESK)
    nobodys = aiohttp.DummyCookieJar()  # many visitors share the connections; each keeps their own session
    async with (
        aiohttp.ClientSession(connector=connector, cookie_jar=nobodys) as session,
        Topics(info.operator_kafka) as topics,
    ):
        return await Replay(info, options, session, topics, progress).run(told, selection)


async def each(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], at_once: int, done: Callable[[], None]
) -> None:
    """Do the work for each item, `at_once` at a time; the first failure ends it all."""
    waiting = iter(items)

    async def worker() -> None:
        for item in waiting:
            await work(item)
            done()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(worker())


def _messages(shopping: Shopping, rest: Rest, channel: str) -> int:
    return sum(
        rest.receipts[order.id][channel]["count"]
        for order in shopping.orders
        if channel in rest.receipts.get(order.id, {})
    )


def report_file(folder: Path) -> Path:
    """Return where the figures of the last run are kept."""
    return folder / "demo.json"

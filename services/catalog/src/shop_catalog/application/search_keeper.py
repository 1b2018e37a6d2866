"""Keeps this process' index of products: built from the store at the start, then led by its change stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, Protocol, TypeVar

import structlog
from prometheus_client import Counter, Gauge
from pymongo.errors import PyMongoError

from shop_catalog.domain.search import Searchable
from shop_catalog.store.search import HistoryLost, ProductChanges, SearchableProducts
from shop_events.waiting import Backoff

_BATCH = 1000

SIZE = Gauge("search_index_products", "Products that this process' index holds")
REBUILDS = Counter("search_index_rebuilds_total", "Times this process built its index from the store")

log = structlog.get_logger("shop_catalog.search")


class Stopped(Exception):
    """The process ends before the index is whole."""


class WritableIndex(Protocol):
    """An index that one thread writes. What was written is found from the commit on."""

    @property
    def size(self) -> int: ...

    def clear(self) -> None: ...

    def put(self, products: Iterable[Searchable]) -> None: ...

    def drop(self, product_ids: Iterable[str]) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...


I = TypeVar("I", bound=WritableIndex)  # noqa: E741
T = TypeVar("T")


class IndexKeeper(Generic[I]):
    """Keeps an index up to date until told to stop.

    The place in the change stream is taken before the products are read, and each change makes the product be
    read anew, so whatever happens meanwhile is seen. A new process begins with an empty index; one whose
    place in the stream is lost fills its own again, and answers from the old one until that is whole.

    Args:
        products: where they are.
        make: makes an empty index.
    """

    def __init__(self, products: SearchableProducts, make: Callable[[], I]) -> None:
        self._products = products
        self._make = make
        self._index: I | None = None
        self._token: Any = None
        self._writing = ThreadPoolExecutor(1, "search-index")
        self.caught_up = asyncio.Event()

    def index(self) -> I | None:
        """Return the index, None as long as it does not hold all products."""
        return self._index if self.caught_up.is_set() else None

    async def run(self, stop: asyncio.Event) -> None:
        """Build the index if it is not whole, and follow until ``stop`` is set."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                async with self._products.changes(self._token) as changes:
                    await self._follow(changes, stop, backoff)
            except Stopped:
                return
            except HistoryLost as error:
                log.warning("the index has to be built again", reason=str(error))
                self._token = None
                await backoff.pause(stop)
            except PyMongoError as error:
                log.warning("cannot follow products", error=type(error).__name__)
                await backoff.pause(stop)

    def close(self) -> None:
        """Wait until nothing is written any more."""
        self._writing.shutdown()

    async def _follow(self, changes: ProductChanges, stop: asyncio.Event, backoff: Backoff) -> None:
        if self._index is None:
            self._index = await self._write(self._make)
        index = self._index
        if self._token is None:
            await self._fill(index, stop)
            self._token = changes.token
        while not stop.is_set():
            changed = await changes.next()
            if changed:
                await self._apply(index, changed)
            elif not self.caught_up.is_set():
                self.caught_up.set()
                log.info("the index is whole", products=index.size)
            self._token = changes.token
            backoff.reset()

    async def _fill(self, index: I, stop: asyncio.Event) -> None:
        """Put all products into the index; until they all are, what was in it before is found.

        Raises Stopped.
        """
        REBUILDS.inc()
        try:
            await self._write(index.clear)
            last = ""
            while batch := await self._products.after(last, _BATCH):
                await self._write(index.put, batch)
                last = batch[-1].product_id
                if stop.is_set():
                    raise Stopped
        except BaseException:
            await self._write(index.rollback)
            raise
        await self._commit(index)

    async def _apply(self, index: I, changed: list[str]) -> None:
        products = await self._products.those(changed)
        await self._write(index.drop, changed)
        await self._write(index.put, products)
        await self._commit(index)

    async def _commit(self, index: I) -> None:
        await self._write(index.commit)
        SIZE.set(index.size)

    async def _write(self, call: Callable[..., T], *args: object) -> T:
        """Call the index in the one thread that writes; a call under way is not left alone."""
        running = asyncio.get_running_loop().run_in_executor(self._writing, call, *args)
        return await asyncio.shield(running)

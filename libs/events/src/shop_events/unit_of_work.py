"""One MongoDB transaction: what it changes and what it tells others are committed together or not at all."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import structlog
from pymongo import AsyncMongoClient, DeleteMany, DeleteOne, InsertOne, ReadPreference, UpdateMany, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shop_events import outbox
from shop_events.contracts.base import Fact
from shop_events.envelope import Envelope, Message, encode, envelope_for

_NO_SUCH_TRANSACTION = 251

Write = InsertOne[Any] | UpdateOne | UpdateMany | DeleteOne | DeleteMany


class UnitOfWork:
    """What a use case works with: repositories on one transaction, and :meth:`publish`.

    A service subclasses it and adds its repositories, each made from ``db`` and ``session``. Use cases take
    one, they never open one.
    """

    envelope: Envelope | None = None
    """The envelope of the event in hand; None outside of a consumer."""

    def __init__(self, db: AsyncDatabase[Any], session: AsyncClientSession | None, source: str) -> None:
        self.db = db
        self.session = session
        self.source = source
        self.on_commit: list[Callable[[], None]] = []
        self._rows: list[dict[str, Any]] = []
        self._writes: dict[str, list[Write]] = {}

    @property
    def sequence(self) -> int:
        """The version of the aggregate that the event in hand tells of."""
        if self.envelope is None:
            raise RuntimeError("no event is being handled")
        return self.envelope.sequence

    def publish(self, facts: Iterable[Fact], event_id: str | None = None) -> None:
        """Tell others: each fact becomes an outbox row of this transaction.

        Args:
            facts: what happened, in order.
            event_id: for one derived fact, its UUIDv5 (see :func:`shop_events.ids.derived_id`).
        """
        for fact in facts:
            self.send(encode(envelope_for(fact, self.source, event_id), fact.event), fact.sequence)

    def send(self, message: Message, sequence: int = 0) -> None:
        """Put a ready-made record into the outbox."""
        self._rows.append(outbox.row_of(message, sequence))

    @property
    def tells(self) -> bool:
        """Say whether something is to be published with this transaction."""
        return bool(self._rows)

    def write(self, collection: str, operation: Write) -> None:
        """Change ``collection`` in one go with whatever else this unit of work writes to it.

        That happens before the commit, or in :meth:`settle`: until then a read does not see it.
        """
        self._writes.setdefault(collection, []).append(operation)

    async def settle(self) -> None:
        """Do the writes that wait, each collection's in their order."""
        waiting, self._writes = self._writes, {}
        for collection, operations in waiting.items():
            await self.db[collection].bulk_write(operations, session=self.session)

    async def flush(self) -> None:
        """Do the writes that wait and add the outbox rows; the transactor does this before it commits."""
        await self.settle()
        if self._rows:
            if self.session is None:
                raise RuntimeError("a read cannot publish")
            rows, self._rows = self._rows, []
            await outbox.append(self.db, self.session, rows)


log = structlog.get_logger(__name__)

U = TypeVar("U", bound=UnitOfWork)
P = ParamSpec("P")
T = TypeVar("T")
Factory = Callable[[AsyncDatabase[Any], AsyncClientSession | None], U]
Work = Callable[Concatenate[U, P], Awaitable[T]]


class Transactor(Generic[U]):
    """Runs use cases: ``await transact(orders.place, body, caller)`` is one transaction.

    MongoDB asks for a transaction to be repeated when it met another one; that is done with growing, jittered
    pauses until ``patience`` is over. The use case must therefore have no effect outside the unit of work.

    No more than ``at_once`` transactions are open at a time, the others wait in line: on a hot document, more
    of them only means more conflicts (measured: 150 at once on popular products starved some for minutes).
    """

    def __init__(
        self,
        client: AsyncMongoClient[Any],
        db: AsyncDatabase[Any],
        factory: Factory[U],
        patience: timedelta = timedelta(seconds=10),
        at_once: int = 8,
    ) -> None:
        self._client = client
        self._db = db
        self._factory = factory
        self._patience = patience.total_seconds()
        self._turns = asyncio.Semaphore(at_once)

    async def __call__(self, work: Work[U, P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work(uow, *args)`` in a transaction and return what it returns."""
        async with self._turns, self._client.start_session() as session:
            deadline = time.monotonic() + self._patience
            for attempt in range(1_000_000):
                try:
                    return await self._attempt(session, deadline, work, *args, **kwargs)
                except PyMongoError as error:
                    if not is_transient(error) or time.monotonic() > deadline:
                        raise
                await asyncio.sleep(random.uniform(0.2, 1) * min(0.002 * 2**attempt, 0.25))  # noqa: S311
        raise AssertionError("unreachable")

    async def read(self, work: Work[U, P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query outside of any transaction."""
        return await work(self._factory(self._db, None), *args, **kwargs)

    async def _attempt(
        self,
        session: AsyncClientSession,
        deadline: float,
        work: Work[U, P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        uow = self._factory(self._db, session)
        async with await session.start_transaction(
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        ):
            result = await work(uow, *args, **kwargs)
            await uow.flush()
            await _commit(session, deadline)
        _tell(uow.on_commit)
        return result


def _tell(callbacks: Iterable[Callable[[], None]]) -> None:
    """Call what waits for the commit. It has happened: no failure here may make the work look undone."""
    for callback in callbacks:
        try:
            callback()
        except Exception:
            log.exception("what was to follow a commit failed")


async def _commit(session: AsyncClientSession, deadline: float) -> None:
    """Commit, and ask again while the outcome is unknown: a commit may be repeated, the work may not."""
    while True:
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            unknown = error.has_error_label("UnknownTransactionCommitResult")
            if not unknown or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            return


def is_disconnected(error: BaseException) -> bool:
    """Say whether MongoDB could not be reached or did not answer: no work could have succeeded."""
    return isinstance(error, ConnectionFailure)


def is_excuse(error: BaseException) -> bool:
    """Say whether MongoDB is why this failed beyond doubt, however often it does: conflicts, elections, load.

    NoSuchTransaction is no excuse. It is transient as well, but it is also all that a use case gets to hear
    that swallowed an error and went on in the transaction which that error had ended.
    """
    return is_transient(error) and not (
        isinstance(error, OperationFailure) and error.code == _NO_SUCH_TRANSACTION
    )


def is_transient(error: BaseException) -> bool:
    """Say whether MongoDB, and not the work, is why this failed: the same work may well succeed later."""
    if isinstance(error, ConnectionFailure):
        return True
    if isinstance(error, PyMongoError) and error.has_error_label("TransientTransactionError"):
        return True
    if isinstance(error, PyMongoError) and error.has_error_label("UnknownTransactionCommitResult"):
        return True
    return isinstance(error, OperationFailure) and error.has_error_label("RetryableWriteError")

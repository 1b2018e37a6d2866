"""A database in memory: as much of PyMongo's interface as the backbone and plain repositories ask for.

Documents are kept as BSON, so that what comes back is what MongoDB would give back (lists for tuples, times
in milliseconds), and what it would refuse is refused. There are transactions, one at a time.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Self

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo import DeleteMany, DeleteOne, InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError, OperationFailure
from pymongo.results import DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

from shop_events.testing.queries import Document, NotInMemory, equalities, matches, order_of, updated

_CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, uuid_representation=UuidRepresentation.STANDARD)

Rows = dict[bytes, bytes]
Order = Sequence[tuple[str, int]]


class Misuse(AssertionError):
    """The code under test does what would go wrong with a real database."""


class MemoryDatabase:
    """Collections by name, as they are after the last transaction or within the open one.

    Args:
        state: objects whose attributes go back to what they were when a transaction is undone.
        conflicts: so often each transaction is undone before it is let through.
    """

    def __init__(self, state: Sequence[object] = (), conflicts: int = 0) -> None:
        self.rows: dict[str, Rows] = defaultdict(dict)
        self.state = state
        self.conflicts = conflicts
        self.session: MemorySession | None = None
        self.misuse: Exception | None = None

    def __getitem__(self, name: str) -> MemoryCollection:
        return MemoryCollection(self, name)

    def start_session(self) -> MemorySession:
        """Return a session, for one transaction after the other."""
        return MemorySession(self)

    def refuse(self, error: Exception) -> Exception:
        """Remember an error that no handler's failure may hide."""
        self.misuse = self.misuse or error
        return error


class MemorySession:
    """Begins, commits and undoes transactions."""

    def __init__(self, db: MemoryDatabase) -> None:
        self._db = db
        self._conflicts = db.conflicts
        self._before: tuple[dict[str, Rows], list[dict[str, Any]]] | None = None
        self.ended_by: Exception | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._undo()

    async def start_transaction(self, **_: Any) -> _Transaction:
        """Begin a transaction."""
        if self._db.session:
            raise self._db.refuse(Misuse("a transaction was begun within another one"))
        rows = {name: dict(rows) for name, rows in self._db.rows.items()}
        self._before = rows, [copy.deepcopy(vars(thing)) for thing in self._db.state]
        self._db.session = self
        self.ended_by = None
        return _Transaction(self)

    async def commit_transaction(self) -> None:
        """Keep what was written, unless this transaction is to conflict."""
        if self.ended_by:
            raise self._db.refuse(
                Misuse(f"MongoDB ends a transaction in which something failed: {self.ended_by}")
            )
        if self._conflicts:
            self._conflicts -= 1
            raise _conflict()
        self._before = self._db.session = None

    def _undo(self) -> None:
        if self._before is None:
            return
        rows, attributes = self._before
        self._db.rows = defaultdict(dict, rows)
        for thing, before in zip(self._db.state, attributes, strict=True):
            vars(thing).clear()
            vars(thing).update(before)
        self._before = self._db.session = None


class _Transaction:
    def __init__(self, session: MemorySession) -> None:
        self._session = session

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None:
        self._session._undo()


class MemoryCollection:
    """One collection. Methods and arguments are PyMongo's; those that are missing say so."""

    def __init__(self, db: MemoryDatabase, name: str) -> None:
        self._db = db
        self.name = name

    def __getattr__(self, name: str) -> Any:
        raise self._db.refuse(NotInMemory(f"collection.{name}"))

    def find(
        self, query: Mapping[str, Any] | None = None, projection: Any = None, session: Any = None
    ) -> MemoryCursor:
        """Return what fits; a projection is not applied."""
        return MemoryCursor(self._found(query or {}))

    async def find_one(
        self,
        query: Mapping[str, Any] | None = None,
        projection: Any = None,
        sort: Order = (),
        session: Any = None,
    ) -> Document | None:
        return next(iter(self._found(query or {}, sort)), None)

    async def count_documents(self, query: Mapping[str, Any], limit: int = 0, session: Any = None) -> int:
        return len(self._found(query)[: limit or None])

    async def insert_one(self, document: Document, session: Any = None) -> InsertOneResult:
        self._before_writing(session)
        document.setdefault("_id", bson.ObjectId())
        key = _key(document)
        if key in self._rows:
            error = DuplicateKeyError(f"E11000 duplicate key in {self.name}", 11000)
            if self._db.session:
                self._db.session.ended_by = error
            raise error
        self._rows[key] = _stored(document)
        return InsertOneResult(document["_id"], True)

    async def insert_many(self, documents: Iterable[Document], session: Any = None) -> InsertManyResult:
        inserted = [(await self.insert_one(document, session)).inserted_id for document in documents]
        return InsertManyResult(inserted, True)

    async def replace_one(
        self, query: Mapping[str, Any], replacement: Document, upsert: bool = False, session: Any = None
    ) -> UpdateResult:
        pipeline = [{"$replaceWith": {"$literal": {**equalities(query), **replacement}}}]
        return await self.update_one(query, pipeline, upsert=upsert, session=session)

    async def update_one(
        self, query: Mapping[str, Any], update: Any, upsert: bool = False, session: Any = None
    ) -> UpdateResult:
        before, after = self._update(query, update, (), upsert, session)
        matched = int(before is not None)
        inserted = after and after["_id"] if before is None else None
        return UpdateResult(
            {"n": matched, "nModified": int(matched and before != after), "upserted": inserted}, True
        )

    async def find_one_and_update(
        self,
        query: Mapping[str, Any],
        update: Any,
        *,
        sort: Order = (),
        upsert: bool = False,
        return_document: bool = ReturnDocument.BEFORE,
        session: Any = None,
    ) -> Document | None:
        before, after = self._update(query, update, sort, upsert, session)
        return after if return_document else before

    async def delete_one(self, query: Mapping[str, Any], session: Any = None) -> DeleteResult:
        return self._delete(self._found(query)[:1], session)

    async def delete_many(self, query: Mapping[str, Any], session: Any = None) -> DeleteResult:
        return self._delete(self._found(query), session)

    async def bulk_write(self, operations: Sequence[Any], session: Any = None) -> None:
        """Do what a unit of work has put off, one after the other."""
        for operation in operations:
            match operation:
                case InsertOne():
                    await self.insert_one(operation._doc, session)
                case UpdateOne():
                    upsert = bool(operation._upsert)
                    await self.update_one(operation._filter, operation._doc, upsert, session)
                case DeleteOne():
                    await self.delete_one(operation._filter, session)
                case DeleteMany():
                    await self.delete_many(operation._filter, session)
                case _:
                    raise self._db.refuse(NotInMemory(type(operation).__name__))

    @property
    def _rows(self) -> Rows:
        return self._db.rows[self.name]

    def _found(self, query: Mapping[str, Any], sort: Order = ()) -> list[Document]:
        wanted = _loaded(_stored(dict(query)))
        try:
            found = [row for row in map(_loaded, self._rows.values()) if matches(row, wanted)]
        except NotInMemory as error:
            raise self._db.refuse(error) from None
        return sorted(found, key=lambda row: order_of(row, sort)) if sort else found

    def _update(
        self, query: Mapping[str, Any], update: Any, sort: Order, upsert: bool, session: Any
    ) -> tuple[Document | None, Document | None]:
        self._before_writing(session)
        before = next(iter(self._found(query, sort)), None)
        if before is None and not upsert:
            return None, None
        base = equalities(query) if before is None else copy.deepcopy(before)
        change = _loaded(_stored({"": update}))[""]
        try:
            after = updated(base, change, new=before is None)
        except NotInMemory as error:
            raise self._db.refuse(error) from None
        after.setdefault("_id", before["_id"] if before else bson.ObjectId())
        self._rows[_key(after)] = _stored(after)
        return before, after

    def _delete(self, found: Sequence[Document], session: Any) -> DeleteResult:
        self._before_writing(session)
        for document in found:
            del self._rows[_key(document)]
        return DeleteResult({"n": len(found)}, True)

    def _before_writing(self, session: Any) -> None:
        if self._db.session and session is not self._db.session:
            hint = "pass session=uow.session"
            raise self._db.refuse(Misuse(f"{self.name} is written outside of the unit of work: {hint}"))


class MemoryCursor:
    """What was found, in PyMongo's manner."""

    def __init__(self, documents: list[Document]) -> None:
        self._documents = documents

    def sort(self, fields: str | Order, direction: int = 1) -> Self:
        order = [(fields, direction)] if isinstance(fields, str) else fields
        self._documents.sort(key=lambda document: order_of(document, order))
        return self

    def limit(self, most: int) -> Self:
        self._documents = self._documents[: most or None]
        return self

    async def to_list(self, length: int | None = None) -> list[Document]:
        return self._documents[:length]

    async def __aiter__(self) -> AsyncIterator[Document]:
        for document in self._documents:
            yield document


def _conflict() -> OperationFailure:
    labels = {"errorLabels": ["TransientTransactionError"]}
    return OperationFailure("the kit let this transaction conflict", 112, labels)


def _key(document: Mapping[str, Any]) -> bytes:
    return bson.encode({"_id": document["_id"]}, codec_options=_CODEC)


def _stored(document: Mapping[str, Any]) -> bytes:
    return bson.encode(document, codec_options=_CODEC)


def _loaded(stored: bytes) -> Document:
    return bson.decode(stored, codec_options=_CODEC)

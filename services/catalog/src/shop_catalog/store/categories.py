"""The category tree in MongoDB: each category with the way to it, so that one read finds what is below."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from pymongo import UpdateOne
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.errors import BulkWriteError, DuplicateKeyError

from shop_catalog.domain.categories import Category, Step, key_of
from shop_catalog.domain.errors import CategoryTaken, VersionConflict
from shop_catalog.store.documents import Document, Repository

CATEGORIES = "categories"

_DUPLICATE_KEY = 11000
_TAKEN = "There is a category of this name in the same place."


class Categories(Repository):
    """The categories of the shop."""

    async def get(self, category_id: str) -> Category | None:
        found = await self._collection.find_one({"_id": category_id}, session=self._session)
        return None if found is None else category_of(found)

    async def named(self, parent_id: str | None, names: Iterable[str]) -> dict[str, Category]:
        """Return the children of a category (None: the roots) that have one of ``names``, by key."""
        query = {"parent_id": parent_id, "key": {"$in": [key_of(name) for name in names]}}
        found = self._collection.find(query, session=self._session)
        return {category.key: category async for category in _read(found)}

    async def below(self, category_id: str, limit: int) -> list[Category]:
        """Return up to ``limit`` categories below another one, at any depth."""
        found = self._collection.find({"ancestors.id": category_id}, session=self._session).limit(limit)
        return [category async for category in _read(found)]

    async def page(self, parent_id: str | None, limit: int, after: tuple[str, str] | None) -> list[Category]:
        """Return up to ``limit`` children of a category (None: the roots) by name, from behind ``after``."""
        query: Document = {"parent_id": parent_id}
        if after is not None:
            query["$or"] = [{"key": {"$gt": after[0]}}, {"key": after[0], "_id": {"$gt": after[1]}}]
        found = self._collection.find(query, session=self._session).sort([("key", 1), ("_id", 1)])
        return [category async for category in _read(found.limit(limit))]

    async def add(self, category: Category) -> None:
        """Store a new category.

        Raises:
            CategoryTaken: there is one of this name in the same place.
        """
        try:
            await self._collection.insert_one(category_document(category), session=self._session)
        except DuplicateKeyError as error:
            raise CategoryTaken(_TAKEN) from error

    async def save(self, categories: Sequence[Category]) -> None:
        """Store changes.

        Raises:
            VersionConflict: one of them is at another version than when it was read.
            CategoryTaken: there is one of this name in the same place.
        """
        writes = [
            UpdateOne({"_id": each.id, "version": each.version_read}, {"$set": _state(each)})
            for each in categories
        ]
        try:
            result = await self._collection.bulk_write(writes, session=self._session)
        except BulkWriteError as error:
            if any(each["code"] == _DUPLICATE_KEY for each in error.details["writeErrors"]):
                raise CategoryTaken(_TAKEN) from error
            raise
        if result.matched_count != len(categories):
            raise VersionConflict("The category was changed in the meantime.")

    async def remove(self, category_id: str) -> None:
        await self._collection.delete_one({"_id": category_id}, session=self._session)

    async def hold(self, category_ids: Iterable[str], at: datetime) -> None:
        """Write to categories without changing them: who renames, moves or removes one now conflicts."""
        await self._collection.update_many(
            {"_id": {"$in": list(category_ids)}}, {"$set": {"held_at": at}}, session=self._session
        )

    async def unspread(self) -> Category | None:
        """Return a category of whose last change its products do not know yet."""
        found = await self._collection.find_one({"spread": False}, session=self._session)
        return None if found is None else category_of(found)

    async def note_spread(self, category: Category) -> None:
        """Note that the products know, unless there was another change meanwhile."""
        await self._collection.update_one(
            {"_id": category.id, "version": category.version},
            {"$set": {"spread": True}},
            session=self._session,
        )


def category_of(document: Document) -> Category:
    """Return the category that a document holds."""
    return Category(
        id=document["_id"],
        name=document["name"],
        ancestors=tuple(Step(**step) for step in document["ancestors"]),
        translations=document["translations"],
        version=document["version"],
        spread=document["spread"],
    )


def category_document(category: Category) -> Document:
    """Return how a category is stored."""
    return {"_id": category.id, **_state(category)}


async def _read(found: AsyncCursor[Document]) -> AsyncIterator[Category]:
    async for document in found:
        yield category_of(document)


def _state(category: Category) -> Document:
    return {
        "name": category.name,
        "key": category.key,
        "parent_id": category.parent_id,
        "ancestors": [step._asdict() for step in category.ancestors],
        "translations": dict(category.translations),
        "version": category.version,
        "spread": category.spread,
    }

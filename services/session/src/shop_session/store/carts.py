"""Carts in MongoDB, one an owner, and the requests to add to them that were answered."""

from __future__ import annotations

from datetime import datetime, timedelta

from pymongo import ASCENDING

from shop_events.partial_indexes import ANY_TIME
from shop_session.domain.carts import Cart, line_key, line_of
from shop_session.domain.errors import KeyReused
from shop_session.domain.owners import Owner
from shop_session.store.repository import Document, Repository, version_before

_REQUESTS_KEPT = timedelta(days=2)


class Carts(Repository):
    """The carts there are."""

    async def of(self, owner: Owner, visitor_id: str) -> Cart:
        """Return somebody's cart, an empty one if they have none."""
        document = await self._collection.find_one({"_id": owner.id}, session=self._session)
        return _cart_of(document, owner) if document else Cart(owner=owner, visitor_id=visitor_id)

    async def save(self, cart: Cart, version: int | None = None) -> None:
        """Store what changed.

        Args:
            cart: as it is to be stored.
            version: what the stored one has, where that is not what the facts say (see Cart.absorb).

        Raises:
            VersionConflict: the cart was changed meanwhile.
        """
        document: Document = {
            "visitor_id": cart.visitor_id,
            "lines": [_line_document(key, pieces) for key, pieces in cart.quantities.items()],
            "version": cart.version,
            "untouched_since": cart.untouched_since,
        }
        if cart.owner.kept_until:
            document["kept_until"] = cart.owner.kept_until
        await self._put(cart.owner.id, version_before(cart) if version is None else version, document)

    async def remove(self, owner: Owner) -> None:
        await self._collection.delete_one({"_id": owner.id}, session=self._session)

    async def untouched(self, by: datetime, limit: int) -> list[Cart]:
        """Return up to ``limit`` carts that nobody has touched since ``by``, the longest first."""
        query = {"untouched_since": {**ANY_TIME, "$lte": by}}
        found = self._collection.find(query, session=self._session).sort("untouched_since", ASCENDING)
        return [
            _cart_of(document, Owner(document["_id"], document.get("kept_until")))
            async for document in found.limit(limit)
        ]

    async def wait(self, cart: Cart) -> None:
        """Store since when a cart that did not change is untouched.

        Raises:
            VersionConflict: the cart was changed meanwhile.
        """
        await self._put(cart.owner.id, cart.version, {"untouched_since": cart.untouched_since})


class Requests(Repository):
    """Idempotency keys that were used, each by one visitor."""

    async def is_repeated(self, visitor_id: str, key: str, fingerprint: str) -> bool:
        """Say whether the same visitor asked for the same under the same key before.

        Raises:
            KeyReused: they asked for something else.
        """
        found = await self._collection.find_one({"_id": f"{visitor_id} {key}"}, session=self._session)
        if found and found["fingerprint"] != fingerprint:
            raise KeyReused("The key was used for another request.")
        return found is not None

    async def remember(self, visitor_id: str, key: str, fingerprint: str, now: datetime) -> None:
        await self._collection.insert_one(
            {"_id": f"{visitor_id} {key}", "fingerprint": fingerprint, "kept_until": now + _REQUESTS_KEPT},
            session=self._session,
        )


def _line_document(key: str, pieces: int) -> Document:
    product_id, variant_id = line_of(key)
    return {"product_id": product_id, "variant_id": variant_id, "quantity": pieces}


def _cart_of(document: Document, owner: Owner) -> Cart:
    return Cart(
        owner=owner,
        visitor_id=document["visitor_id"],
        quantities={
            line_key(line["product_id"], line.get("variant_id")): line["quantity"]
            for line in document["lines"]
        },
        version=document["version"],
        untouched_since=document.get("untouched_since"),
    )

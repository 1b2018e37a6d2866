"""Saving cards, showing and removing one's own, and publishing all again."""

from __future__ import annotations

import json
from dataclasses import astuple

from shop_events.contracts.base import Fact
from shop_events.unit_of_work import Transactor
from shop_identity.application.ports import Caller
from shop_identity.domain.cards import Card, CardRequest, NewCard
from shop_identity.domain.errors import AccountNeeded
from shop_identity.domain.pseudonyms import Pseudonyms
from shop_identity.domain.users import Role
from shop_identity.store.unit_of_work import IdentityUnitOfWork

_BATCH = 100


class CardDesk:
    """Takes cards in. Of a request a keyed hash is kept, to know it again."""

    def __init__(self, transact: Transactor[IdentityUnitOfWork], pseudonyms: Pseudonyms) -> None:
        self._transact = transact
        self._pseudonyms = pseudonyms

    async def add(self, caller: Caller, new: NewCard, key: str) -> Card:
        """Save a card for the caller; the same request with the same key gives the same one.

        Raises:
            AccountNeeded: the caller has no account to keep it in.
            InvalidField: it is no card's token, or the card has expired.
            CardTaken: somebody has saved this card, also when it is the caller.
            IdempotencyKeyReused, CardRemoved, TooManyCards: see :class:`Wallet`.
        """
        fingerprint = self._pseudonyms.fingerprint(json.dumps(astuple(new)))
        return await self._transact(_add, caller, new, CardRequest(key, fingerprint))


async def listed(uow: IdentityUnitOfWork, caller: Caller) -> tuple[Card, ...]:
    """Return the caller's cards, in the order in which they were saved."""
    return (await uow.wallets.of(caller.user_id)).cards


async def remove(uow: IdentityUnitOfWork, caller: Caller, card_id: str) -> None:
    """Forget one of the caller's cards.

    Raises:
        UnknownCard: the caller has no such card.
    """
    wallet = await uow.wallets.of(caller.user_id)
    wallet.remove(card_id)
    await uow.wallets.save(wallet)
    uow.publish(wallet.facts)


async def republish(uow: IdentityUnitOfWork, after: str) -> tuple[int, str | None]:
    """Publish the next users' cards again; return how many facts, and after which user to go on."""
    wallets = await uow.wallets.touch_after(after, _BATCH, uow.now)
    uow.publish(Fact(each.current(), each.version) for each in wallets)
    return len(wallets), wallets[-1].user_id if wallets else None


async def _add(uow: IdentityUnitOfWork, caller: Caller, new: NewCard, request: CardRequest) -> Card:
    if Role.GUEST in caller.roles:
        raise AccountNeeded
    new.validate(uow.now)
    wallet = await uow.wallets.of(caller.user_id)
    card = wallet.add(new, request, uow.now)
    if wallet.facts:
        await uow.wallets.save(wallet)
        uow.publish(wallet.facts)
    return card

"""Saved cards: what the provider keeps for a user, known here by its token and how to recognise it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from shop_events.contracts.base import Aggregate
from shop_events.contracts.identity import PaymentMethod, PaymentMethodsChanged, PaymentMethodsDeleted
from shop_events.ids import new_id
from shop_identity.domain.errors import (
    CardRemoved,
    CardTaken,
    IdempotencyKeyReused,
    InvalidField,
    TooManyCards,
    UnknownCard,
)

MOST_CARDS: Final = 10
_MOST_SPENT: Final = 20
# Those of the provider's own shared test cards have an underscore: nobody saves what belongs to everybody.
_TOKEN: Final = re.compile(r"pm_[0-9A-Za-z]{16,64}")
_CARD_NUMBER: Final = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class NewCard:
    """What a user says of a card that the provider has taken in.

    Args:
        token: the provider's.
        expires: the last month in which it holds, ``YYYY-MM``.
    """

    token: str = field(repr=False)
    brand: str
    last_four: str
    expires: str

    def validate(self, now: datetime) -> None:
        """Make sure that the provider may know it and that it holds.

        Raises:
            InvalidField: it does not, or shows the number of a card, which is the provider's alone to know.
        """
        if _CARD_NUMBER.search(self.token):
            raise InvalidField("token", "A card's number is for the payment provider alone.")
        if not _TOKEN.fullmatch(self.token):
            raise InvalidField("token", "This is no token of the payment provider for one card.")
        if self.expires < now.strftime("%Y-%m"):
            raise InvalidField("expires", "This card has expired.")


@dataclass(frozen=True, slots=True)
class CardRequest:
    """Which request saved a card: its idempotency key and a keyed hash of its body."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Card:
    """A saved card. ``id`` is ``card_…``."""

    id: str
    token: str = field(repr=False)
    brand: str
    last_four: str
    expires: str
    added_at: datetime
    request: CardRequest


class Wallet(Aggregate):
    """A user's saved cards, told whole on their own topic.

    ``spent`` are the keys that saved the cards removed last: a request that comes late brings none back.
    """

    def __init__(
        self, user_id: str, cards: tuple[Card, ...] = (), spent: tuple[str, ...] = (), version: int = 0
    ) -> None:
        super().__init__()
        self.user_id = user_id
        self.cards = cards
        self.spent = spent
        self.version = version

    def add(self, new: NewCard, request: CardRequest, now: datetime) -> Card:
        """Save a card; the same request gives the same one.

        Raises:
            IdempotencyKeyReused: the key came with another card.
            CardRemoved: the request saved a card that was removed since.
            CardTaken: this card is saved.
            TooManyCards: as many are saved as may be.
        """
        if earlier := self._earlier(request):
            return earlier
        if any(card.token == new.token for card in self.cards):
            raise CardTaken
        if len(self.cards) >= MOST_CARDS:
            raise TooManyCards
        card = Card(new_id("card"), new.token, new.brand, new.last_four, new.expires, now, request)
        self.cards = (*self.cards, card)
        self.record(self.current())
        return card

    def remove(self, card_id: str) -> None:
        """Forget a card.

        Raises:
            UnknownCard: there is none of this id here.
        """
        removed = next((card for card in self.cards if card.id == card_id), None)
        if removed is None:
            raise UnknownCard
        self.cards = tuple(card for card in self.cards if card is not removed)
        self.spent = (*self.spent, removed.request.key)[-_MOST_SPENT:]
        self.record(self.current())

    def forget(self) -> None:
        """Forget all cards, because their user leaves; nothing is told of a wallet that never held any."""
        if self.version:
            self.cards = ()
            self.record(self.current())

    def current(self) -> PaymentMethodsChanged | PaymentMethodsDeleted:
        """Return the state as the readers of its topic may know it."""
        if not self.cards:
            return PaymentMethodsDeleted(user_id=self.user_id)
        return PaymentMethodsChanged(
            user_id=self.user_id,
            methods=tuple(
                PaymentMethod(
                    id=card.id,
                    token=card.token,
                    brand=card.brand,
                    last_four=card.last_four,
                    expires=card.expires,
                )
                for card in self.cards
            ),
        )

    def _earlier(self, request: CardRequest) -> Card | None:
        for card in self.cards:
            if card.request.key == request.key:
                if card.request != request:
                    raise IdempotencyKeyReused
                return card
        if request.key in self.spent:
            raise CardRemoved
        return None

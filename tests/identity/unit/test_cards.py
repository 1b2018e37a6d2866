"""A wallet holds few cards, each saved once, and tells of them whole."""

from datetime import UTC, datetime

import pytest

from shop_events.contracts.identity import PaymentMethodsChanged, PaymentMethodsDeleted
from shop_identity.domain.cards import MOST_CARDS, Card, CardRequest, NewCard, Wallet
from shop_identity.domain.errors import (
    CardRemoved,
    CardTaken,
    IdempotencyKeyReused,
    InvalidField,
    TooManyCards,
    UnknownCard,
)

NOW = datetime(2026, 5, 31, 23, tzinfo=UTC)


def new(number: int = 0, token: str | None = None, expires: str = "2026-05") -> NewCard:
    return NewCard(token or f"pm_{number:02}abcdefghijklmnop", "visa", "4242", expires)


def add(wallet: Wallet, number: int) -> Card:
    return wallet.add(new(number), CardRequest(f"key-{number}", "f"), NOW)


def test_cards_are_told_whole_and_the_last_removal_leaves_nothing_to_know() -> None:
    wallet = Wallet("usr_1")
    first, second = add(wallet, 1), add(wallet, 2)
    for card in (first, second):
        wallet.remove(card.id)
    told = [
        [method.token for method in event.methods] if isinstance(event, PaymentMethodsChanged) else event
        for event, _ in wallet.facts
    ]
    gone = PaymentMethodsDeleted(user_id="usr_1")
    assert told == [[first.token], [first.token, second.token], [second.token], gone]
    assert wallet.version == 4


def test_the_same_request_saves_one_card_and_brings_none_back() -> None:
    wallet = Wallet("usr_1")
    card = add(wallet, 1)
    assert add(wallet, 1) is card
    with pytest.raises(IdempotencyKeyReused):
        wallet.add(new(1), CardRequest("key-1", "another"), NOW)
    wallet.remove(card.id)
    with pytest.raises(CardRemoved):
        add(wallet, 1)
    assert [fact.sequence for fact in wallet.facts] == [1, 2]


def test_a_card_is_saved_once_and_only_so_many_are() -> None:
    wallet = Wallet("usr_1")
    for number in range(MOST_CARDS):
        add(wallet, number)
    with pytest.raises(CardTaken):
        wallet.add(new(0), CardRequest("another", "f"), NOW)
    with pytest.raises(TooManyCards):
        add(wallet, MOST_CARDS)
    with pytest.raises(UnknownCard):
        wallet.remove("card_of_somebody")
    assert len(wallet.cards) == wallet.version == MOST_CARDS


@pytest.mark.parametrize(
    "token",
    [
        "4242424242424242",
        "pm_4242424242424242",
        "pm_abcd424242424242abcd",
        "pm_card_visa",
        "pm_short",
        "tok_visa",
    ],
)
def test_what_is_no_token_of_one_card_is_refused_above_all_a_number(token: str) -> None:
    with pytest.raises(InvalidField) as refused:
        new(token=token).validate(NOW)
    assert token not in str(refused.value.members)


def test_a_card_holds_through_its_last_month() -> None:
    new().validate(NOW)
    with pytest.raises(InvalidField):
        new(expires="2026-04").validate(NOW)


def test_neither_card_nor_request_shows_the_token_when_printed() -> None:
    card = add(Wallet("usr_1"), 1)
    assert card.token not in repr(card) + repr(new(1))

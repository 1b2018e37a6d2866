"""A key is published, known for a while, used, and outlives its last token."""

from datetime import UTC, datetime, timedelta

from shop_identity.domain.keys import KeyRing, SigningKey
from shop_identity.domain.policy import Policy

POLICY = Policy()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def key(kid: str, created_at: datetime, signs_from: datetime | None = None) -> SigningKey:
    return SigningKey(kid=kid, x="x", sealed=b"", created_at=created_at, signs_from=signs_from)


def test_an_empty_ring_needs_a_key_and_a_young_one_needs_none() -> None:
    assert KeyRing([], POLICY).needs_successor(NOW)
    assert not KeyRing([key("a", NOW)], POLICY).needs_successor(NOW + POLICY.key_life - timedelta(seconds=1))
    assert KeyRing([key("a", NOW)], POLICY).needs_successor(NOW + POLICY.key_life)


def test_the_first_key_signs_as_soon_as_it_is_published() -> None:
    first = key("a", NOW)
    KeyRing([first], POLICY).start(first, NOW)
    assert first.signs_from == NOW


def test_a_successor_signs_only_after_it_was_known_for_a_while() -> None:
    successor = key("b", NOW)
    KeyRing([key("a", NOW, NOW), successor], POLICY).start(successor, NOW)
    assert successor.signs_from == NOW + POLICY.key_lead


def test_of_two_first_keys_only_one_signs_at_once() -> None:
    one, other = key("a", NOW), key("b", NOW)
    ring = KeyRing([one, other], POLICY)
    ring.start(one, NOW)
    ring.start(other, NOW)
    assert (one.signs_from, other.signs_from) == (NOW, NOW + POLICY.key_lead)


def test_a_key_stays_until_the_last_token_it_signed_is_worthless() -> None:
    old, new = key("a", NOW, NOW), key("b", NOW, NOW + timedelta(days=1))
    ring = KeyRing([old, new], POLICY)
    over = NOW + timedelta(days=1) + POLICY.longest_acceptance
    assert ring.retirable(over - timedelta(seconds=1)) == []
    assert ring.retirable(over) == [old]

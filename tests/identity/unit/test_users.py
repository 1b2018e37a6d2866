"""Account and contact are two aggregates; each change moves one of them."""

from datetime import UTC, datetime, timedelta

import pytest

from shop_events.contracts.identity import ContactChanged, RevocationExpired, TokensRevoked, UserChanged
from shop_identity.domain.addresses import EmailAddress
from shop_identity.domain.errors import OwnRoleKept
from shop_identity.domain.pseudonyms import Pseudonyms
from shop_identity.domain.revocations import Revocation
from shop_identity.domain.throttling import Limit
from shop_identity.domain.users import Profile, Role, User

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def user() -> User:
    return User.register(
        EmailAddress("a@example.com", "a@example.com"), "hash", Profile("Ada", "+442079460018"), NOW
    )


def test_a_new_user_is_a_customer_and_tells_it_without_anything_personal(user: User) -> None:
    told, contact = user.all_facts
    assert told == (UserChanged(user_id=user.id, roles=("customer",)), 1)
    assert isinstance(contact.event, ContactChanged)
    assert [point.channel for point in contact.event.points] == ["email", "sms"]
    assert contact.sequence == 1


def test_a_changed_profile_moves_the_contact_alone_and_the_same_one_nothing(user: User) -> None:
    user.contact.change(Profile("Ada"))
    user.contact.change(Profile("Ada"))
    assert (user.version, user.contact.version) == (1, 2)


def test_new_roles_raise_the_epoch_and_the_same_ones_do_not(user: User) -> None:
    assert user.assign_roles([Role.MERCHANT], by="usr_x")
    assert not user.assign_roles([Role.MERCHANT], by="usr_x")
    assert (user.version, user.epoch) == (2, 2)


def test_administrators_cannot_take_the_role_from_themselves(user: User) -> None:
    user.assign_roles([Role.ADMINISTRATOR], by="usr_x")
    with pytest.raises(OwnRoleKept):
        user.assign_roles([Role.CUSTOMER], by=user.id)


def test_a_revocation_never_weakens_and_goes_on_counting_after_its_end() -> None:
    revocation = Revocation("usr_1")
    revocation.raise_to(5, NOW + timedelta(minutes=5))
    revocation.raise_to(3, NOW)
    revocation.expire()
    first, second, third = revocation.facts
    assert isinstance(second.event, TokensRevoked)
    assert second.event == first.event
    assert third == (RevocationExpired(subject="usr_1"), 3)


def test_a_bucket_refuses_when_full_until_one_has_leaked() -> None:
    limit = Limit("pair", 10, timedelta(seconds=30))
    assert limit.wait(9) == timedelta(0)
    assert limit.wait(9.5) == timedelta(seconds=15)
    assert limit.wait(10) == timedelta(seconds=30)


def test_pseudonyms_differ_by_purpose_and_take_an_ipv6_network_for_one_client() -> None:
    names = Pseudonyms(b"s" * 32)
    assert names.account("x") != names.client("x") != names.fingerprint("x")
    assert names.client("2001:db8:1:2::1") == names.client("2001:db8:1:2:ffff::9")
    assert names.client("2001:db8:1:2::1") != names.client("2001:db8:1:3::1")
    assert names.client("::ffff:192.0.2.1") == names.client("192.0.2.1")

"""A refresh token is used once; who shows an old one ends the family."""

from datetime import UTC, datetime, timedelta

import pytest

from shop_identity.domain.addresses import EmailAddress
from shop_identity.domain.errors import RefreshRefused, RefreshTokenReused
from shop_identity.domain.families import Family
from shop_identity.domain.policy import Policy
from shop_identity.domain.users import Profile, User

POLICY = Policy()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def user() -> User:
    return User.register(EmailAddress("a@example.com", "a@example.com"), "hash", Profile(), NOW)


@pytest.fixture
def family(user: User) -> Family:
    return Family.open(user, POLICY, NOW)


def test_each_use_begins_the_next_generation(user: User, family: Family) -> None:
    family.present(1, user, POLICY, NOW)
    family.present(2, user, POLICY, NOW)
    assert family.generation == 3


def test_another_tab_gets_a_sibling_while_the_rotation_is_recent(user: User, family: Family) -> None:
    family.present(1, user, POLICY, NOW)
    family.present(1, user, POLICY, NOW + POLICY.reuse_interval)
    assert family.generation == 2


def test_the_parent_is_a_stolen_copy_once_the_interval_is_over(user: User, family: Family) -> None:
    family.present(1, user, POLICY, NOW)
    with pytest.raises(RefreshTokenReused):
        family.present(1, user, POLICY, NOW + POLICY.reuse_interval + timedelta(milliseconds=1))


def test_siblings_do_not_make_the_interval_longer(user: User, family: Family) -> None:
    family.present(1, user, POLICY, NOW)
    family.present(1, user, POLICY, NOW + timedelta(seconds=9))
    with pytest.raises(RefreshTokenReused):
        family.present(1, user, POLICY, NOW + timedelta(seconds=18))


def test_a_grandparent_is_a_stolen_copy_at_once(user: User, family: Family) -> None:
    family.present(1, user, POLICY, NOW)
    family.present(2, user, POLICY, NOW)
    with pytest.raises(RefreshTokenReused):
        family.present(1, user, POLICY, NOW)


def test_an_idle_family_is_over(user: User, family: Family) -> None:
    with pytest.raises(RefreshRefused):
        family.present(1, user, POLICY, NOW + POLICY.refresh_idle)


def test_a_busy_family_is_over_in_the_end(user: User, family: Family) -> None:
    now, end = NOW, NOW + POLICY.refresh_absolute
    while now < end:
        family.present(family.generation, user, POLICY, now)
        now += POLICY.refresh_idle / 2
    assert family.idle_until == end
    with pytest.raises(RefreshRefused):
        family.present(family.generation, user, POLICY, end)


def test_logging_out_everywhere_ends_families_opened_before_only(user: User, family: Family) -> None:
    user.log_out_everywhere()
    later = Family.open(user, POLICY, NOW)
    assert not family.is_alive(user, NOW)
    assert later.is_alive(user, NOW)


def test_new_roles_end_no_family_and_reach_its_next_token(user: User, family: Family) -> None:
    user.assign_roles([], by="usr_admin")
    family.present(1, user, POLICY, NOW)
    assert family.epoch == user.epoch == 2


def test_a_closed_account_goes_on_with_nothing(user: User, family: Family) -> None:
    user.status = "disabled"
    with pytest.raises(RefreshRefused):
        family.present(1, user, POLICY, NOW)

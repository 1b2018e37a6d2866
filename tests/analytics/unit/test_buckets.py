"""Leaky buckets, whatever falls into them and when."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shop_analytics.domain.buckets import Bucket, Leak
from tests.analytics.conftest import NOON

LEAK = Leak(5, timedelta(seconds=10))
drops = st.lists(st.floats(0, 600), max_size=60).map(sorted)


def filled(moments: list[float], leak: Leak = LEAK) -> Bucket:
    bucket = Bucket(0, NOON)
    for moment in moments:
        bucket = bucket.pour(NOON + timedelta(seconds=moment), leak)
    return bucket


@given(drops)
def test_a_bucket_holds_between_nothing_and_its_capacity(moments: list[float]) -> None:
    assert 0 <= filled(moments).level <= LEAK.capacity


@given(drops, st.floats(0, 1000), st.floats(0, 1000))
def test_it_leaks_the_same_whether_looked_at_in_between_or_not(
    moments: list[float], first: float, then: float
) -> None:
    bucket = filled(moments)
    middle, end = bucket.at + timedelta(seconds=first), bucket.at + timedelta(seconds=first + then)
    looked_at = Bucket(bucket.level_at(middle, LEAK), middle)
    assert abs(looked_at.level_at(end, LEAK) - bucket.level_at(end, LEAK)) < 1e-6


@given(drops)
def test_it_is_empty_when_it_says_and_not_before(moments: list[float]) -> None:
    bucket = filled([*moments, 601])
    assert bucket.level_at(bucket.empty_at(LEAK) + timedelta(milliseconds=1), LEAK) == 0
    assert bucket.level_at(bucket.empty_at(LEAK) - timedelta(seconds=1), LEAK) > 0


@given(st.lists(st.floats(10, 1000), max_size=50))
def test_drops_as_slow_as_the_leak_never_make_it_run_over(pauses: list[float]) -> None:
    moments = [sum(pauses[: count + 1]) for count in range(len(pauses))]
    assert not filled(moments).is_over(LEAK)


def test_as_many_quick_drops_as_it_holds_make_it_run_over() -> None:
    assert not filled([0, 1, 2, 3]).is_over(LEAK)
    assert filled([0, 1, 2, 3, 4]).is_over(LEAK)


def test_a_drop_that_comes_late_counts_as_if_it_came_now() -> None:
    assert filled([60, 0]).level == 2

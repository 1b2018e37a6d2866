"""Decayed sums do not depend on the order in which their parts come."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_analytics.domain.decay import Decay
from shop_analytics.domain.popularity import Heat, Score
from tests.analytics.conftest import NOON

DECAY = Decay(timedelta(hours=24))
events = st.lists(st.tuples(st.floats(0, 90 * 86_400), st.floats(0.1, 100)), max_size=30)


def summed(parts: list[tuple[float, float]], decay: Decay = DECAY) -> dict[str, float]:
    sums: dict[str, float] = {}
    for seconds, weight in parts:
        era, amount = decay.part((NOON + timedelta(seconds=seconds)).timestamp(), weight)
        sums[era] = sums.get(era, 0.0) + amount
    return sums


@given(events, st.randoms())
def test_order_changes_nothing(parts: list[tuple[float, float]], random: object) -> None:
    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    now = NOON + timedelta(days=100)
    assert DECAY.value(summed(shuffled), now) == pytest.approx(DECAY.value(summed(parts), now))


@given(events)
def test_the_sum_is_that_of_each_part_halved_once_a_half_life(parts: list[tuple[float, float]]) -> None:
    now = NOON + timedelta(days=100)
    expected = sum(weight * 0.5 ** ((100 * 86_400 - seconds) / 86_400) for seconds, weight in parts)
    assert DECAY.value(summed(parts), now) == pytest.approx(expected)


def test_shards_add_up() -> None:
    heat, now = Heat(timedelta(hours=24)), NOON + timedelta(hours=5)
    one = nested(heat.parts(NOON, 3))
    other = nested(heat.parts(NOON + timedelta(hours=1), 2))
    together = heat.score([one, other], now).popularity
    assert together == pytest.approx(heat.score([one], now).popularity + heat.score([other], now).popularity)


def test_what_is_wanted_only_lately_has_a_trend_above_one() -> None:
    heat, now = Heat(timedelta(hours=24)), NOON
    lately = nested(heat.parts(NOON - timedelta(minutes=5), 20))
    before = nested(heat.parts(NOON - timedelta(hours=20), 20))
    assert heat.score([lately], now).trend > 1 > heat.score([before], now).trend
    assert heat.score([], now) == Score(0, 1)


def test_rank_compares_popularities_of_different_moments() -> None:
    heat = Heat(timedelta(hours=24))
    assert math.isclose(heat.rank(8, NOON), heat.rank(4, NOON + timedelta(hours=24)))
    assert heat.rank(9, NOON) > heat.rank(4, NOON + timedelta(hours=24))


def nested(parts: list[tuple[str, float]]) -> dict[str, dict[str, float]]:
    sums: dict[str, dict[str, float]] = {}
    for path, amount in parts:
        name, era = path.split(".")
        sums.setdefault(name, {})[era] = amount
    return sums

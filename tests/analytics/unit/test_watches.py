"""What each rule says, event by event."""

from collections.abc import Callable
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shop_analytics.domain.verdicts import Crossed, Over, Verdict, Worsened
from shop_analytics.domain.watches import DeclineWatch, LoginWatch, MemoryWatch, ScrapingWatch
from tests.analytics.conftest import NOON


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def kinds(verdicts: list[Verdict], *types: type[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if isinstance(verdict, types)]


def logins(watch: LoginWatch, seconds: list[float]) -> list[Verdict]:
    return [verdict for each in seconds for verdict in watch.failed(NOON + after(each))]


def test_five_quick_failures_cross_once_however_many_follow() -> None:
    watch = LoginWatch()
    said = logins(watch, [each * 0.5 for each in range(200)])
    (crossed,) = kinds(said, Crossed)
    assert isinstance(crossed, Crossed)
    assert crossed.at == NOON + after(2)
    assert crossed.severity == "warning"


def test_four_failures_and_slow_ones_are_nothing() -> None:
    assert not kinds(logins(LoginWatch(), [0, 1, 2, 3]), Crossed)
    assert not kinds(logins(LoginWatch(), [each * 11 for each in range(100)]), Crossed)


def test_after_the_bucket_is_empty_a_new_attack_crosses_anew() -> None:
    watch = LoginWatch()
    said = logins(watch, [0, 1, 2, 3, 4, 200, 201, 202, 203, 204])
    assert [type(each) for each in kinds(said, Crossed, Over)] == [Crossed, Over, Crossed]


def test_a_success_after_five_failures_is_critical() -> None:
    watch = LoginWatch()
    logins(watch, [0, 1, 2, 3, 4])
    (worse,) = watch.succeeded(NOON + after(5))
    assert isinstance(worse, Worsened)


def test_a_success_after_failures_too_slow_to_cross_is_critical_too() -> None:
    watch = LoginWatch()
    logins(watch, [0, 8, 16, 24, 32, 40])
    assert watch.raised_at is None
    (crossed,) = watch.succeeded(NOON + after(41))
    assert isinstance(crossed, Crossed)
    assert crossed.severity == "critical"


def test_a_success_after_a_typing_error_is_nothing() -> None:
    watch = LoginWatch()
    logins(watch, [0])
    assert watch.succeeded(NOON + after(3)) == []


def test_the_fourth_declined_payment_within_an_hour_crosses() -> None:
    watch = DeclineWatch()
    said = [watch.take(f"ord_{each}", NOON + after(each * 60)) for each in range(6)]
    assert [len(kinds(each, Crossed)) for each in said] == [0, 0, 0, 1, 0, 0]


def test_one_order_declined_again_and_again_counts_once() -> None:
    watch = DeclineWatch()
    assert not [verdict for _ in range(9) for verdict in watch.take("ord_1", NOON)]


def test_three_declined_payments_an_hour_are_allowed() -> None:
    watch = DeclineWatch()
    said = [v for each in range(40) for v in watch.take(f"ord_{each}", NOON + after(each * 1300))]
    assert not kinds(said, Crossed)


def test_forty_pages_in_a_few_seconds_are_scraping() -> None:
    watch = ScrapingWatch()
    said = [v for each in range(100) for v in watch.viewed(f"/p/{each}", NOON + after(each * 0.01))]
    assert len(kinds(said, Crossed)) == 1


def test_the_same_page_over_and_over_and_a_quick_reader_are_none() -> None:
    watch = ScrapingWatch()
    assert not kinds([v for _ in range(500) for v in watch.viewed("/p/1", NOON)], Crossed)
    said = [v for each in range(500) for v in watch.viewed(f"/p/{each}", NOON + after(each))]
    assert not kinds(said, Crossed)


def test_a_late_event_that_completes_a_crossing_does_not_date_it_back() -> None:
    """Else it would begin before the last one ended, and be taken for that one."""
    login = logins(LoginWatch(), [0, 1, 2, 3, 4, 200, 201, 202, 203, 3.5])
    decline = DeclineWatch()
    orders = enumerate([0, 1, 2, 3, 9000, 9001, 9002, 5])
    declines = [each for n, seconds in orders for each in decline.take(f"ord_{n}", NOON + after(seconds))]
    scraping = ScrapingWatch()
    moments = [*(each * 0.01 for each in range(40)), *(100 + each * 0.01 for each in range(39)), 0.5]
    views = [each for n, at in enumerate(moments) for each in scraping.viewed(f"/{n}", NOON + after(at))]
    for said in (login, declines, views):
        first, over, second = kinds(said, Crossed, Over)
        assert isinstance(first, Crossed)
        assert isinstance(over, Over)
        assert isinstance(second, Crossed)
        assert first.at < over.at < second.at


def test_what_is_remembered_of_declined_payments_is_bounded() -> None:
    watch = DeclineWatch()
    said = [v for each in range(5000) for v in watch.take(f"ord_{each}", NOON + after(each / 10))]
    assert len(kinds(said, Crossed)) == 1
    assert len(watch.declined) <= 20
    assert kinds(watch.take("ord_later", NOON + after(500 + 3600)), Over)


def memory(watch: MemoryWatch, *samples: tuple[float, float]) -> list[Verdict]:
    return [v for seconds, ratio in samples for v in watch.sampled(ratio, NOON + after(seconds))]


def test_memory_must_stay_low_for_two_minutes() -> None:
    assert not memory(MemoryWatch(), (0, 0.09), (60, 0.09), (110, 0.2), (130, 0.09))
    (crossed,) = memory(MemoryWatch(), (0, 0.09), (60, 0.08), (120, 0.07))
    assert isinstance(crossed, Crossed)
    assert crossed.severity == "warning"


def test_low_memory_is_over_above_fifteen_per_cent_and_not_at_twelve() -> None:
    watch = MemoryWatch()
    said = memory(watch, (0, 0.09), (120, 0.09), (135, 0.12), (150, 0.04), (165, 0.03), (180, 0.16))
    assert [type(each) for each in kinds(said, Crossed, Worsened, Over)] == [Crossed, Worsened, Over]


def test_a_process_that_falls_silent_has_no_shortage() -> None:
    watch = MemoryWatch()
    said = memory(watch, (0, 0.09), (120, 0.09), (2000, 0.09))
    assert [type(each) for each in kinds(said, Crossed, Over)] == [Crossed, Over]
    assert watch.raised_at is None


@given(st.lists(st.floats(0, 60), max_size=80))
def test_crossings_and_ends_take_turns(pauses: list[float]) -> None:
    moments = [sum(pauses[: count + 1]) for count in range(len(pauses))]
    login, decline, scraping, memory = LoginWatch(), DeclineWatch(), ScrapingWatch(), MemoryWatch()
    takes: list[Callable[[float], list[Verdict]]] = [
        lambda each: login.failed(NOON + after(each)),
        lambda each: decline.take(str(each), NOON + after(each * 30)),
        lambda each: scraping.viewed(str(each), NOON + after(each / 30)),
        lambda each: memory.sampled(each % 0.2, NOON + after(each)),
    ]
    for take in takes:
        turns = kinds([verdict for each in moments for verdict in take(each)], Crossed, Over)
        expected = [Crossed, Over] * len(turns)
        assert [type(each) for each in turns] == expected[: len(turns)]

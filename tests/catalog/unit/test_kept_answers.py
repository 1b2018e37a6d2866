"""Answers are kept only for as long as it is known that nothing they are made of has changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_catalog.api.kept_answers import KeptAnswers

SIZE = 100


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(clock: Clock) -> KeptAnswers[str]:
    kept = KeptAnswers[str](100_000, patience=3, clock=clock)
    kept.hear([])
    return kept


def test_what_is_kept_is_found(kept: KeptAnswers[str]) -> None:
    kept.keep("prd_1", "cup", SIZE, kept.mark())
    assert kept.find("prd_1") == "cup"


def test_a_change_drops_what_is_made_of_the_product_and_of_all_but_nothing_else(
    kept: KeptAnswers[str],
) -> None:
    for key in ("prd_1", "prd_2"):
        kept.keep(key, key, SIZE, kept.mark())
    kept.keep("list", "cups", SIZE, kept.mark(), of_all=True)
    kept.hear(["prd_1"])
    assert [kept.find(key) for key in ("prd_1", "prd_2", "list")] == [None, "prd_2", None]


def test_what_was_read_before_a_change_is_not_kept_after_it(kept: KeptAnswers[str]) -> None:
    mark = kept.mark()
    kept.hear(["prd_1"])
    kept.keep("prd_1", "old", SIZE, mark)
    assert kept.find("prd_1") is None


def test_nothing_is_given_out_while_changes_may_go_unheard(kept: KeptAnswers[str], clock: Clock) -> None:
    kept.keep("prd_1", "cup", SIZE, kept.mark())
    clock.now += 3
    assert kept.find("prd_1") is None
    kept.hear([])
    assert kept.find("prd_1") == "cup", "the stream has only been slow: it told of all changes"


def test_all_is_forgotten_once_changes_go_unheard(kept: KeptAnswers[str]) -> None:
    kept.keep("prd_1", "cup", SIZE, kept.mark())
    mark = kept.mark()
    kept.lose()
    kept.keep("prd_2", "cup", SIZE, kept.mark())
    kept.hear([])
    kept.keep("prd_3", "read before", SIZE, mark)
    assert [kept.find(f"prd_{number}") for number in (1, 2, 3)] == [None, None, None]


def test_nothing_is_kept_where_there_is_no_room() -> None:
    kept = KeptAnswers[str](0)
    kept.hear([])
    kept.keep("prd_1", "cup", 0, kept.mark())
    assert not kept.is_open
    assert kept.find("prd_1") is None


@given(
    sizes=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3000), st.booleans()), max_size=200),
    changes=st.lists(st.integers(0, 30), max_size=10),
)
def test_whatever_is_kept_stays_within_its_bytes_and_goes_when_it_changes(
    sizes: list[tuple[int, int, bool]], changes: list[int]
) -> None:
    most = 20_000
    kept = KeptAnswers[int](most)
    kept.hear([])
    for number, size, of_all in sizes:
        kept.keep(str(number), size, size, kept.mark(), of_all=of_all)
        held = [kept.find(str(each)) for each in range(31)]
        assert sum(each for each in held if each) <= most
    kept.hear({str(number) for number in changes})
    assert not any(kept.find(str(number)) for number in changes)
    if changes:
        kept.hear([str(number) for number in range(31)])
        kept.keep("last", 1, 1, kept.mark())
        assert kept.find("last") == 1, "what was dropped left its room"


def test_the_least_lately_wanted_goes_first() -> None:
    kept = KeptAnswers[int](10_000)
    kept.hear([])
    for number in range(12):
        kept.keep(str(number), number, 300, kept.mark())
        kept.find("0")
    assert kept.find("0") == 0
    assert kept.find("1") is None

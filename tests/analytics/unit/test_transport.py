"""Runs of records, as Faust gets them."""

from faust.types.tuples import TP

from shop_analytics.streams.transport import RUN, Runs


def test_runs_hold_every_record_once_and_in_the_order_of_its_partition() -> None:
    fetched = {TP("a", 0): list(range(2 * RUN + 3)), TP("a", 1): [1], TP("b", 0): list(range(RUN))}
    handed: dict[TP, list[int]] = {place: [] for place in fetched}
    for place, run in Runs().iterate(fetched):
        assert 0 < len(run) <= RUN
        handed[place] += run
    assert handed == fetched


def test_partitions_and_topics_take_turns() -> None:
    fetched = {TP("a", 0): list(range(2 * RUN)), TP("a", 1): [1], TP("b", 0): [1]}
    places = [place for place, _ in Runs().iterate(fetched)]
    assert places[-1] == TP("a", 0)
    assert len(places) == 4

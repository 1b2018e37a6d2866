"""What is viewed next, learned from sessions through the production path, and how sessions end."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shop_analytics.consumers.sessions import SessionFeed
from shop_analytics.domain.next_items import Neighbours, SessionIndex
from shop_analytics.domain.sessions import OpenSessions
from shop_analytics.settings import AnalyticsSettings
from shop_events.contracts.session import ACTIVITY, PageViewed
from shop_events.envelope import Message, decode
from tests.analytics.conftest import NOON, message, view

DATA = Path(__file__).parents[3].parent / "shared" / "data"


def test_what_followed_in_like_sessions_is_predicted() -> None:
    index = SessionIndex()
    for items in ("abc", "abc", "abd", "xyz", "xya"):
        index.learn(list(items))
    assert index.predict(["a", "b"], 2) == ["c", "d"]
    assert index.predict(["unknown"], 2) == []
    assert index.predict([], 2) == []


def test_the_item_at_hand_is_not_predicted() -> None:
    index = SessionIndex()
    index.learn(["a", "b"])
    index.learn(["c"])
    assert "b" not in index.predict(["a", "b"], 10)


def test_memory_is_bounded() -> None:
    index = SessionIndex(Neighbours(sessions_per_item=3, most_sessions=10))
    for number in range(100):
        index.learn([f"i{number}", "common"])
    assert len(index) == 10
    assert index.predict(["i0"], 5) == []
    assert set(index.predict(["common"], 5)) <= {"i97", "i98", "i99"}


def test_a_session_ends_after_the_gap_and_in_order() -> None:
    closed: list[list[str]] = []
    sessions = OpenSessions(timedelta(minutes=30), lambda items: closed.append(list(items)))
    for visitor, item, minute in (("v1", "a", 0), ("v2", "b", 5), ("v1", "c", 20), ("v3", "d", 40)):
        sessions.viewed(visitor, item, NOON + timedelta(minutes=minute))
    assert closed == [["b"]]
    sessions.advance(NOON + timedelta(hours=2))
    assert closed == [["b"], ["a", "c"], ["d"]]


def test_who_does_not_agree_teaches_nothing_and_a_resent_view_is_no_news() -> None:
    index = SessionIndex()
    feed = SessionFeed(index, timedelta(minutes=30))
    first = view("v1", "a")
    for event in (first, first, view("v2", "a", personalise=False), view("v1", "b")):
        feed.take(decode(message(event)), 0)
    feed.advance(NOON + timedelta(hours=1))
    assert len(index) == 1


Click = tuple[str, str, float]


def clicks(name: str) -> list[Click]:
    with gzip.open(DATA / f"serenade_toy_{name}.tsv.gz", "rt") as file:
        rows = csv.reader(file, delimiter="\t")
        next(rows)
        return sorted(((s, i, float(t)) for s, i, t in rows), key=lambda click: click[2])


def as_messages(name: str) -> Iterator[Message]:
    for number, (session, item, at) in enumerate(clicks(name)):
        event = PageViewed(
            visitor_id=session,
            view_id=str(number),
            page="/",
            product_id=item,
            at=datetime.fromtimestamp(at, UTC),
        )
        yield message(event, f"e{number}", 0)


@pytest.mark.skipif(not (DATA / "serenade_toy_train.tsv.gz").exists(), reason="the data set is not here")
def test_it_predicts_as_well_as_the_paper_says() -> None:
    """Serenade's toy set, its clicks as records in the order of time; pauses in it last up to 88 minutes."""
    index = SessionIndex(AnalyticsSettings().neighbours)
    feed = SessionFeed(index, timedelta(hours=2))
    for each in as_messages("train"):
        assert each.topic == ACTIVITY
        feed.take(decode(each), 0)
    feed.advance(datetime.now(UTC))
    sessions: dict[str, list[str]] = defaultdict(list)
    for session, item, _ in clicks("test"):
        sessions[session].append(item)
    ranks = [
        next(
            (rank for rank, item in enumerate(index.predict(items[:place], 20), 1) if item == items[place]), 0
        )
        for items in sessions.values()
        for place in range(1, len(items))
    ]
    assert sum(rank > 0 for rank in ranks) / len(ranks) == pytest.approx(0.640, abs=0.005)
    assert sum(1 / rank for rank in ranks if rank) / len(ranks) == pytest.approx(0.327, abs=0.005)

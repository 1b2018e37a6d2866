"""How candidates are ranked, filtered and put in order."""

from datetime import timedelta

from shop_analytics.domain.recommendations import Candidate, Companion, chosen, companions, in_order
from shop_analytics.domain.suggestions import Opportunity
from tests.analytics.conftest import NOON


def test_companions_are_ranked_by_their_chance_not_by_their_count() -> None:
    pairs = [Companion("rare", "a", 9), Companion("common", "b", 20)]
    ranked = companions(pairs, {"rare": 10, "common": 1000}, "bought-together")
    assert [each.product_id for each in ranked] == ["a", "b"]
    assert ranked[0].of == "rare"


def test_one_meeting_is_no_certainty() -> None:
    pairs = [Companion("once", "a", 1), Companion("often", "b", 50)]
    ranked = companions(pairs, {"once": 1, "often": 60}, "also-viewed")
    assert [each.product_id for each in ranked] == ["b", "a"]


def test_only_what_may_be_sold_is_chosen_and_each_product_once() -> None:
    wanted = [Candidate("a", "buy-again"), Candidate("b", "popular"), Candidate("a", "popular")]
    assert chosen(wanted, {"a", "b"}, {"b"}, 5) == [Candidate("a", "buy-again")]
    assert chosen(wanted, {"b"}, (), 5) == [Candidate("b", "popular")]
    assert chosen(wanted, {"a", "b"}, (), 1) == [Candidate("a", "buy-again")]


def test_each_placement_has_its_order() -> None:
    found = {"popular": [Candidate("p", "popular")], "bought-together": [Candidate("t", "bought-together")]}
    assert [each.because for each in in_order("cart", found)] == ["bought-together", "popular"]  # type: ignore[arg-type]


def test_a_user_has_one_opportunity_a_day_and_occasion() -> None:
    morning = Opportunity("usr_1", "views", "a", NOON - timedelta(hours=5), NOON)
    evening = Opportunity("usr_1", "views", "b", NOON + timedelta(hours=5), NOON)
    tomorrow = Opportunity("usr_1", "views", "b", NOON + timedelta(hours=15), NOON)
    assert morning.id == evening.id != tomorrow.id
    assert Opportunity("usr_1", "purchase", "a", NOON, NOON).id != morning.id

"""The rules of session, without I/O."""

from datetime import UTC, datetime, timedelta

import pytest

from shop_events.contracts.session import CartChanged
from shop_session.domain.activity import is_automated, objection
from shop_session.domain.carts import Cart, line_key
from shop_session.domain.errors import CartFull, StateTooLarge, TooManyPieces
from shop_session.domain.masking import masked_email, masked_phone
from shop_session.domain.owners import Owner
from shop_session.domain.recent import MOST_RECENT, Viewed, newest
from shop_session.domain.secret import digest_of, new_session_string
from shop_session.domain.sessions import Lifetimes, Session
from shop_session.domain.states import SavedState, assert_shallow, merge_patch, new_names

NOW = datetime(2026, 11, 1, tzinfo=UTC)
USER = Owner("usr_1")


def cart(**quantities: int) -> Cart:
    return Cart(owner=USER, visitor_id="vst_1", quantities=quantities, version=1 if quantities else 0)


def test_a_session_string_has_256_bits_and_is_known_by_its_digest() -> None:
    strings = {new_session_string() for _ in range(100)}
    assert len(strings) == 100
    assert {len(string) for string in strings} == {43}
    assert all(digest_of(string) for string in strings)


@pytest.mark.parametrize("string", ["", "a" * 42, "a" * 44, "a" * 42 + "!", "é" * 43, "a" * 43 + "\n"])
def test_what_cannot_be_a_session_string_has_no_digest(string: str) -> None:
    assert digest_of(string) is None


def test_a_session_lasts_no_longer_than_allowed_whatever_is_shorter() -> None:
    lifetimes = Lifetimes(idle=timedelta(days=2), absolute=timedelta(days=1))
    session = Session.start("vst_1", "d", lifetimes, NOW)
    assert session.is_live(NOW + timedelta(hours=23))
    assert not session.is_live(NOW + timedelta(days=1))


def test_what_a_guest_has_is_kept_for_a_time_and_what_a_user_has_for_good() -> None:
    session = Session.start("vst_1", "d", Lifetimes(), NOW)
    assert session.owner == Owner("vst_1", session.expires_at)
    session.link("e", "usr_1", Lifetimes(), NOW)
    assert session.owner == Owner("usr_1")
    assert [fact.sequence for fact in session.facts] == [1, 2]


def test_the_string_of_a_session_is_not_in_its_representation() -> None:
    assert "secretdigest" not in repr(Session.start("vst_1", "secretdigest", Lifetimes(), NOW))


def test_a_cart_that_stays_as_it_is_tells_nothing() -> None:
    same = cart(prd_1=2)
    same.put({"prd_1": 2, "prd_2": 0}, "vst_1", NOW)
    same.take_out({"prd_9": 1}, NOW)
    assert same.facts == []
    assert same.version == 1


def test_a_cart_refuses_too_much() -> None:
    with pytest.raises(TooManyPieces):
        cart().add("prd_1", 1000, "vst_1", NOW)
    with pytest.raises(CartFull):
        cart(**{f"p{n}": 1 for n in range(100)}).add("prd_1", 1, "vst_1", NOW)


def test_a_merged_cart_is_bounded_and_its_version_is_beyond_both() -> None:
    mine = cart(**{f"p{n}": 998 for n in range(99)})
    guest = Cart(
        owner=Owner("vst_2", NOW), visitor_id="vst_2", quantities={"p0": 5, "g1": 1, "g2": 1}, version=7
    )
    mine.absorb(guest, "vst_2", NOW)
    assert mine.quantities["p0"] == 999
    assert "g1" in mine.quantities
    assert "g2" not in mine.quantities
    assert mine.version == 8


def test_an_order_takes_out_no_more_than_there_is() -> None:
    bought = cart(prd_1=3, prd_2=1)
    bought.take_out({"prd_1": 1, "prd_2": 5}, NOW)
    assert bought.quantities == {"prd_1": 2}


@pytest.mark.parametrize(
    ("number", "shown"), [("+442079460178", "+44…78"), ("+4412345678", "+44…78"), ("+441234", "…")]
)
def test_a_phone_number_is_masked(number: str, shown: str) -> None:
    assert masked_phone(number) == shown


@pytest.mark.parametrize(("address", "shown"), [("jane@example.com", "j…@e…"), ("é@x", "é…@x…"), ("", "…@…")])
def test_an_address_is_masked(address: str, shown: str) -> None:
    assert masked_email(address) == shown


def test_of_each_product_the_newest_view_counts() -> None:
    views = [Viewed(f"prd_{n % 60}", NOW + timedelta(seconds=n)) for n in range(120)]
    kept = newest(reversed(views))
    assert len(kept) == MOST_RECENT
    assert kept[0] == views[-1]
    assert len({view.product_id for view in kept}) == MOST_RECENT


@pytest.mark.parametrize(
    ("document", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "foo"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_a_patch_is_merged_as_rfc_7396_says(
    document: dict[str, object], patch: dict[str, object], merged: dict[str, object]
) -> None:
    assert merge_patch(document, patch) == merged


def test_a_document_is_not_too_deep() -> None:
    assert_shallow([[[1]]], depth=3)
    with pytest.raises(StateTooLarge):
        assert_shallow([[[{}]]], depth=3)


def test_a_state_made_anew_has_a_version_beyond_the_old_ones() -> None:
    old = SavedState.create("game", {}, NOW)
    for _ in range(100):
        old.replace({}, NOW)
    assert SavedState.create("game", {}, NOW + timedelta(seconds=1)).version > old.version


def test_a_guests_states_find_free_names_or_are_dropped() -> None:
    assert new_names({"a"}, {"a", "b"}) == {"a": "a-2", "b": "b"}
    assert new_names({"a", *(f"a-{n}" for n in range(2, 10))}, {"a"}) == {}
    assert new_names({f"s{n}" for n in range(19)}, {"a", "b"}) == {"a": "a"}
    assert len(new_names({"x" * 64}, {"x" * 64})["x" * 64]) == 64


@pytest.mark.parametrize(
    ("agent", "automated"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("Mozilla/5.0 (compatible; bingbot/2.0)", True),
        ("facebookexternalhit/1.1", True),
        ("Mozilla/5.0 (Linux; Android 9; CUBOT P30) AppleWebKit/537.36", False),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120", False),
        ("", False),
    ],
)
def test_robots_are_known_by_their_names(agent: str, automated: bool) -> None:
    assert is_automated({"user-agent": agent}) is automated


def test_what_is_marked_as_automated_is() -> None:
    assert is_automated({"x-automated": "true"})
    assert not is_automated({"x-automated": "0"})
    assert is_automated({"sec-purpose": "prefetch"})


def test_clocks_are_believed_within_bounds() -> None:
    assert objection(NOW + timedelta(minutes=5), NOW) is None
    assert objection(NOW + timedelta(minutes=5, seconds=1), NOW) == "in the future"
    assert objection(NOW - timedelta(hours=24), NOW) is None
    assert objection(NOW - timedelta(hours=24, seconds=1), NOW) == "too old"


def test_what_was_bought_leaves_the_line_of_its_variant_first_and_then_the_one_without() -> None:
    mine = Cart(
        owner=USER,
        visitor_id="vst_1",
        quantities={"prd_1": 2, "prd_1:var_1": 1, "prd_1:var_2": 5},
        version=1,
    )
    mine.take_out({"prd_1:var_1": 2, "prd_2:var_9": 1}, NOW)
    assert mine.quantities == {"prd_1": 1, "prd_1:var_2": 5}


def test_a_line_of_a_variant_is_told_as_such() -> None:
    mine = cart()
    mine.put({line_key("prd_1", "var_1"): 2, line_key("prd_2"): 1}, "vst_1", NOW)
    event = mine.facts[0].event
    assert isinstance(event, CartChanged)
    assert [(line.product_id, line.variant_id) for line in event.lines] == [
        ("prd_1", "var_1"),
        ("prd_2", None),
    ]

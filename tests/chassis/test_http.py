from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_chassis.http import BadCursor, PageRequest, decode_cursor, encode_cursor, etag
from shop_chassis.problems import Conflict, NotFound, slug_of, title_of


@given(st.text(max_size=50), st.integers(-(2**53), 2**53))
def test_a_cursor_gives_back_the_position_it_was_made_of(name: str, number: int) -> None:
    assert decode_cursor(encode_cursor(name, number), str, int) == (name, number)


@given(st.text(max_size=60))
def test_any_other_text_is_a_bad_cursor(cursor: str) -> None:
    with pytest.raises(BadCursor):
        decode_cursor(cursor, str, int, str)


def test_a_cursor_of_another_list_is_refused() -> None:
    cursor = encode_cursor("prd_1")
    for types in [(int,), (str, str), ()]:
        with pytest.raises(BadCursor):
            PageRequest(10, cursor).after(*types)
    with pytest.raises(BadCursor):
        decode_cursor(encode_cursor(True), int)


def test_the_first_page_starts_nowhere() -> None:
    assert PageRequest(10).after(str) is None


def test_etags_are_strong_and_quoted() -> None:
    assert etag(3) == '"v3"'


def test_names_of_exceptions_make_types_and_titles() -> None:
    class PSPDownError(Exception):
        pass

    class Named(Exception):
        slug, title = "a-name", "A name"

    assert (slug_of(PSPDownError), title_of(PSPDownError)) == ("psp-down", "Psp down")
    assert (slug_of(Named), title_of(Named)) == ("a-name", "A name")
    assert slug_of(NotFound) == "not-found"


def test_a_problem_carries_members_but_they_do_not_replace_its_own() -> None:
    body = bytes(Conflict("no", quote=5, type="x").response().body)
    assert b'"quote":5' in body
    assert b'"type":"urn:shopstream:problem:conflict"' in body

"""Of every route it is said whose it is, so that the end-to-end test tries it in other people's names."""

from tests.e2e.access import ACCESS, routes


def test_every_route_says_whose_it_is() -> None:
    assert sorted(ACCESS) == sorted(routes()), "say in tests/e2e/access.py whose a new route is"

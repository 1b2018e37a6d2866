"""Nothing is signed with a key that others may not know yet."""

from __future__ import annotations

import asyncio

import jwt
import pytest

from shop_events.contracts.identity import SigningKeyPublished, SigningKeyRetired
from tests.identity.conftest import Identity

pytestmark = pytest.mark.integration


async def kid_of_a_login(identity: Identity) -> str:
    answer = await identity.log_in()
    assert answer.status_code == 200
    return str(jwt.get_unverified_header(answer.json()["access_token"])["kid"])


async def test_nobody_logs_in_before_the_first_key_has_left_the_outbox(unready: Identity) -> None:
    await unready.register()
    for _ in range(2):
        await unready.tend_keys()
        refused = await unready.log_in()
        assert refused.status_code == 503
        assert "Retry-After" in refused.headers
    await unready.relay.run()
    await unready.tend_keys()
    assert (await unready.log_in()).status_code == 200


async def test_two_processes_starting_together_make_one_key(unready: Identity) -> None:
    await asyncio.gather(*(unready.tend_keys() for _ in range(5)))
    assert await unready.db.keys.count_documents({}) == 1


async def test_a_successor_signs_only_after_it_was_published_and_known_for_a_while(
    identity: Identity,
) -> None:
    await identity.register()
    await identity.relay.run()
    first = await kid_of_a_login(identity)
    identity.clock.advance(days=30)
    await identity.tend_keys()
    identity.clock.advance(minutes=10)
    await identity.tend_keys()
    assert await kid_of_a_login(identity) == first
    [published] = [each for each in await identity.relay.run() if isinstance(each, SigningKeyPublished)]
    await identity.tend_keys()
    identity.clock.advance(seconds=59)
    assert await kid_of_a_login(identity) == first
    identity.clock.advance(seconds=1)
    assert await kid_of_a_login(identity) == published.kid != first


async def test_the_old_key_is_retired_after_its_last_token(identity: Identity) -> None:
    [first] = identity.relay.keys
    identity.clock.advance(days=30)
    for _ in range(2):
        await identity.tend_keys()
        await identity.relay.run()
    identity.clock.advance(minutes=6)
    await identity.tend_keys()
    assert await identity.relay.run() == []
    identity.clock.advance(minutes=1)
    await identity.tend_keys()
    assert await identity.relay.run() == [SigningKeyRetired(kid=first)]
    assert len(identity.relay.keys) == 1


async def test_the_key_set_shows_public_halves_alone(identity: Identity) -> None:
    answer = await identity.http.get("/.well-known/jwks.json")
    [shown] = answer.json()["keys"]
    assert shown.keys() == {"kid", "kty", "crv", "alg", "use", "x"}
    assert identity.relay.keys == {shown["kid"]: shown["x"]}


async def test_a_private_key_is_stored_sealed(identity: Identity) -> None:
    stored = await identity.db.keys.find_one({})
    assert stored is not None
    assert bytes(stored["sealed"]).startswith(b"gAAAA")
    assert len(stored["sealed"]) > 100

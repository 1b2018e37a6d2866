"""The pool that hashes passwords."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from shop_identity.adapters.passwords import PasswordPool
from shop_identity.domain.errors import HashingBusy


@pytest.fixture
def pool() -> Iterator[PasswordPool]:
    pool = PasswordPool(1, 2)
    yield pool
    pool.close()


async def test_the_parameters_are_those_owasp_names(pool: PasswordPool) -> None:
    assert (await pool.hash("secret password")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_password_fits_its_own_hash_alone(pool: PasswordPool) -> None:
    stored = await pool.hash("Zo\u00eb's password")
    assert await pool.verify(stored, "Zoe\u0308's password")
    assert not await pool.verify(stored, "another password")


async def test_nobodys_password_fits_nothing(pool: PasswordPool) -> None:
    assert not await pool.verify(None, "nobody's password")


async def test_too_many_at_once_are_refused_and_the_pool_recovers(pool: PasswordPool) -> None:
    made = await asyncio.gather(*(pool.hash("secret password") for _ in range(10)), return_exceptions=True)
    assert Counter(type(each) for each in made) == {str: 3, HashingBusy: 7}
    assert await pool.verify(await pool.hash("secret password"), "secret password")


async def test_an_abandoned_hash_keeps_its_place_until_it_is_done() -> None:
    pool = PasswordPool(1, 2, passes=20)
    waiting = [asyncio.create_task(pool.hash("secret password")) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    with pytest.raises(HashingBusy):
        await pool.hash("secret password")
    pool.close()

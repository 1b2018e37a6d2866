"""What comes up at the same time is done in one go, after it was asked for."""

import asyncio
from collections.abc import Sequence

import pytest

from shop_events.gathering import Gathered


class Squares:
    """Knows squares; notes what it was asked at once, and fails for negative numbers."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    async def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.calls.append(list(numbers))
        await asyncio.sleep(0)
        if min(numbers) < 0:
            raise ValueError("negative")
        return [number**2 for number in numbers]


async def test_those_who_ask_at_once_share_a_call_and_get_their_own_results() -> None:
    squares = Squares()
    gathered = Gathered(squares, most=50)
    assert await asyncio.gather(*(gathered(n) for n in range(120))) == [n**2 for n in range(120)]
    assert [len(call) for call in squares.calls] == [50, 50, 20]


async def test_a_failure_reaches_those_of_its_call_alone() -> None:
    squares = Squares()
    gathered = Gathered(squares, most=2)
    results = await asyncio.gather(*(gathered(n) for n in (1, -1, 2, 3)), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError, int, int]
    assert await gathered(4) == 16


async def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    gathered = Gathered(Squares())
    impatient, patient = asyncio.create_task(gathered(2)), asyncio.create_task(gathered(3))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == 9
    with pytest.raises(asyncio.CancelledError):
        await impatient

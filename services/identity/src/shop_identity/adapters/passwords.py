"""Password hashes: argon2id (RFC 9106) with the parameters OWASP names, in a bounded pool of threads.

argon2-cffi lets go of the interpreter while it works: threads use all cores, and the event loop goes on.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError

from shop_identity.domain.errors import HashingBusy

T = TypeVar("T")

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1


class PasswordPool:
    """Hashes and verifies passwords, at most ``workers`` at a time with at most ``queue`` waiting.

    Raises HashingBusy at once when more are asked for.
    """

    def __init__(
        self, workers: int, queue: int, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES
    ) -> None:
        self._hasher = PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=LANES, type=Type.ID
        )
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="passwords")
        self._free = workers + queue
        self._nobody = self._hasher.hash("nobody's password")

    async def hash(self, password: str) -> str:
        """Return the hash of a password with its parameters and salt (PHC string format)."""
        return await self._in_thread(self._hasher.hash, _prepared(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Say whether the password fits; with no hash it never does, which takes as long to find out."""
        fits = await self._in_thread(self._fits, password_hash or self._nobody, _prepared(password))
        return fits and password_hash is not None

    def close(self) -> None:
        """Finish what is being hashed and let nothing more in."""
        self._threads.shutdown(cancel_futures=True)

    def _fits(self, password_hash: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except VerificationError:
            return False

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        if self._free <= 0:
            raise HashingBusy
        self._free -= 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        future.add_done_callback(self._release)
        return await asyncio.shield(future)

    def _release(self, _: object) -> None:
        self._free += 1


def _prepared(password: str) -> bytes:
    """Return the bytes to hash: the same character typed on another keyboard is the same (RFC 8265, 4.2)."""
    return unicodedata.normalize("NFC", password).encode()

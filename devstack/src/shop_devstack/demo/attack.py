"""A scripted attacker: guesses at the password of one account until the shop raises an alert."""

import asyncio
from collections.abc import Awaitable, Callable

from shop_devstack.demo.accounts import Account, Passwords, email_of, register
from shop_devstack.demo.client import HttpClient
from shop_devstack.demo.secrecy import Needle

_MOST_GUESSES = 9  # identity refuses to look at more
_GUESSES_AT_ONCE = 5
_PAUSE_SECONDS = 0.2
_PATIENCE_SECONDS = 3.0
_REFUSED = 401


class Attack:
    """Attacks an account that is made for it, so that no earlier attack on it is still remembered.

    Args:
        name: of the victim, a new one each time.
        is_raised: says whether an alert about a user has been raised by now.
    """

    def __init__(
        self, shop: HttpClient, passwords: Passwords, name: str, is_raised: Callable[[str], Awaitable[bool]]
    ) -> None:
        self._shop = shop
        self._name = name
        self._passwords = passwords
        self._is_raised = is_raised
        self.user_id = ""
        """The victim's, once there is one."""
        self.guesses = 0
        self.needles: set[Needle] = set()
        """What the victim, and who guesses, must find nowhere."""

    async def run(self) -> None:
        """Guess until there is an alert, or no more guess is looked at."""
        email = email_of(self._name)
        password = self._passwords.of(email)
        await register(self._shop, self._name, password)
        victim = Account(self._shop, email, password)
        await victim.log_in()
        self.user_id = victim.user_id
        self.needles |= victim.needles
        while self.guesses < _MOST_GUESSES:
            await self._guess(email)
            if self.guesses >= _GUESSES_AT_ONCE and await self._noticed():
                return

    async def _guess(self, email: str) -> None:
        self.guesses += 1
        guess = f"guess number {self.guesses} of {self._name}"
        self.needles.add(Needle("mistyped password", guess))
        body = {"email": email, "password": guess}
        await self._shop.ask("POST", "/v1/auth/login", body, accept=(_REFUSED,))

    async def _noticed(self) -> bool:
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while not (raised := await self._is_raised(self.user_id)):
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_PAUSE_SECONDS)
        return raised

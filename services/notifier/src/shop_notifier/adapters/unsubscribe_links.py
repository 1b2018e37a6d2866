"""Links that unsubscribe: who holds one may do that and nothing else, for ever.

The token is sealed (Fernet), not only signed, so that whoever sees the address learns neither user nor list.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shop_notifier.domain.errors import UnknownLink

PATH = "/v1/unsubscribe"


class UnsubscribeLinks:
    """Makes and reads them.

    Args:
        keys: Fernet keys: the first seals, all of them open.
        public_url: where people reach the shop.
    """

    def __init__(self, keys: Sequence[str], public_url: str) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._base = f"{public_url.rstrip('/')}{PATH}"

    def link(self, user_id: str, mailing_list: str) -> str:
        """Return the address that takes a user off a list."""
        token = self._fernet.encrypt(orjson.dumps([user_id, mailing_list]))
        return f"{self._base}/{token.decode().rstrip('=')}"

    def read(self, token: str) -> tuple[str, str]:
        """Return whom a token takes off which list.

        Raises:
            UnknownLink: it was not made here.
        """
        try:
            sealed = self._fernet.decrypt(token + "=" * (-len(token) % 4))
        except (InvalidToken, ValueError) as error:  # the latter for what is not ASCII
            raise UnknownLink from error
        user_id, mailing_list = orjson.loads(sealed)
        return user_id, mailing_list

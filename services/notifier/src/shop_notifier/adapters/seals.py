"""Seals what must wait in the database and may not be read there: codes, links, unverified addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Seals:
    """Seals and opens small sets of texts.

    Args:
        keys: Fernet keys: the first seals, all of them open.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, texts: Mapping[str, str]) -> bytes:
        """Return what only :meth:`open` can read."""
        return self._fernet.encrypt(orjson.dumps(dict(texts)))

    def open(self, sealed: bytes) -> dict[str, str] | None:
        """Return what was sealed; None when none of the keys there are by now opens it."""
        try:
            texts: dict[str, str] = orjson.loads(self._fernet.decrypt(sealed))
        except InvalidToken:
            return None
        return texts

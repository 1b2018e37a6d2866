"""Revocations: below which epoch the tokens of a user or a family are refused, while that matters."""

from __future__ import annotations

from datetime import datetime

from shop_events.contracts.base import Aggregate
from shop_events.contracts.identity import RevocationExpired, TokensRevoked


class Revocation(Aggregate):
    """What is revoked of one subject: a user id or a family id. ``until`` None means nothing at present."""

    def __init__(
        self, subject: str, lowest_epoch: int = 0, until: datetime | None = None, version: int = 0
    ) -> None:
        super().__init__()
        self.subject = subject
        self.lowest_epoch = lowest_epoch
        self.until = until
        self.version = version

    def raise_to(self, lowest_epoch: int, until: datetime) -> None:
        """Refuse tokens below ``lowest_epoch``; the last of them is worthless at ``until``."""
        self.lowest_epoch = max(self.lowest_epoch, lowest_epoch)
        self.until = max(self.until or until, until)
        self.record(self.current())

    def expire(self) -> None:
        """Note that every token it was about has expired by itself."""
        self.until = None
        self.record(self.current())

    def current(self) -> TokensRevoked | RevocationExpired:
        """Return the state as every service may know it."""
        if self.until is None:
            return RevocationExpired(subject=self.subject)
        return TokensRevoked(subject=self.subject, lowest_epoch=self.lowest_epoch, until=self.until)

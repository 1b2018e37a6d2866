"""Who asks, and what their roles allow."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from shop_analytics.domain.errors import AccessDenied

ANALYSTS = frozenset({"analyst", "administrator"})


class Caller(Protocol):
    """Somebody whose token was verified."""

    @property
    def user_id(self) -> str: ...

    @property
    def roles(self) -> Collection[str]: ...


def demand_analyst(caller: Caller) -> None:
    """Let only analysts and administrators pass.

    Raises:
        AccessDenied: the caller is neither.
    """
    if ANALYSTS.isdisjoint(caller.roles):
        raise AccessDenied("Only analysts and administrators may see what shoppers do.")

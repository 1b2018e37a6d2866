"""Who asks, and what their roles allow."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from shop_notifier.domain.errors import AccessDenied

ADMINISTRATOR = "administrator"
OPERATORS = frozenset({ADMINISTRATOR, "support"})


class Caller(Protocol):
    """Somebody whose token was verified."""

    @property
    def user_id(self) -> str: ...

    @property
    def roles(self) -> Collection[str]: ...


def demand_administrator(caller: Caller) -> None:
    """Let only administrators pass.

    Raises:
        AccessDenied: the caller is none.
    """
    if ADMINISTRATOR not in caller.roles:
        raise AccessDenied("Only administrators may do this.")


def demand_operator(caller: Caller) -> None:
    """Let only administrators and support pass.

    Raises:
        AccessDenied: the caller is neither.
    """
    if OPERATORS.isdisjoint(caller.roles):
        raise AccessDenied("Only administrators and support may see deliveries.")

"""Who asks, and what their roles allow."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from shop_catalog.domain.errors import AccessDenied

MERCHANTS = frozenset({"merchant", "administrator"})
OPERATORS = frozenset({"administrator", "support"})


class Caller(Protocol):
    """Somebody whose token was verified."""

    @property
    def user_id(self) -> str: ...

    @property
    def roles(self) -> Collection[str]: ...


class Operator:
    """Somebody at the command line, who may do anything there."""

    user_id = "operator"
    roles = frozenset({"administrator"})


def demand_merchant(caller: Caller | None) -> None:
    """Let only merchants and administrators pass.

    Raises:
        AccessDenied: the caller is neither.
    """
    if not is_merchant(caller):
        raise AccessDenied("Only merchants and administrators may change products and stock.")


def is_merchant(caller: Caller | None) -> bool:
    """Say whether the caller looks after the catalogue, and so sees drafts as well."""
    return caller is not None and not MERCHANTS.isdisjoint(caller.roles)


def demand_operator(caller: Caller) -> None:
    """Let only those who look after customers pass.

    Raises:
        AccessDenied: the caller does not.
    """
    if OPERATORS.isdisjoint(caller.roles):
        raise AccessDenied("Only support and administrators may handle orders.")


def may_see_order(caller: Caller, customer_id: str) -> bool:
    """Say whether the caller placed the order, or looks after customers."""
    return caller.user_id == customer_id or not OPERATORS.isdisjoint(caller.roles)

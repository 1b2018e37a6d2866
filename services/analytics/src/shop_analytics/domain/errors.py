"""What the rules of analytics refuse."""

from __future__ import annotations

from shop_events.contracts import DomainError


class AccessDenied(DomainError):
    """The caller may not see this."""


class ProductUnknown(DomainError):
    """There is no such product."""

"""Unsettled payments and refunds, a batch at a time."""

from __future__ import annotations

from shop_catalog.application.checkout import Checkout

BATCH = 50


async def settle(checkout: Checkout) -> bool:
    """Find out about payments whose outcome is unknown; return whether there may be more."""
    return await checkout.settle_due(BATCH)


async def reverse(checkout: Checkout) -> bool:
    """Give back what cancelled orders have taken; return whether there may be more."""
    return await checkout.reverse_due(BATCH)


async def refund(checkout: Checkout) -> bool:
    """Give back what operators have decided to; return whether there may be more."""
    return await checkout.refund_due(BATCH)

"""Saved cards: known from identity, charged for their owner alone."""

from __future__ import annotations

from shop_catalog.domain.errors import UnknownPaymentMethod
from shop_catalog.domain.payments import SAVED_CARD
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.contracts.identity import PaymentMethodsChanged


async def token_of(uow: CatalogUnitOfWork, method: str, customer_id: str) -> str:
    """Return the provider's token of a payment method, which is a saved card's id or such a token.

    Raises:
        UnknownPaymentMethod: the customer has not saved it, or somebody else has.
    """
    if method.startswith(SAVED_CARD):
        token = await uow.cards.token(customer_id, method)
        if token is None:
            raise UnknownPaymentMethod
        return token
    if await uow.cards.is_anothers(customer_id, method):
        raise UnknownPaymentMethod
    return method


async def keep(uow: CatalogUnitOfWork, event: PaymentMethodsChanged) -> None:
    """Remember the cards that a customer has saved."""
    await uow.cards.keep(event, uow.sequence)


async def forget(uow: CatalogUnitOfWork, user_id: str) -> None:
    """Forget a customer's cards."""
    await uow.cards.remove(user_id, uow.sequence)

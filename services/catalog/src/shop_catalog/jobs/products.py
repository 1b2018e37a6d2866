"""Telling the state of all products again, for readers that lost it."""

from __future__ import annotations

from shop_catalog.application import products
from shop_catalog.store.unit_of_work import Transact

BATCH = 200


async def republish(transact: Transact) -> int:
    """Put the present state of each product into the outbox, a batch per transaction; return how many."""
    told, after = 0, ""
    while batch := await transact(products.republish, after, BATCH):
        told, after = told + len(batch), batch[-1].id
    return told

"""What several routes take in: money, ids, and the request that an idempotency key stands for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import Depends, Path, Request
from pydantic import AfterValidator, BaseModel, Field

from shop_catalog.domain.products import MAX_AMOUNT
from shop_catalog.domain.requests import RequestKey
from shop_chassis.auth import Authenticated
from shop_chassis.http import Body, IdempotencyKey
from shop_events.contracts import Money
from shop_events.contracts.amounts import is_currency

LONGEST_ID = 100
Id = Annotated[str, Path(max_length=LONGEST_ID)]


def _in_use(code: str) -> str:
    if not is_currency(code):
        raise ValueError("This is no currency of ISO 4217.")
    return code


CurrencyCode = Annotated[
    str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217", examples=["EUR"]), AfterValidator(_in_use)
]


class Amount(Body):
    """An amount in minor units (pence, cents) of one ISO 4217 currency."""

    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
    currency: CurrencyCode

    def money(self) -> Money:
        """Return the amount as the domain has it."""
        return Money(amount=self.amount, currency=self.currency)


def request_key(user_id: str, key: str, method: str, path: str, body: BaseModel) -> RequestKey:
    """Return what an Idempotency-Key stands for: who asked, where and what, in whichever form."""
    # A field that gains a default later must not make an old request look like another one.
    said = body.model_dump_json(exclude_defaults=True)
    return RequestKey(user_id, key, hashlib.sha256(f"{method} {path}\n{said}".encode()).hexdigest())


async def _asked(
    caller: Authenticated, key: IdempotencyKey, request: Request
) -> Callable[[BaseModel], RequestKey]:
    return partial(request_key, caller.user_id, key, request.method, request.url.path)


Asked = Annotated[Callable[[BaseModel], RequestKey], Depends(_asked)]
"""``asked(body)``: see :func:`request_key`."""

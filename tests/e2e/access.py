"""Whose each route is: what `tests/e2e/test_access.py` tries in other people's names.

Every route of docs/routes.md has an entry here; one that is missing fails tests/architecture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

_ROUTE = re.compile(r"^\| `([A-Z]+ /\S+)` \|", re.MULTILINE)
_PAGE = Path(__file__).parents[2] / "docs" / "routes.md"


def routes() -> list[str]:
    """Return every route there is, such as ``GET /v1/orders/{id}``."""
    return _ROUTE.findall(_PAGE.read_text())


class Whose(Enum):
    """Who is let in, and what becomes of everybody else.

    Nobody is always refused, or shown nothing of anybody, and changes nothing of the owner's.
    """

    OWNER = auto()
    """Of whoever owns the object in the path: 401 without a token, 403 or 404 with another's."""
    STAFF = auto()
    """Of some roles: 401 without a token, 403 with a customer's."""
    CALLER = auto()
    """Of whoever's token it is: 401 without one; another's leads to what is theirs."""
    VISITOR = auto()
    """Of whoever's session string it is: 401 with one that has ended; another's leads to what is theirs."""
    NEWCOMER = auto()
    """As VISITOR, but one that has ended is as good as none."""
    PROVIDER = auto()
    """Of providers, by signature: refused without one."""
    ANYBODY = auto()
    """Nothing on it is anybody's."""


@dataclass(frozen=True)
class Access:
    """One route: whose it is, and what a stranger sends.

    ``{…}`` in header values stands for what the owner sent or saw: ``key``, ``me``, ``cart``, ``state``,
    ``product``, ``category``, ``review`` (ETags but for the key).
    """

    whose: Whose
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""


KEY = {"Idempotency-Key": "{key}"}
MONEY = {"amount": 1, "currency": "GBP"}
REVIEW = {"rating": 1, "recommends": False, "title": "Bad"}
CARD = {"token": "pm_visaofmallorymallorymall", "brand": "visa", "last_four": "4242", "expires": "2040-12"}
LINES = [{"product_id": "{product_id}", "quantity": 1}]

PROMOTION = {"name": "x", "benefit": {"kind": "percentage", "basis_points": 9_999}}

ACCESS: dict[str, Access] = {
    # catalog
    "GET /v1/products": Access(Whose.ANYBODY),
    "GET /v1/products/facets": Access(Whose.ANYBODY),
    "GET /v1/search": Access(Whose.ANYBODY, query="?q=cup"),
    "GET /v1/search/suggestions": Access(Whose.ANYBODY, query="?q=cup"),
    "POST /v1/search/{search_id}/clicks": Access(Whose.ANYBODY, {"product_id": "{product_id}"}),
    "GET /v1/products/{id}": Access(Whose.ANYBODY),
    "POST /v1/products": Access(Whose.STAFF, {"sku": "x", "title": "x", "price": MONEY}, KEY),
    "PATCH /v1/products/{id}": Access(Whose.STAFF, {"title": "mine"}, {"If-Match": "{product}"}),
    "DELETE /v1/products/{id}": Access(Whose.STAFF, headers={"If-Match": "{product}"}),
    "POST /v1/products/imports": Access(Whose.STAFF, {"sku": "z", "title": "x", "price": MONEY}),
    "POST /v1/products/{id}/variants": Access(
        Whose.STAFF, {"sku": "y", "prices": [MONEY], "options": {"size": "L"}}, {"If-Match": "{product}"}
    ),
    "PATCH /v1/products/{id}/variants/{variant_id}": Access(
        Whose.STAFF, {"sku": "mine"}, {"If-Match": "{product}"}
    ),
    "DELETE /v1/products/{id}/variants/{variant_id}": Access(Whose.STAFF, headers={"If-Match": "{product}"}),
    "GET /v1/categories": Access(Whose.ANYBODY),
    "GET /v1/categories/{id}": Access(Whose.ANYBODY),
    "POST /v1/categories": Access(Whose.STAFF, {"name": "mine"}),
    "PATCH /v1/categories/{id}": Access(Whose.STAFF, {"name": "mine"}, {"If-Match": "{category}"}),
    "DELETE /v1/categories/{id}": Access(Whose.STAFF, headers={"If-Match": "{category}"}),
    "GET /v1/products/{id}/stock": Access(Whose.STAFF),
    "GET /v1/products/{id}/stock-adjustments": Access(Whose.STAFF),
    "POST /v1/products/{id}/stock-adjustments": Access(Whose.STAFF, {"delta": -1, "reason": "gone"}, KEY),
    "GET /v1/promotions": Access(Whose.STAFF),
    "GET /v1/promotions/{id}": Access(Whose.STAFF),
    "POST /v1/promotions": Access(Whose.STAFF, PROMOTION, KEY),
    "PUT /v1/promotions/{id}": Access(Whose.STAFF, PROMOTION, {"If-Match": '"v1"'}),
    "DELETE /v1/promotions/{id}": Access(Whose.STAFF),
    "GET /v1/tariffs": Access(Whose.ANYBODY),
    "PUT /v1/tariffs/{country}": Access(Whose.STAFF, {"tax_basis_points": 100}),
    "DELETE /v1/tariffs/{country}": Access(Whose.STAFF),
    "POST /v1/quotes": Access(Whose.ANYBODY, {"lines": LINES}),
    "GET /v1/products/{id}/reviews": Access(Whose.ANYBODY),
    "GET /v1/products/{id}/reviews/mine": Access(Whose.CALLER),
    "POST /v1/products/{id}/reviews": Access(Whose.CALLER, REVIEW, KEY),
    "GET /v1/reviews": Access(Whose.STAFF),
    "GET /v1/reviews/{id}": Access(Whose.ANYBODY),  # one that is not published is not found
    "PUT /v1/reviews/{id}": Access(Whose.OWNER, REVIEW, {"If-Match": "{review}"}),
    "DELETE /v1/reviews/{id}": Access(Whose.OWNER, headers={"If-Match": "{review}"}),
    "PUT /v1/reviews/{id}/status": Access(Whose.STAFF, {"status": "published"}, {"If-Match": "{review}"}),
    "PUT /v1/reviews/{id}/helpful": Access(Whose.CALLER),
    "DELETE /v1/reviews/{id}/helpful": Access(Whose.CALLER),
    "GET /v1/orders": Access(Whose.CALLER),
    "GET /v1/orders/{id}": Access(Whose.OWNER),
    "PUT /v1/orders/{id}/payment": Access(Whose.OWNER, {"payment_method": "pm_card_visa"}),
    "PUT /v1/orders/{id}/cancellation": Access(Whose.OWNER),
    "POST /v1/orders/{id}/shipments": Access(Whose.STAFF, {"carrier": "Mallory"}, KEY),
    "PUT /v1/orders/{id}/shipments/{shipment_id}/delivery": Access(Whose.STAFF),
    "POST /v1/orders/{id}/refunds": Access(Whose.STAFF, {"amount": MONEY, "reason": "mine"}, KEY),
    "POST /v1/orders/{id}/returns": Access(Whose.OWNER, {"lines": LINES, "reason": "mine"}, KEY),
    "PUT /v1/orders/{id}/refunds/{refund_id}/resolution": Access(
        Whose.STAFF, {"resolution": "by bank transfer"}
    ),
    "PUT /v1/orders/{id}/returns/{return_id}/decision": Access(Whose.STAFF, {"accepted": True}),
    "POST /v1/orders": Access(Whose.CALLER, {"lines": LINES, "payment_method": "pm_card_visa"}, KEY),
    "POST /v1/payments/webhooks": Access(Whose.PROVIDER, {"id": "evt_1", "type": "payment_intent.succeeded"}),
    # identity
    "GET /.well-known/jwks.json": Access(Whose.ANYBODY),
    "POST /v1/users": Access(Whose.ANYBODY, {"email": "{email}", "password": "a password of mine"}),
    "GET /v1/users/me": Access(Whose.CALLER),
    "PATCH /v1/users/me": Access(Whose.CALLER, {"name": "Mallory"}, {"If-Match": "{me}"}),
    "DELETE /v1/users/me": Access(Whose.CALLER, headers={"If-Match": '"v0"'}),  # closes nobody's
    "DELETE /v1/users/{user_id}": Access(Whose.STAFF),
    "GET /v1/users/me/payment-methods": Access(Whose.CALLER),
    "POST /v1/users/me/payment-methods": Access(Whose.CALLER, CARD, KEY),
    "DELETE /v1/users/me/payment-methods/{card_id}": Access(Whose.OWNER),
    "PUT /v1/users/{user_id}/roles": Access(Whose.STAFF, {"roles": ["administrator"]}),
    "POST /v1/auth/login": Access(Whose.ANYBODY, {"email": "{email}", "password": "a password of mine"}),
    "POST /v1/auth/refresh": Access(Whose.ANYBODY, {"refresh_token": "rt_of_nobody"}),
    "POST /v1/auth/logout": Access(Whose.CALLER, {"everywhere": True}),
    "POST /v1/guests": Access(Whose.ANYBODY, {"email": "{email}"}),
    "POST /v1/guests/verification": Access(
        Whose.ANYBODY, {"verification_id": f"ver_{32 * '0'}", "code": "00000000"}
    ),
    "POST /v1/guests/access": Access(Whose.ANYBODY, {"token": "of nobody"}),
    # session
    "POST /v1/session": Access(Whose.NEWCOMER),
    "GET /v1/session": Access(Whose.NEWCOMER),
    "DELETE /v1/session": Access(Whose.NEWCOMER),
    "POST /v1/session/link": Access(Whose.CALLER),
    "PUT /v1/session/consent": Access(Whose.VISITOR, {"analytics": False, "marketing": True}),
    "GET /v1/session/orders": Access(Whose.VISITOR),
    "GET /v1/session/cart": Access(Whose.VISITOR),
    "PATCH /v1/session/cart": Access(Whose.VISITOR, {"lines": {"{product_id}": 0}}, {"If-Match": "{cart}"}),
    "POST /v1/session/cart/lines": Access(Whose.VISITOR, LINES[0], KEY),
    "PUT /v1/session/cart/lines/{product_id}": Access(Whose.VISITOR, {"quantity": 9}, {"If-Match": "{cart}"}),
    "DELETE /v1/session/cart/lines/{product_id}": Access(Whose.VISITOR, headers={"If-Match": "{cart}"}),
    "GET /v1/session/states": Access(Whose.VISITOR),
    "GET /v1/session/states/{name}": Access(Whose.VISITOR),
    "PUT /v1/session/states/{name}": Access(Whose.VISITOR, {"level": 0}, {"If-Match": "{state}"}),
    "PATCH /v1/session/states/{name}": Access(Whose.VISITOR, {"level": 0}, {"If-Match": "{state}"}),
    "DELETE /v1/session/states/{name}": Access(Whose.VISITOR, headers={"If-Match": "{state}"}),
    "POST /v1/session/activity": Access(Whose.VISITOR, {"events": [{"id": "e1"}]}),
    # notifier
    "GET /v1/notifications": Access(Whose.CALLER),
    "POST /v1/notifications/{id}/read": Access(Whose.OWNER),
    # The id is none, so that the stream does not begin; tests/e2e/test_inbox.py listens to what it tells.
    "GET /v1/notifications/stream": Access(Whose.CALLER, headers={"Last-Event-ID": "x"}),
    "GET /v1/broadcasts": Access(Whose.STAFF),
    "POST /v1/broadcasts": Access(Whose.STAFF, {"title": "x", "body": "x"}, KEY),
    "DELETE /v1/broadcasts/{id}": Access(Whose.STAFF),
    "GET /v1/deliveries": Access(Whose.STAFF, query="?status=sent"),
    "GET /v1/deliveries/summary": Access(Whose.STAFF),
    "POST /v1/webhooks/sendgrid": Access(Whose.PROVIDER, [{"event": "bounce", "email": "{email}"}]),
    "POST /v1/webhooks/twilio": Access(Whose.PROVIDER, {"MessageStatus": "failed"}),
    "GET /v1/unsubscribe/{token}": Access(Whose.ANYBODY),  # a token that nobody was sent
    "POST /v1/unsubscribe/{token}": Access(Whose.ANYBODY),
    # analytics
    "GET /v1/recommendations": Access(Whose.ANYBODY),
    "GET /v1/insights/products/{id}": Access(Whose.STAFF),
    "GET /v1/insights/products/{id}/bought-together": Access(Whose.STAFF),
    "GET /v1/insights/summary": Access(Whose.STAFF),
}

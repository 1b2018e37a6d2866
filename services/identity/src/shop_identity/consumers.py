"""Events in: identity acts on no other service's events.

Signing keys and revocations, which its own API needs like any other, come through the chassis.
"""

from __future__ import annotations

from shop_events.handlers import Subscriptions

SUBSCRIPTIONS = Subscriptions("identity", ())

"""HTTP in: the visitor's session, cart, saved states, and what their client tells about activity."""

from shop_session.api import activity, carts, sessions, states
from shop_session.api.errors import ERRORS

ROUTERS = (sessions.router, carts.router, states.router, activity.router)

__all__ = ["ERRORS", "ROUTERS"]

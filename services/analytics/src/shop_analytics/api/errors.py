"""How the errors of the domain are answered."""

from __future__ import annotations

from shop_analytics.domain.errors import AccessDenied, ProductUnknown
from shop_chassis.problems import ErrorMap, Forbidden, NotFound

ERRORS: ErrorMap = {AccessDenied: Forbidden, ProductUnknown: NotFound}

"""HTTP in: recommendations for everybody, insights for analysts."""

from shop_analytics.api import insights, recommendations
from shop_analytics.api.errors import ERRORS

ROUTERS = (recommendations.router, insights.router)

__all__ = ["ERRORS", "ROUTERS"]

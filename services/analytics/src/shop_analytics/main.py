"""Composition root: the environment in, the wired service out."""

from __future__ import annotations

from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from shop_analytics.settings import AnalyticsSettings
from shop_chassis.app import Api
from shop_chassis.service import Service
from shop_events.handlers import Subscriptions
from shop_events.unit_of_work import UnitOfWork


async def migrate(_: AsyncDatabase[Any]) -> None:
    """Keep the database as it is: nothing is stored but what the backbone stores."""


SERVICE: Service[AnalyticsSettings, None] = Service(
    settings=AnalyticsSettings,
    unit_of_work=UnitOfWork,
    api=lambda runtime: Api([]),
    subscriptions=Subscriptions.of("analytics"),
    migrate=migrate,
)

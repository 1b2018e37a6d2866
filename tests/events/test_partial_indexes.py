"""Indexes that leave out what has nothing in a field are used by the queries that they are made for."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shop_events.partial_indexes import ANY_TEXT, ANY_TIME
from tests.databases import Databases

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("limit", "value", "query"),
    [
        (ANY_TEXT, "a", "a"),
        (ANY_TEXT, "a", {"$in": ["a", "b"]}),
        (ANY_TIME, NOW, {**ANY_TIME, "$lte": NOW}),
    ],
)
async def test_no_more_is_read_than_is_found(
    databases: Databases, limit: Any, value: Any, query: Any
) -> None:
    async with databases.own() as db:
        await db.limited.create_index("field", partialFilterExpression={"field": limit})
        await db.limited.insert_many([*({"field": None} for _ in range(20)), {"field": value}])
        told = await db.limited.find({"field": query}).explain()
    assert told["executionStats"]["nReturned"] == told["executionStats"]["totalDocsExamined"] == 1


def test_no_index_is_limited_by_a_type() -> None:
    schemas = [*ROOT.glob("services/*/src/*/store/**/*.py"), *ROOT.glob("libs/*/src/**/*.py")]
    limited = re.compile(r"partialFilterExpression=\{[^}]*\{\s*\"\$type\"")
    assert [path.name for path in schemas if limited.search(path.read_text())] == []

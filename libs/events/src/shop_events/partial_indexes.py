"""What an index is limited to that has only the documents with something in a field, and not those with null.

MongoDB uses such an index for a query alone that says as much itself. It sees that of ``"a"`` and
``{"$gt": ""}`` and never of ``{"$type": …}``, with which each query would read the whole collection.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

ANY_TEXT: Final[dict[str, Any]] = {"$gt": ""}
"""A text that is not empty; a query for any one text says enough."""

ANY_TIME: Final[dict[str, Any]] = {"$gt": datetime(1970, 1, 1, tzinfo=UTC)}
"""A time; a query for all until some time has to say this as well: ``{**ANY_TIME, "$lte": by}``."""

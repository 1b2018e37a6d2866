"""Bodies that are read as JSON whatever they are declared to be: ``sendBeacon`` says text/plain."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import Depends, Request

from shop_chassis.problems import BadRequest, Unprocessable


async def json_object(request: Request) -> dict[str, Any]:
    """Return the request's body, a JSON object.

    Raises:
        BadRequest, Unprocessable: it is none.
    """
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise BadRequest("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise Unprocessable([{"pointer": "#", "message": "This is not an object."}])
    return body


JsonObject = Annotated[dict[str, Any], Depends(json_object)]
"""The request's body, a JSON object."""


def described(media_types: tuple[str, ...], schema: dict[str, Any]) -> dict[str, Any]:
    """Return what the OpenAPI document says of such a body (``openapi_extra``)."""
    content = {media_type: {"schema": schema} for media_type in media_types}
    return {"requestBody": {"required": True, "content": content}}

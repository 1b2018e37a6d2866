"""The route of the public signing keys, for those who do not read topics."""

from __future__ import annotations

from fastapi import APIRouter, Response

from shop_chassis.http import Read
from shop_identity.api.schemas import KeySetView
from shop_identity.application import keys

router = APIRouter(tags=["keys"])


@router.get("/.well-known/jwks.json")
async def key_set(read: Read, response: Response) -> KeySetView:
    """Return the public keys of access tokens, also those that sign only soon."""
    response.headers["Cache-Control"] = "public, max-age=30"  # well below the time a key is known first
    return KeySetView.of(await read(keys.published))

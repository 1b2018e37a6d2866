"""Bulk import over HTTP: a file in, a report a line out as JSON lines.

The file is taken in whole before the first line is stored, to disk and not to memory: a client that reads the
answer only once it has sent everything, or a proxy that allows no other way, would else wait for ever.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from typing import IO, Annotated, cast

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.import_lines import products
from shop_catalog.api.import_mapping import mapping_of
from shop_catalog.api.import_records import Format
from shop_catalog.api.importing import report_lines
from shop_catalog.application.imports import Importer
from shop_catalog.domain.access import demand_merchant
from shop_catalog.domain.errors import AccessDenied
from shop_catalog.store.unit_of_work import Transact as CatalogTransact
from shop_chassis.auth import Authenticated
from shop_chassis.http import Transact
from shop_chassis.openapi import responses
from shop_chassis.problems import PayloadTooLarge, Unprocessable

IMPORTS = "/v1/products/imports"
LARGEST_FILE = 1 << 30

router = APIRouter(tags=["products"])

_CHUNK = 1 << 18
_IN_MEMORY = 1 << 20
_ANY = {"schema": {"type": "string", "format": "binary"}}
_BODY = {
    "required": True,
    "content": {"text/csv": _ANY, "application/x-ndjson": _ANY, "application/json": _ANY},
}
_REPORT = {"description": "A report a line, then a summary", "content": {"application/x-ndjson": {}}}


@router.post(
    IMPORTS,
    response_class=StreamingResponse,
    responses={**responses(AccessDenied, PayloadTooLarge, of=ERRORS), 200: _REPORT},
    openapi_extra={"requestBody": _BODY},
)
async def import_products(
    request: Request,
    caller: Authenticated,
    transact: Transact,
    form: Annotated[Format, Query(alias="format")] = Format.JSON_LINES,
    mapping: Annotated[
        str, Query(max_length=4000, description="Name of a mapping of columns, or one as JSON")
    ] = "",
) -> StreamingResponse:
    """Make and change products in bulk; the same file again changes nothing."""
    demand_merchant(caller)
    try:
        columns = mapping_of(mapping)
    except ValueError as error:
        raise Unprocessable([{"in": "query", "name": "mapping", "message": str(error)[:300]}]) from error
    file = await _received(request)
    told = products(_chunks(file), form, columns)
    importer = Importer(cast(CatalogTransact, transact), caller)
    return StreamingResponse(report_lines(importer, told), media_type="application/x-ndjson")


async def _received(request: Request) -> IO[bytes]:
    file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
    try:
        async for chunk in request.stream():
            file.write(chunk)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk

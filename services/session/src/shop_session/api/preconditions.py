"""If-Match where it may be missing, and If-None-Match of what is to be new."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header

from shop_chassis.http import BadEntityTag
from shop_chassis.problems import BadRequest, PreconditionFailed, PreconditionRequired
from shop_session.application.states import ANY_NEW

# In lower case: the document calls the capitalised header a required one, and here it is not.
_IfMatch = Annotated[str | None, Header(alias="if-match", description="ETag of what is changed")]
_IfNoneMatch = Annotated[
    str | None, Header(alias="if-none-match", description="`*`: only if there is none of this name")
]


class BadIfNoneMatch(BadRequest):
    """Only what is to be new can be asked for with If-None-Match."""

    slug, title = "invalid-if-none-match", "If-None-Match must be *"


async def _version_if_named(value: _IfMatch = None) -> int | None:
    if value is None:
        return None
    if not re.fullmatch(r'(W/)?"[!#-~]{0,100}"', value):
        raise BadEntityTag
    ours = re.fullmatch(r'"v(\d{1,15})"', value)
    if not ours:
        raise PreconditionFailed  # a weak or foreign tag is well-formed and matches nothing
    return int(ours[1])


MaybeVersion = Annotated[int | None, Depends(_version_if_named)]
"""The version that the client bases its change on, if it says so."""


async def _version_or_new(version: MaybeVersion, if_none_match: _IfNoneMatch = None) -> int:
    if if_none_match is not None:
        if if_none_match.strip() != "*" or version is not None:
            raise BadIfNoneMatch
        return ANY_NEW
    if version is None:
        raise PreconditionRequired
    return version


VersionOrNew = Annotated[int, Depends(_version_or_new)]
"""The version that the client bases its change on, ANY_NEW where it wants to create; one is needed."""

"""Saved states: named JSON documents of an application (for instance a game), with versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shop_session.domain.errors import StateTooLarge, TooManyStates, VersionConflict

MOST_STATES = 20
MOST_BYTES = 65_536
MOST_DEPTH = 50
LONGEST_NAME = 64
_MOST_COPIES = 9

Json = dict[str, Any]


@dataclass(slots=True)
class SavedState:
    """One saved document.

    Args:
        name: chosen by the application.
        document: a JSON object.
        version: grows with each change, and is not used again when a name is deleted and made anew: it
            begins with the time in milliseconds.
    """

    name: str
    document: Json
    version: int
    updated_at: datetime

    @classmethod
    def create(cls, name: str, document: Json, now: datetime) -> SavedState:
        """Save under a new name.

        Raises:
            StateTooLarge: the document is nested too deeply.
        """
        assert_shallow(document)
        return cls(name, document, int(now.timestamp() * 1000), now)

    def patch(self, patch: Json, now: datetime) -> None:
        """Change members of the document; null takes one out.

        Raises:
            StateTooLarge: it is nested too deeply.
        """
        assert_shallow(patch)
        self.replace(merge_patch(self.document, patch), now)

    def assert_version(self, version: int | None) -> None:
        """Make sure that the caller has seen what is there, if they say what they saw.

        Raises:
            VersionConflict: they saw another version.
        """
        if version is not None and version != self.version:
            raise VersionConflict("The saved state was changed in the meantime.")

    def replace(self, document: Json, now: datetime) -> None:
        """Save another document in place of this one.

        Raises:
            StateTooLarge: it is nested too deeply.
        """
        assert_shallow(document)
        self.document, self.version, self.updated_at = document, self.version + 1, now


def merge_patch(document: Json, patch: Mapping[str, Any]) -> Json:
    """Return ``document`` changed by ``patch`` (JSON Merge Patch, RFC 7396): null takes a member out."""
    merged = dict(document)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            present = merged.get(name)
            merged[name] = merge_patch(present if isinstance(present, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def assert_shallow(value: Any, depth: int = MOST_DEPTH) -> None:
    """Make sure that whoever walks through a document comes to an end soon.

    Raises:
        StateTooLarge: it is nested more than ``depth`` deep.
    """
    if isinstance(value, dict | list):
        if depth == 0:
            raise StateTooLarge(f"A saved state is nested {MOST_DEPTH} deep at most.")
        for part in value.values() if isinstance(value, dict) else value:
            assert_shallow(part, depth - 1)


def assert_room(names: Collection[str]) -> None:
    """Make sure that one more state can be saved beside ``names``.

    Raises:
        TooManyStates: there are MOST_STATES.
    """
    if len(names) >= MOST_STATES:
        raise TooManyStates(f"{MOST_STATES} states can be saved at most.")


def new_names(taken: Collection[str], guests: Collection[str]) -> dict[str, str]:
    """Say under which names a user keeps the states of the guest they were; what is missing is dropped.

    The user's own states stay as they are. A guest's keeps its name where that is free, else it becomes
    ``name-2`` to ``name-9``. Where no such name is free, or there would be more than MOST_STATES, it is
    dropped; names are given out in alphabetical order.
    """
    used = set(taken)
    kept: dict[str, str] = {}
    for name in sorted(guests):
        free = next((each for each in _candidates(name) if each not in used), None)
        if free is not None and len(used) < MOST_STATES:
            kept[name] = free
            used.add(free)
    return kept


def _candidates(name: str) -> list[str]:
    copies = range(2, _MOST_COPIES + 1)
    return [name, *(f"{name[: LONGEST_NAME - 2]}-{number}" for number in copies)]

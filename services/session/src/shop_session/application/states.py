"""Saved states: shown, saved, changed and deleted by their owner, never over a newer version."""

from __future__ import annotations

from shop_session.application.sessions import live
from shop_session.domain.errors import StateNotFound, VersionConflict
from shop_session.domain.states import Json, SavedState, assert_room
from shop_session.store.unit_of_work import SessionUnitOfWork

ANY_NEW = 0
"""Version that stands for a name that is not in use yet (``If-None-Match: *``)."""


async def names(uow: SessionUnitOfWork, digest: str | None) -> list[SavedState]:
    """Return what the visitor has saved, by name.

    Raises:
        SessionEnded: the session is over.
    """
    if digest is None:
        return []
    session = await live(uow, digest)
    return await uow.states.all(session.owner)


async def show(uow: SessionUnitOfWork, digest: str | None, name: str) -> SavedState:
    """Return a saved state.

    Raises:
        SessionEnded: the session is over.
        StateNotFound: there is none of this name.
    """
    if digest is None:
        raise StateNotFound
    session = await live(uow, digest)
    state = await uow.states.get(session.owner, name)
    if state is None:
        raise StateNotFound
    return state


async def save(uow: SessionUnitOfWork, digest: str, name: str, document: Json, version: int) -> SavedState:
    """Save a document in place of ``version``, or under a new name (ANY_NEW).

    Raises:
        SessionEnded: the session is over.
        VersionConflict: another version is there, or none.
        StateTooLarge, TooManyStates: there would be too much of it.
    """
    session = await live(uow, digest)
    state = await uow.states.get(session.owner, name)
    if version == ANY_NEW:
        if state is not None:
            raise VersionConflict("There is a saved state of this name.")
        taken = await uow.state_names.of(session.owner)
        assert_room(taken)
        state = SavedState.create(name, document, uow.now)
        await uow.states.add(session.owner, state)
        await uow.state_names.put(session.owner, taken | {name})
        return state
    if state is None:
        raise VersionConflict("There is no saved state of this name any more.")
    state.assert_version(version)
    state.replace(document, uow.now)
    await uow.states.save(session.owner, state)
    return state


async def change(
    uow: SessionUnitOfWork, digest: str, name: str, patch: Json, version: int | None
) -> SavedState:
    """Change members of a saved state, whatever its version unless one is named; null takes one out.

    Raises:
        SessionEnded: the session is over.
        StateNotFound: there is none of this name.
        VersionConflict: ``version`` was named and is not the present one.
        StateTooLarge: there would be too much of it.
    """
    session = await live(uow, digest)
    state = await uow.states.get(session.owner, name)
    if state is None:
        raise StateNotFound
    state.assert_version(version)
    state.patch(patch, uow.now)
    await uow.states.save(session.owner, state)
    return state


async def delete(uow: SessionUnitOfWork, digest: str, name: str, version: int) -> None:
    """Delete a saved state.

    Raises:
        SessionEnded: the session is over.
        StateNotFound: there is none of this name.
        VersionConflict: ``version`` is not the present one.
    """
    session = await live(uow, digest)
    state = await uow.states.get(session.owner, name)
    if state is None:
        raise StateNotFound
    state.assert_version(version)
    await uow.states.remove(session.owner, name)
    await uow.state_names.put(session.owner, await uow.state_names.of(session.owner) - {name})

"""A visitor shows who they are: the session is linked to the user, and gets another string."""

from __future__ import annotations

from typing import Protocol

from shop_events.ids import new_id
from shop_session.application import sessions
from shop_session.application.sessions import Issued
from shop_session.domain.errors import LoginRevoked
from shop_session.domain.owners import Owner
from shop_session.domain.sessions import MOST_OF_A_USER, Session
from shop_session.domain.states import SavedState, new_names
from shop_session.store.unit_of_work import SessionUnitOfWork


class Caller(Protocol):
    """Somebody whose access token was verified."""

    @property
    def user_id(self) -> str: ...

    @property
    def family_id(self) -> str: ...

    @property
    def epoch(self) -> int: ...


async def link(uow: SessionUnitOfWork, digest: str | None, caller: Caller) -> Issued | None:
    """Link the session of ``digest`` to the caller and return its new string; the old one is dead at once.

    What the guest had becomes the user's, once: it is gone from the guest then. Linked already, the session
    keeps its string (None is returned) and relies on the newest login. Whoever comes without a live session,
    or with that of another user, which is ended, gets a new one; nothing changes hands in that case. Of more
    than MOST_OF_A_USER sessions those end that were used longest ago.

    Raises:
        LoginRevoked: the login was ended after the token was verified.
    """
    await _demand_valid(uow, caller)
    session = await sessions.find(uow, digest)
    if session and session.user_id == caller.user_id:
        session.rely_on(caller.family_id, caller.epoch)
        await uow.sessions.save(session)
        return None
    if session and session.user_id:
        await sessions.end(uow, [session], "logged-out")
        session = None
    return await _link_guest(uow, session, caller)


async def _link_guest(uow: SessionUnitOfWork, guest: Session | None, caller: Caller) -> Issued:
    await _make_room(uow, caller.user_id)
    string, digest = sessions.new_string()
    session = guest or Session.start(new_id("vst"), digest, uow.lifetimes, uow.now)
    before = session.owner
    session.link(digest, caller.user_id, uow.lifetimes, uow.now)
    session.rely_on(caller.family_id, caller.epoch)
    if guest:
        await uow.sessions.save(session)
        await _hand_over(uow, before, session)
    else:
        await uow.sessions.add(session)
    uow.publish(session.facts)
    return Issued(string, digest, session.expires_at)


async def _make_room(uow: SessionUnitOfWork, user_id: str) -> None:
    """End the sessions of a user that were used longest ago, where one more would be too many."""
    held = sorted(await uow.sessions.of_user(user_id), key=lambda session: session.idle_until)
    await sessions.end(uow, held[: max(0, len(held) + 1 - MOST_OF_A_USER)], "logged-out")


async def _demand_valid(uow: SessionUnitOfWork, caller: Caller) -> None:
    for subject in (caller.user_id, caller.family_id):
        if caller.epoch < await uow.revocations.claim(subject, uow.now):
            raise LoginRevoked


async def _hand_over(uow: SessionUnitOfWork, guest: Owner, session: Session) -> None:
    """Give what the guest had to the user; how is said by Cart.absorb and new_names."""
    await _hand_over_cart(uow, guest, session)
    await uow.attention.hand_over(guest, session.owner)
    await _hand_over_states(uow, guest, session.owner)


async def _hand_over_cart(uow: SessionUnitOfWork, guest: Owner, session: Session) -> None:
    brought = await uow.carts.of(guest, session.visitor_id)
    if brought.version == 0:
        return
    cart = await uow.carts.of(session.owner, session.visitor_id)
    version = cart.version
    cart.absorb(brought, session.visitor_id, uow.now)
    await uow.save_cart(cart, version)
    await uow.carts.remove(guest)


async def _hand_over_states(uow: SessionUnitOfWork, guest: Owner, user: Owner) -> None:
    brought = {state.name: state for state in await uow.states.all(guest)}
    if not brought:
        return
    taken = await uow.state_names.of(user)
    kept = new_names(taken, brought.keys())
    for name, free in kept.items():
        await uow.states.add(user, SavedState.create(free, brought[name].document, uow.now))
    await uow.state_names.put(user, taken | set(kept.values()))
    await uow.states.remove_all(guest)
    await uow.state_names.remove(guest)

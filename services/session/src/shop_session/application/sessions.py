"""Sessions: begun, found live, ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from shop_events.ids import new_id
from shop_session.domain.errors import SessionEnded
from shop_session.domain.secret import digest_of, new_session_string
from shop_session.domain.sessions import Consent, EndReason, Session
from shop_session.store.unit_of_work import SessionUnitOfWork

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Issued:
    """A session string on its way to its client, the only time that it is known."""

    string: str = field(repr=False)
    digest: str = field(repr=False)
    expires_at: datetime


async def begin(uow: SessionUnitOfWork) -> Issued:
    """Begin the session of somebody unknown."""
    string, digest = new_string()
    session = Session.start(new_id("vst"), digest, uow.lifetimes, uow.now)
    await uow.sessions.add(session)
    uow.publish(session.facts)
    return Issued(string, digest, session.expires_at)


async def ensure(uow: SessionUnitOfWork, digest: str | None) -> Issued | None:
    """Make sure that there is a live session; None if ``digest`` is of one."""
    return None if await find(uow, digest) else await begin(uow)


async def live(uow: SessionUnitOfWork, digest: str) -> Session:
    """Return the session that a string belongs to, and count this as its use.

    Raises:
        SessionEnded: it is over, or never was.
    """
    return await use(uow, await uow.sessions.find(digest))


async def use(uow: SessionUnitOfWork, session: Session | None) -> Session:
    """Return a session that was found, and count this as its use.

    Raises:
        SessionEnded: it is over, or there is none.
    """
    if session is None or not session.is_live(uow.now):
        raise SessionEnded("Begin a new session.")
    idle_until = min(uow.now + uow.lifetimes.idle, session.expires_at)
    if idle_until - session.idle_until > uow.lifetimes.touch_after:
        await uow.sessions.touch(session, idle_until)
        session.idle_until = idle_until
    return session


async def find(uow: SessionUnitOfWork, digest: str | None) -> Session | None:
    """Return the live session of a string, None for nobody or a session that is over."""
    try:
        return await live(uow, digest) if digest else None
    except SessionEnded:
        return None


async def agree(uow: SessionUnitOfWork, digest: str, *, analytics: bool, marketing: bool) -> Consent:
    """Remember what the visitor agrees to from now on.

    Raises:
        SessionEnded: the session is over.
    """
    session = await live(uow, digest)
    consent = Consent(analytics, marketing, uow.now)
    await uow.sessions.set_consent(session, consent)
    return consent


async def log_out(uow: SessionUnitOfWork, digest: str | None) -> None:
    """End the session of a string; again is harmless."""
    session = await find(uow, digest)
    if session:
        await end(uow, [session], "logged-out")


async def expire(uow: SessionUnitOfWork) -> bool:
    """End sessions whose time is over; say whether more are left."""
    over = await uow.sessions.expired(uow.now, _BATCH)
    await end(uow, over, "expired")
    return len(over) == _BATCH


async def end(uow: SessionUnitOfWork, sessions: Iterable[Session], reason: EndReason) -> None:
    """End sessions; what a guest had goes with theirs, what a user has stays."""
    for session in sessions:
        session.end(reason, uow.now)
        await uow.sessions.remove(session)
        uow.publish(session.facts)
        if session.user_id is None:
            await forget_belongings(uow, session)


async def forget_belongings(uow: SessionUnitOfWork, session: Session) -> None:
    """Forget what the owner of a session has in it."""
    owner = session.owner
    await uow.carts.remove(owner)
    await uow.attention.remove(owner)
    await uow.states.remove_all(owner)
    await uow.state_names.remove(owner)


def new_string() -> tuple[str, str]:
    """Return a new session string and its digest."""
    string = new_session_string()
    digest = digest_of(string)
    assert digest is not None
    return string, digest

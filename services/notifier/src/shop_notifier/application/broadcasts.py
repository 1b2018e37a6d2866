"""Telling everybody something: published and withdrawn by administrators. People see it in their inbox."""

from __future__ import annotations

from shop_notifier.application import clock
from shop_notifier.domain.access import Caller, demand_administrator
from shop_notifier.domain.broadcasts import MOST_SHOWN, Broadcast, Notice
from shop_notifier.domain.errors import BroadcastNotFound, TooManyBroadcasts
from shop_notifier.domain.inbox import Position
from shop_notifier.store.unit_of_work import NotifierUnitOfWork


async def publish(uow: NotifierUnitOfWork, caller: Caller, notice: Notice, key: str) -> Broadcast:
    """Show a notice to everybody; the same key gives the same broadcast.

    Raises:
        AccessDenied: the caller is no administrator.
        KeyReused: the key came with another notice before.
        TooManyBroadcasts: as many as allowed are shown already.
    """
    demand_administrator(caller)
    if earlier := await uow.broadcasts.by_key(caller.user_id, key):
        earlier.demand(notice)
        return earlier
    now = clock.now()
    if len(await uow.broadcasts.shown(now)) >= MOST_SHOWN:
        raise TooManyBroadcasts(f"{MOST_SHOWN} broadcasts are shown already.")
    made = Broadcast.publish(notice, caller.user_id, key, now, uow.rules.broadcast_life)
    await uow.broadcasts.add(made)
    return made


async def listed(
    uow: NotifierUnitOfWork, caller: Caller, limit: int, before: Position | None
) -> list[Broadcast]:
    """Return up to ``limit`` broadcasts, newest first, also those that nobody sees any more.

    Raises:
        AccessDenied: the caller is no administrator.
    """
    demand_administrator(caller)
    return await uow.broadcasts.newest(limit, before)


async def withdraw(uow: NotifierUnitOfWork, caller: Caller, id: str) -> None:
    """Show a broadcast to nobody any more; again changes nothing.

    Raises:
        AccessDenied: the caller is no administrator.
        BroadcastNotFound: there is none.
    """
    demand_administrator(caller)
    broadcast = await uow.broadcasts.get(id)
    if broadcast is None:
        raise BroadcastNotFound
    if broadcast.withdraw(clock.now()):
        await uow.broadcasts.save_withdrawn(broadcast)

"""How a service says what it does about an event: ``@on(OrderPaid, effect="receipt:{order_id}")``."""

from __future__ import annotations

import string
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any, Generic, TypeVar

from shop_events.contracts.base import Event
from shop_events.topics import TOPICS, replay
from shop_events.unit_of_work import UnitOfWork

E = TypeVar("E", bound=Event)
HandlerFunction = Callable[[Any, E], Awaitable[None]]


@dataclass(frozen=True)
class Handler(Generic[E]):
    """What to do about one type of event.

    Args:
        contract: the event type.
        function: ``async (uow, event) -> None``; everything it does goes through the unit of work.
        effect: template of the business key under which this happens once, filled from the event's fields;
            None for a projection, which keeps the highest sequence instead and may be rebuilt.
        projection: name of the read model this keeps; None for an effect.
        patience: how long a failing event is tried before it becomes a dead letter; the sum of the pauses
            between its tries, so that time in which nobody could try it does not count.
        hold_key: whether later events of the key stay held when this one was given up on.
    """

    contract: type[E]
    function: HandlerFunction[E]
    effect: str | None
    projection: str | None
    patience: timedelta
    hold_key: bool

    @property
    def name(self) -> str:
        """Module and function, for logs and metrics."""
        return f"{self.function.__module__}.{self.function.__name__}"

    async def __call__(self, uow: UnitOfWork, event: E) -> None:
        await self.function(uow, event)

    def effect_key(self, event: E) -> str | None:
        """Return the business key of this effect, None for a projection."""
        return None if self.effect is None else self.effect.format_map(event.__dict__)


def on(
    contract: type[E],
    *,
    effect: str | None = None,
    projection: str | None = None,
    patience: timedelta = timedelta(minutes=10),
    hold_key: bool = False,
) -> Callable[[HandlerFunction[E]], Handler[E]]:
    """Declare a handler: either ``effect="receipt:{order_id}"`` or ``projection="products"``.

    Raises:
        TypeError: neither or both are given, or the effect's key names a field the event does not have.
    """
    if (effect is None) == (projection is None):
        raise TypeError("a handler is either an effect or a projection")
    fields = {name for _, name, _, _ in string.Formatter().parse(effect or "") if name}
    if effect is not None and (not fields or not fields <= contract.model_fields.keys()):
        raise TypeError(f"{effect!r} must be made from fields of {contract.__name__}")

    def declare(function: HandlerFunction[E]) -> Handler[E]:
        return Handler(contract, function, effect, projection, patience, hold_key)

    return declare


class Subscriptions:
    """Everything one consumer group listens to."""

    def __init__(self, group: str, handlers: Iterable[Handler[Any]]) -> None:
        self.group = group
        by_type: dict[str, list[Handler[Any]]] = defaultdict(list)
        for handler in handlers:
            by_type[handler.contract.event_type].append(handler)
        self._by_type = {event_type: tuple(found) for event_type, found in by_type.items()}
        for topic in self.topics - {replay(group)}:
            if group not in TOPICS[topic].readers:
                raise TypeError(f"{group} is not among the readers of {topic} in the registry")

    @classmethod
    def of(cls, group: str, *modules: ModuleType) -> Subscriptions:
        """Collect the handlers declared in ``modules``."""
        found = (value for module in modules for value in vars(module).values())
        return cls(group, [value for value in found if isinstance(value, Handler)])

    @property
    def topics(self) -> set[str]:
        """The topics to read, without prefix: those of the events, and the group's own replay topic."""
        wanted = {handler.contract.topic for handlers in self._by_type.values() for handler in handlers}
        return wanted | {replay(self.group)} if wanted else set()

    def __iter__(self) -> Iterator[Handler[Any]]:
        return (handler for handlers in self._by_type.values() for handler in handlers)

    def for_type(self, event_type: str) -> tuple[Handler[Any], ...]:
        """Return the handlers of an event type; none means the event is of no interest here."""
        return self._by_type.get(event_type, ())

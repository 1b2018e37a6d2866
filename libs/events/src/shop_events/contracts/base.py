"""What every contract is made of: the event base class, the marker for personal data, money, facts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue

_TYPE = re.compile(r"^[a-z]+(\.[a-z]+(-[a-z]+)*){2}\.v[1-9][0-9]*$")


class DomainError(Exception):
    """A rule of the domain said no. Subclasses name the rule; the API decides how it is answered."""


@dataclass(frozen=True, slots=True)
class _PersonalMarker:
    """Marks a field that says something about an identifiable person."""

    def __get_pydantic_json_schema__(
        self, core_schema: Any, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(core_schema), "x-personal": True}


Personal = _PersonalMarker()
"""``Annotated[str, Personal]``: allowed only in topics that the registry calls personal or secret."""


class Event(BaseModel):
    """Something that happened, as others may know it.

    A subclass names its CloudEvents type, its topic and the field that is the record key::

        class OrderPaid(Event, type="catalog.order.paid.v1", topic="catalog.orders.v1", key="order_id"):
            order_id: str

    Readers ignore fields they do not know. A ``tombstone`` is written with a null value: it has no other
    field than its key, and compaction forgets the key after it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_type: ClassVar[str]
    topic: ClassVar[str]
    key_field: ClassVar[str]
    tombstone: ClassVar[bool]
    registry: ClassVar[dict[str, type[Event]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(  # type: ignore[override]
        cls, *, type: str, topic: str, key: str, tombstone: bool = False, **kwargs: Any
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if not _TYPE.match(type):
            raise TypeError(f"{type!r} is not <service>.<aggregate>.<past tense>.v<N>")
        if type in Event.registry:
            raise TypeError(f"{type!r} is declared twice")
        if key not in cls.model_fields:
            raise TypeError(f"{type!r} has no field {key!r} to be its key")
        cls.event_type, cls.topic, cls.key_field, cls.tombstone = type, topic, key, tombstone
        Event.registry[type] = cls

    @property
    def key(self) -> str:
        """The id of the aggregate this event belongs to: the record key."""
        return str(getattr(self, self.key_field))


class Fact(NamedTuple):
    """An event with the aggregate's version after it: what a repository hands to the outbox."""

    event: Event
    sequence: int


class Aggregate:
    """Remembers what happened to it. Each recorded event moves the version by one."""

    version: int = 0

    def __init__(self) -> None:
        self._facts: list[Fact] = []

    def record(self, event: Event) -> None:
        """Note that ``event`` happened; it becomes an outbox row when the aggregate is stored."""
        self.version += 1
        self._facts.append(Fact(event, self.version))

    @property
    def facts(self) -> list[Fact]:
        """What happened since this object was built, oldest first."""
        return self._facts


Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]
Instant = Annotated[datetime, AwareDatetime]


class Money(BaseModel):
    """An amount in minor units (pence, cents) of one currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Annotated[int, Field(strict=True, ge=-(10**15), le=10**15)]
    currency: Currency

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(amount=self.amount + other.amount, currency=self.currency)

    def times(self, quantity: int) -> Money:
        """Return this price taken ``quantity`` times."""
        return Money(amount=self.amount * quantity, currency=self.currency)

    @classmethod
    def total(cls, parts: Iterable[Money], currency: str) -> Money:
        """Sum ``parts``, all in ``currency``; zero of it when there are none."""
        return sum(parts, start=cls(amount=0, currency=currency))

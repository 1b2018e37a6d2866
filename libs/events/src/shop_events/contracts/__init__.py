"""The events that services tell each other, one module per owner. Pydantic models and nothing else."""

from shop_events.contracts.base import Aggregate, DomainError, Event, Fact, Money, Personal

__all__ = ["Aggregate", "DomainError", "Event", "Fact", "Money", "Personal"]

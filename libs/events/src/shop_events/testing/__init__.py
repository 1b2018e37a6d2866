"""What users of the library need to test their handlers in milliseconds, without a broker or a database.

::

    kit = Kit(Subscriptions("notifier", [receipt]))
    await kit.tell(OrderPaid(...))
    assert await kit.db["receipts"].count_documents({}) == 1

The consumer's own steps run: batches, inbox, parking, retries, dead letters. Only Kafka, MongoDB and the
clock are stood in for; kit and real thing pass the same tests (``tests/events/behaviours``).
"""

from shop_events.testing.kit import DeadLetter, Kit, Parked
from shop_events.testing.queries import NotInMemory
from shop_events.testing.store import MemoryDatabase, Misuse

__all__ = ["DeadLetter", "Kit", "MemoryDatabase", "Misuse", "NotInMemory", "Parked"]

"""What was fetched and not handled yet, per partition, with the places up to which all is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from aiokafka import ConsumerRecord, TopicPartition


class Buffers:
    """Fetched records in the order of their partitions. Holds no more than the watermarks allow.

    Args:
        high: a partition with this many waiting records is to be paused.
        low: below this many it is to be resumed.
    """

    def __init__(self, high: int = 1000, low: int = 300) -> None:
        self._high, self._low = high, low
        self._waiting: dict[TopicPartition, deque[ConsumerRecord]] = {}

    def add(self, fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        """Append what was fetched."""
        for partition, records in fetched.items():
            self._waiting.setdefault(partition, deque()).extend(records)

    def clear(self) -> None:
        """Drop everything: the partitions are being assigned anew and will be fetched again."""
        self._waiting.clear()

    def take(self, most: int) -> list[ConsumerRecord]:
        """Remove and return up to ``most`` records, an equal share of each partition, in its order."""
        filled = [records for records in self._waiting.values() if records]
        taken: list[ConsumerRecord] = []
        for count, records in enumerate(sorted(filled, key=len)):
            share = (most - len(taken)) // (len(filled) - count)
            taken.extend(records.popleft() for _ in range(min(share or 1, len(records), most - len(taken))))
        return taken

    def full(self) -> set[TopicPartition]:
        """Partitions that should not be fetched for now."""
        return {partition for partition, records in self._waiting.items() if len(records) >= self._high}

    def thirsty(self, among: Iterable[TopicPartition]) -> set[TopicPartition]:
        """Those of ``among`` that may be fetched again."""
        return {partition for partition in among if len(self._waiting.get(partition, ())) <= self._low}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))


def offsets_after(records: Iterable[ConsumerRecord]) -> dict[TopicPartition, int]:
    """Return per partition the offset to go on from once ``records`` are done."""
    after: dict[TopicPartition, int] = {}
    for record in records:
        partition = TopicPartition(record.topic, record.partition)
        after[partition] = max(after.get(partition, 0), record.offset + 1)
    return after

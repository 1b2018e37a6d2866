"""What was fetched, what is in hand and what is done, per partition: what may be taken and committed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from aiokafka import ConsumerRecord, TopicPartition


class Buffers:
    """Fetched records in the order of their partitions. Holds no more than the watermarks allow.

    Records of one partition are in one hand at a time, so that they are handled in their order.

    Args:
        high: a partition with this many waiting records is to be paused.
        low: below this many it is to be resumed.
        most_bytes: a partition whose waiting values are larger than this is to be paused too.
    """

    def __init__(self, high: int = 2000, low: int = 500, most_bytes: int = 4 << 20) -> None:
        self._high, self._low, self._most_bytes = high, low, most_bytes
        self._waiting: dict[TopicPartition, deque[ConsumerRecord]] = {}
        self._in_hand: dict[TopicPartition, int] = {}
        self._begun: dict[TopicPartition, int] = {}
        self._bytes: dict[TopicPartition, int] = {}

    def add(self, fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        """Append what was fetched."""
        for partition, records in fetched.items():
            self._waiting.setdefault(partition, deque()).extend(records)
            self._bytes[partition] = self._bytes.get(partition, 0) + _bytes_in(records)

    def clear(self) -> None:
        """Drop what waits: the partitions are being assigned anew and will be fetched again."""
        self._waiting.clear()
        self._bytes.clear()

    def take(self, most: int) -> list[ConsumerRecord]:
        """Take up to ``most`` records into a hand, until :meth:`put_down`.

        They come from as few partitions as fill a hand, so that the others are left for other hands;
        whichever partition was served last is the last to be served again.
        """
        taken: list[ConsumerRecord] = []
        for partition in [place for place in self._waiting if place not in self._in_hand]:
            records = self._waiting.pop(partition)
            mine = [records.popleft() for _ in range(min(len(records), most - len(taken)))]
            taken += mine
            if mine:
                self._in_hand[partition] = len(mine)
                self._begun[partition] = mine[0].timestamp
            if records:
                self._waiting[partition] = records  # behind all others
                self._bytes[partition] -= _bytes_in(mine)
            else:
                self._bytes.pop(partition, None)
            if len(taken) == most:
                break
        return taken

    def put_down(self, records: Iterable[ConsumerRecord]) -> None:
        """Let the partitions of ``records`` be taken from again."""
        for partition in {place_of(record) for record in records}:
            self._in_hand.pop(partition, None)
            self._begun.pop(partition, None)

    def full(self) -> set[TopicPartition]:
        """Partitions that should not be fetched for now."""
        return {
            partition
            for partition, records in self._waiting.items()
            if len(records) >= self._high or self._bytes[partition] > self._most_bytes
        }

    def thirsty(self, among: Iterable[TopicPartition]) -> set[TopicPartition]:
        """Those of ``among`` that may be fetched again."""
        return {partition for partition in among if len(self._waiting.get(partition, ())) <= self._low}

    def oldest(self) -> int | None:
        """Return the time of the oldest record that is not finished, in milliseconds since 1970, or None."""
        waiting = (records[0].timestamp for records in self._waiting.values() if records)
        return min((*self._begun.values(), *waiting), default=None)

    def unfinished(self) -> dict[TopicPartition, int]:
        """Return how many records of each partition wait or are in a hand."""
        counts = dict(self._in_hand)
        for partition, records in self._waiting.items():
            counts[partition] = counts.get(partition, 0) + len(records)
        return counts

    @property
    def in_hand(self) -> bool:
        """Say whether anything is being handled."""
        return bool(self._in_hand)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))


class Watermarks:
    """Up to where each partition is done and the group may be told so."""

    def __init__(self) -> None:
        self._uncommitted: dict[TopicPartition, int] = {}

    def done(self, records: Iterable[ConsumerRecord]) -> None:
        """Note that these, in the order of their partitions, are done; all before them were."""
        newest = {(record.topic, record.partition): record.offset for record in records}
        for place, offset in newest.items():
            partition = TopicPartition(*place)
            self._uncommitted[partition] = max(self._uncommitted.get(partition, 0), offset + 1)

    def take(self, assigned: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Remove and return the offsets to commit; those of partitions that went elsewhere are dropped."""
        mine = set(assigned)
        taken = {place: offset for place, offset in self._uncommitted.items() if place in mine}
        self._uncommitted.clear()
        return taken

    def clear(self) -> None:
        """Forget everything: what it was about belongs to an older assignment."""
        self._uncommitted.clear()


def _bytes_in(records: Iterable[ConsumerRecord]) -> int:
    return sum(max(record.serialized_value_size, 0) for record in records)


def place_of(record: ConsumerRecord) -> TopicPartition:
    """Return the partition of a record."""
    return TopicPartition(record.topic, record.partition)

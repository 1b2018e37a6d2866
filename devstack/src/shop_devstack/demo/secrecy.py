"""Looks for what must not be there: secrets in topics, logs and metrics, personal data in open ones.

Every byte is looked at: keys, values and headers of every record (of aborted transactions too), every log
file, every page of metrics. What was found is told by what it is, never by itself.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import aiohttp
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shop_devstack.demo.errors import NotDrainedError
from shop_events.kafka import KafkaSettings
from shop_events.topics import TOPICS, Sensitivity

_STEP = 8
SHORTEST = 2 * _STEP - 1
"""Bytes a needle must have."""

_CHUNK = 1 << 20
_WAIT_MS = 10
"""How long the broker waits for more; a topic is looked at only once its predecessor's wait is over."""
_POLL_MS = 200
_METRICS_SECONDS = 10
_PARTITION_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Needle:
    """Something that must not be found.

    Args:
        what: names it in reports, such as ``session string``; needles of one kind share it.
        value: itself, at least :data:`SHORTEST` bytes.
        personal: topics that are not open, dead letters among them, may hold it.
        only_in: the one topic that is there to carry it.
    """

    what: str
    value: str = field(repr=False)
    personal: bool = False
    only_in: str | None = None


@dataclass
class Search:
    """What a search saw and found.

    Args:
        leaks: places by how many needles of a kind were found there: ``("session string", "log session")``.
    """

    needles: int
    records: int = 0
    log_bytes: int = 0
    metric_pages: int = 0
    leaks: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def differences(self) -> list[str]:
        """Say in words what was found where."""
        return [f"{what} in {place}: {count}" for (what, place), count in sorted(self.leaks.items())]


class Sieve:
    """Finds any of many needles in one pass; one counts as found in its own form and in that of a URL.

    Of a text only every eighth piece of eight bytes is looked up. Whatever way a needle lies, one of these
    is within its last fifteen bytes.

    Raises ValueError for a needle that is too short.
    """

    def __init__(self, needles: Iterable[Needle]) -> None:
        self._by_piece: dict[bytes, list[tuple[bytes, Needle]]] = defaultdict(list)
        self.longest = 0
        for needle in needles:
            if len(needle.value.encode()) < SHORTEST:
                raise ValueError(f"{needle.what}: too short to be looked for")
            for form in {needle.value.encode(), quote(needle.value, safe="").encode()}:
                self.longest = max(self.longest, len(form))
                end = form[-SHORTEST:]
                for place in range(_STEP):
                    self._by_piece[end[place : place + _STEP]].append((form, needle))

    def caught(self, text: bytes) -> set[Needle]:
        """Return the needles in ``text``."""
        pieces = {text[place : place + _STEP] for place in range(0, len(text), _STEP)}
        return {
            needle
            for piece in pieces & self._by_piece.keys()
            for form, needle in self._by_piece[piece]
            if form in text
        }


async def search(
    kafka: KafkaSettings,
    log_folder: Path,
    metric_urls: Mapping[str, str],
    needles: Iterable[Needle],
    looked: Callable[[str], None] = lambda place: None,
) -> Search:
    """Look for needles in everything the stack has said so far.

    Args:
        kafka: every topic with its prefix is read from the start, also one that no registry knows.
        log_folder: every file in it is read.
        metric_urls: addresses of metrics by what they are metrics of.
        looked: called with the name of each place when it has been looked through.

    Raises NotDrainedError when a topic cannot be read to its present end, ValueError for a needle that is too
    short, aiohttp.ClientError or TimeoutError when a page of metrics cannot be had.
    """
    wanted = set(needles)
    sieve, found = Sieve(wanted), _Findings(Search(len(wanted)))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_METRICS_SECONDS)) as http:
        for name, url in metric_urls.items():
            async with http.get(url, raise_for_status=True) as answer:
                found.note(f"metrics of {name}", sieve.caught(await answer.read()))
            found.search.metric_pages += 1
            looked(f"metrics of {name}")
    for file in await asyncio.to_thread(_files, log_folder):
        found.search.log_bytes += await asyncio.to_thread(_read_log, sieve, file, found)
        looked(f"log {file.name}")
    await _read_topics(kafka, sieve, found, looked)
    return found.search


class _Findings:
    """Counts each needle once a place."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self._known: set[tuple[Needle, str]] = set()

    def note(
        self, place: str, caught: Iterable[Needle], *, topic: str = "", may_be_personal: bool = False
    ) -> None:
        for needle in caught:
            may_be_there = (needle.personal and may_be_personal) or (topic and needle.only_in == topic)
            if (needle, place) not in self._known and not may_be_there:
                self._known.add((needle, place))
                self.search.leaks[needle.what, place] += 1


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _read_log(sieve: Sieve, file: Path, found: _Findings) -> int:
    """Look through a file, in pieces that overlap by the longest needle; return its bytes."""
    size, kept = 0, b""
    with file.open("rb") as log:
        while chunk := log.read(_CHUNK):
            size += len(chunk)
            found.note(f"log {file.name}", sieve.caught(kept + chunk))
            kept = (kept + chunk)[-sieve.longest :]
    return size


async def _read_topics(
    kafka: KafkaSettings, sieve: Sieve, found: _Findings, looked: Callable[[str], None]
) -> None:
    topics = await _topics(kafka)
    consumer = AIOKafkaConsumer(
        **kafka.connection(),
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_uncommitted",
        fetch_max_wait_ms=_WAIT_MS,
    )
    await consumer.start()
    try:
        for topic, partitions in topics.items():
            name = kafka.bare(topic)
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            await _read(consumer, partitions, name, sieve, found)
            looked(f"topic {name}")
    finally:
        await consumer.stop()


async def _topics(kafka: KafkaSettings) -> dict[str, list[TopicPartition]]:
    admin = AIOKafkaAdminClient(**kafka.connection())
    await admin.start()
    try:
        ours = [topic for topic in await admin.list_topics() if topic.startswith(kafka.topic_prefix)]
        described = await admin.describe_topics(sorted(ours))
    finally:
        await admin.close()
    return {
        each["topic"]: [TopicPartition(each["topic"], part["partition"]) for part in each["partitions"]]
        for each in described
    }


async def _read(
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition], name: str, sieve: Sieve, found: _Findings
) -> None:
    personal = name in TOPICS and TOPICS[name].sensitivity is not Sensitivity.OPEN
    try:
        for partition, end in (await consumer.end_offsets(partitions)).items():
            async with asyncio.timeout(_PARTITION_SECONDS):
                while await consumer.position(partition) < end:
                    fetched = await consumer.getmany(partition, timeout_ms=_POLL_MS)
                    for record in fetched.get(partition, ()):
                        found.search.records += 1
                        caught = sieve.caught(_text_of(record))
                        found.note(f"topic {name}", caught, topic=name, may_be_personal=personal)
    except TimeoutError as error:
        raise NotDrainedError(f"{name} could not be read to its end") from error


def _text_of(record: ConsumerRecord) -> bytes:
    """Return all that is in a record, in parts that cannot run into one another."""
    headers = [part for name, value in record.headers for part in (name.encode(), value or b"")]
    return b"\0".join((record.key or b"", record.value or b"", *headers))

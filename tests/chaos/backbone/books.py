"""The books: what was committed, told and done about it. They balance, or say where they do not."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shop_events.dead_letters import ORIGIN_OFFSET, ORIGIN_TOPIC, REASON, TRIES
from shop_events.envelope import headers_of
from tests.chaos.backbone import shop
from tests.chaos.backbone.shop import Fate
from tests.chaos.backbone.trial import LETTERS_TOPIC, PRODUCTS_TOPIC, REPLAY_TOPIC, STOCK_TOPIC, Scene

Move = tuple[str, int]
_REASONS = {Fate.POISON: "RuntimeError", Fate.HELD: "RuntimeError", Fate.MALFORMED: "value: json_invalid"}


@dataclass
class Books:
    """Figures of one count, and where they differ from what they should be."""

    events: int = 0
    effects: int = 0
    letters: int = 0
    published_again: int = 0
    products: int = 0
    records_kept: int = 0
    held: int = 0
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.events} moves, {self.effects} effects, {self.letters} dead letters, {self.held} held; "
            f"{self.published_again} records published again; {self.products} products in "
            f"{self.records_kept} records of a compacted topic"
        )


async def rest(scene: Scene, seconds: float, check: Callable[[], None] = lambda: None) -> None:
    """Wait until nothing is under way any more.

    Raises:
        AssertionError: something still is; says what.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    calm = 0
    while calm < 2:  # a parked event comes forward between two looks: one look may miss it
        check()
        unsettled = await _unsettled(scene)
        calm = 0 if unsettled else calm + 1
        assert asyncio.get_running_loop().time() < deadline, f"in limbo after {seconds:.0f} s: {unsettled}"
        await asyncio.sleep(0.3)


async def count(scene: Scene) -> Books:
    """Compare everything with everything. Nothing may be under way."""
    books = Books()
    moves = {
        (row["_id"], n) async for row in scene.owner["stock"].find() for n in range(1, row["number"] + 1)
    }
    mended = {_move_of(row["_id"]) async for row in scene.reader["mended"].find()}
    waiting = {
        _parked_move(row) async for row in scene.reader["parked"].find({"given_up": {"$exists": False}})
    }
    books.events, books.held = len(moves), len(waiting)
    await _count_effects(scene, books, moves, mended, waiting)
    await _count_letters(scene, books, moves - waiting)
    await _count_stock_topic(scene, books, moves)
    await _count_products(scene, books)
    return books


async def replay_letters(scene: Scene) -> int:
    """Mend what was refused and ask for it to be taken again; return how many events."""
    letters = {}
    for record in await records_of(scene, LETTERS_TOPIC):
        headers = headers_of(record.headers)
        if shop.fate(*_move(record)) is not Fate.MALFORMED:
            letters[headers["ce_id"]] = record
    mended = {row["_id"] async for row in scene.reader["mended"].find()}
    fresh = [record for record in letters.values() if "{}/{}".format(*_move(record)) not in mended]
    if not fresh:
        return 0
    await scene.reader["mended"].insert_many([{"_id": "{}/{}".format(*_move(record))} for record in fresh])
    producer = AIOKafkaProducer(**scene.place.kafka.connection(), enable_idempotence=True)
    await producer.start()
    try:
        for record in fresh:
            await producer.send(
                scene.place.kafka.named(REPLAY_TOPIC),
                record.value,
                key=record.key,
                headers=list(record.headers),
            )
        await producer.flush()
    finally:
        await producer.stop()
    return len(fresh)


async def _unsettled(scene: Scene) -> dict[str, int]:
    found = {
        "outbox of the owner": await scene.owner["outbox"].count_documents({}),
        "outbox of the reader": await scene.reader["outbox"].count_documents({}),
        "owed": await scene.owner["owed"].count_documents({}),
        "parked": await _parked_but_not_held(scene),
    }
    if not any(found.values()):
        found["lag"] = await _lag(scene)
    return {name: number for name, number in found.items() if number}


async def _parked_but_not_held(scene: Scene) -> int:
    held = await scene.reader["parked"].distinct("order_key", {"given_up": True})
    return int(await scene.reader["parked"].count_documents({"order_key": {"$nin": held}}))


async def _lag(scene: Scene) -> int:
    """Count the records that the group has not committed (offsets alone would count transaction markers)."""
    admin = AIOKafkaAdminClient(**scene.place.kafka.connection())
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(scene.place.kafka.named(shop.READER))
    finally:
        await admin.close()
    lag = 0
    for topic in (STOCK_TOPIC, PRODUCTS_TOPIC, REPLAY_TOPIC):
        lag += len(await records_of(scene, topic, {place: at.offset for place, at in committed.items()}))
    return lag


async def _count_effects(
    scene: Scene, books: Books, moves: set[Move], mended: set[Move], waiting: set[Move]
) -> None:
    seen: dict[str, list[int]] = {
        row["_id"]: row["seen"] async for row in scene.reader["effects"].find().sort("_id")
    }
    happened = [(key, number) for key, numbers in seen.items() for number in numbers]
    books.effects = len(happened)
    expected = {move for move in moves - waiting if _takes_effect(move, mended)}
    _differ(books, "without effect", expected - set(happened))
    _differ(books, "effect of nothing", set(happened) - expected)
    _differ(books, "effect more than once", _repeated(happened))
    for key, numbers in seen.items():
        kept = [number for number in numbers if shop.fate(key, number) is not Fate.POISON]
        _differ(books, "out of order", {(key, b) for a, b in pairwise(kept) if b < a})
    remembered = await scene.reader["inbox"].count_documents({"_id": {"$not": {"$regex": "^dead:"}}})
    _differ(
        books, "inbox rows and effects", {(remembered, books.effects)} if remembered != books.effects else ()
    )


def _takes_effect(move: Move, mended: set[Move]) -> bool:
    what = shop.fate(*move)
    return what in {Fate.GOOD, Fate.EARLY} or (what in {Fate.POISON, Fate.HELD} and move in mended)


async def _count_letters(scene: Scene, books: Books, moves: set[Move]) -> None:
    letters: dict[Move, set[tuple[tuple[str, str], ...]]] = defaultdict(set)
    for record in await records_of(scene, LETTERS_TOPIC):
        headers = headers_of(record.headers)
        letters[_move(record)].add(tuple(sorted(headers.items())))
        odd = headers[ORIGIN_TOPIC] != STOCK_TOPIC or not headers[ORIGIN_OFFSET].isdigit()
        odd = odd or headers[REASON] != _REASONS.get(shop.fate(*_move(record))) or int(headers[TRIES]) < 1
        _differ(books, f"odd notes {headers}", {_move(record)} if odd else ())
    books.letters = len(letters)
    expected = {move for move in moves if shop.fate(*move) in _REASONS}
    _differ(books, "no dead letter", expected - letters.keys())
    _differ(books, "dead letter of what is well", letters.keys() - expected)
    _differ(books, "more than one dead letter", {move for move, found in letters.items() if len(found) > 1})


async def _count_stock_topic(scene: Scene, books: Books, moves: set[Move]) -> None:
    ids: dict[Move, set[str]] = defaultdict(set)
    newest: dict[str, int] = defaultdict(int)
    for record in await records_of(scene, STOCK_TOPIC):
        move = key, number = _move(record)
        books.published_again += move in ids
        if move not in ids:
            _differ(
                books, "published before what came before it", {move} if number != newest[key] + 1 else ()
            )
            newest[key] = number
        ids[move].add(headers_of(record.headers)["ce_id"])
    _differ(books, "never published", moves - ids.keys())
    _differ(books, "published but not committed", ids.keys() - moves)
    _differ(books, "published under two ids", {move for move, found in ids.items() if len(found) > 1})


async def _count_products(scene: Scene, books: Books) -> None:
    owned = {row["_id"]: row["version"] async for row in scene.owner["products"].find()}
    expected = {(key, version, shop.is_gone(key, version)) for key, version in owned.items()}
    records = await records_of(scene, PRODUCTS_TOPIC)
    last = {key: (key, number, record.value is None) for record in records for key, number in [_move(record)]}
    model = {(r["_id"], r["sequence"], r["gone"]) async for r in scene.reader["products"].find()}
    books.products, books.records_kept = len(owned), len(records)
    _differ(books, "the compacted topic ends elsewhere", set(last.values()) ^ expected)
    _differ(books, "the read model ends elsewhere", model ^ expected)


def _move(record: ConsumerRecord) -> Move:
    return record.key.decode(), int(headers_of(record.headers)["ce_sequence"])


def _move_of(name: str) -> Move:
    key, _, number = name.partition("/")
    return key, int(number)


def _parked_move(row: dict[str, Any]) -> Move:
    return row["key"], int(row["headers"]["ce_sequence"])


def _repeated(happened: list[Move]) -> Iterator[Move]:
    once: set[Move] = set()
    for move in happened:
        if move in once:
            yield move
        once.add(move)


def _differ(books: Books, what: str, those: Any) -> None:
    found = sorted(those)
    if found:
        books.differences.append(f"{what}: {len(found)}, such as {found[:5]}")


async def records_of(
    scene: Scene, topic: str, after: dict[TopicPartition, int] | None = None
) -> list[ConsumerRecord]:
    """Return what a reader that starts now finds in a topic, from its start or from given places."""
    client = AIOKafkaConsumer(
        scene.place.kafka.named(topic),
        **scene.place.kafka.connection(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await client.start()
    try:
        places = list(client.assignment())
        for place in places:
            if after and place in after:
                client.seek(place, after[place])
        ends = await client.end_offsets(places)
        found: list[ConsumerRecord] = []
        while any([await client.position(place) < ends[place] for place in places]):
            for records in (await client.getmany(timeout_ms=100, max_records=5000)).values():
                found.extend(records)
        return found
    finally:
        with suppress(Exception):
            await client.stop()

"""`shop-events` as an operator uses it: what it prints, what it changes, and how it ends."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from shop_chassis.settings import ServiceSettings
from shop_events.cli import screen
from shop_events.envelope import Message
from shop_events.kafka import KafkaSettings
from shop_events.operations.masking import MASK
from shop_events.schemas import every_event
from shop_events.topics import SERVICES, TOPICS, dead_letters, replay
from tests.events.conftest import GROUP, System, eventually, paid, product, running
from tests.events.test_operations import caught_up, patient, receipt

ROOT = Path(__file__).parents[2]
ORDERS = "catalog.orders.v1"
Run = Callable[..., subprocess.CompletedProcess[str]]


def shop_events(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys; from shop_events.cli import main; sys.exit(main())", *words]
    environment = {"PATH": "/usr/bin:/bin", "COLUMNS": "300", "TERM": "dumb", **environment}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT
    )


@pytest.fixture
def run(system: System) -> Run:
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": system.kafka.bootstrap_servers,
        "TOPIC_PREFIX": system.kafka.topic_prefix,
        "MONGODB_URL": _url(system),
        "MONGODB_DATABASE": system.db.name,
    }
    return lambda *words: shop_events(*words, **environment)


def _url(system: System) -> str:
    host, port = next(iter(system.client.nodes))
    return f"mongodb://{host}:{port}/?replicaSet={system.client.options.replica_set_name}"


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


async def a_letter(system: System, order: str, topic: str = ORDERS) -> Message:
    [message] = await system.tell(paid(order))
    notes = {"dl_topic": topic, "dl_reason": "ValueError", "dl_tries": "3", "dl_group": GROUP}
    letter = Message(dead_letters(GROUP), order, {**message.headers, **notes}, message.value)
    await system.produce(letter)
    return letter


async def test_dead_letters_are_listed_shown_replayed_and_dropped(system: System, run: Run) -> None:
    first, second = await a_letter(system, "ord_1"), await a_letter(system, "ord_2")
    listed = run("dead-letters", "list", "--group", GROUP)
    assert "ord_1" in listed.stdout
    assert "ValueError" in listed.stdout
    assert [row["key"] for row in lines(run("dead-letters", "list", "--group", GROUP, "--json"))] == [
        "ord_1",
        "ord_2",
    ]
    event_id = first.headers["ce_id"]
    [shown] = lines(run("dead-letters", "show", event_id, "--group", GROUP))
    assert (shown["data"]["order_id"], shown["dl_reason"]) == ("ord_1", "ValueError")
    assert run("dead-letters", "show", "nobody", "--group", GROUP).returncode == 1

    assert run("dead-letters", "replay", "--group", GROUP, "--id", event_id, "--yes").returncode == 0
    assert (
        run("dead-letters", "drop", "--group", GROUP, "--type", "catalog.order.paid.v1", "--yes").returncode
        == 0
    )
    assert lines(run("dead-letters", "list", "--group", GROUP, "--json")) == []
    settled = lines(run("dead-letters", "list", "--group", GROUP, "--settled", "--json"))
    assert [(row["event_id"], row["settled"]) for row in settled] == [
        (event_id, "replayed"),
        (second.headers["ce_id"], "dropped"),
    ]
    async with running(system.consumer(receipt)):
        await eventually(lambda: system.db["receipts"].count_documents({"order": "ord_1"}))


@pytest.mark.parametrize("word", ["replay", "drop"])
async def test_a_dry_run_changes_nothing(system: System, run: Run, word: str) -> None:
    await a_letter(system, "ord_1")
    done = run("dead-letters", word, "--group", GROUP, "--dry-run")
    assert done.returncode == 0
    assert "ord_1" in done.stdout
    assert len(await system.read(dead_letters(GROUP))) == 1
    assert await system.read(replay(GROUP)) == []


async def test_nothing_happens_unless_it_is_confirmed(system: System, run: Run) -> None:
    await a_letter(system, "ord_1")
    assert run("dead-letters", "drop", "--group", GROUP).returncode == 1
    assert len(await system.read(dead_letters(GROUP))) == 1


async def test_a_dead_letter_of_personal_data_is_masked_unless_revealed(system: System, run: Run) -> None:
    letter = await a_letter(system, "ord_1", topic="identity.contacts.v1")
    show = ("dead-letters", "show", letter.headers["ce_id"], "--group", GROUP)
    assert lines(run(*show))[0]["data"]["user_id"] == MASK
    assert lines(run(*show, "--reveal"))[0]["data"]["user_id"] == "usr_1"


async def test_a_part_of_a_topic_is_counted_first_and_then_replayed(system: System, run: Run) -> None:
    await system.tell(paid("ord_1"), paid("ord_2"))
    counted = run("replay", ORDERS, "--group", GROUP, "--key", "ord_2", "--dry-run")
    assert "1 records of catalog.orders.v1 are meant" in counted.stderr
    assert await system.read(replay(GROUP)) == []
    assert run("replay", ORDERS, "--group", GROUP, "--since", "1h", "--yes").returncode == 0
    assert len(await system.read(replay(GROUP))) == 2
    assert "not among the readers" in run("replay", ORDERS, "--group", "identity", "--yes").stderr


async def test_tail_prints_what_is_asked_for_as_json_lines(system: System, run: Run) -> None:
    await system.tell(paid("ord_1"), paid("ord_2"))
    [found] = lines(run("tail", ORDERS, "--key", "ord_2", "--no-follow"))
    assert (found["topic"], found["key"], found["type"], found["data"]["order_id"]) == (
        ORDERS,
        "ord_2",
        "catalog.order.paid.v1",
        "ord_2",
    )
    assert len(lines(run("tail", ORDERS, "--from-start", "--most", "2"))) == 2
    assert lines(run("tail", ORDERS, "--type", "catalog.order.placed.v1", "--no-follow")) == []
    assert len(lines(run("tail", ORDERS, "--since", "1h", "--no-follow"))) == 2
    assert lines(run("tail", ORDERS, "--since", "2100-01-01T00:00:00Z", "--no-follow")) == []
    assert run("tail", "orders").returncode == 2
    assert run("tail", ORDERS, "--since", "yesterday").returncode == 2


async def test_dead_letters_are_counted_by_group(system: System, run: Run) -> None:
    await a_letter(system, "ord_1")
    rows = lines(run("dead-letters", "list", "--json"))
    assert {row["group"]: row["dead_letters"] for row in rows} == {
        each: int(each == GROUP) for each in SERVICES
    }


def test_without_a_database_it_is_said_where_parked_events_are() -> None:
    done = shop_events("parked", "list", COLUMNS="1000", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert done.returncode == 2
    assert "database of one service" in done.stderr
    assert "LookupError" not in done.stderr


async def test_groups_that_note_their_positions_elsewhere_are_named_and_not_shown(
    system: System, run: Run
) -> None:
    done = run("lag", "analytics.streams")
    assert done.returncode == 0
    assert "MongoDB" in done.stderr
    assert "analytics.streams" not in done.stdout


async def test_parked_events_are_listed_shown_and_tried(system: System, run: Run) -> None:
    [message] = await system.tell(paid("ord_1"))
    async with running(system.consumer(patient)):
        await eventually(lambda: system.db["parked"].count_documents({}))
    await system.db["parked"].update_one({}, {"$set": {"due_at": datetime.now(UTC) + timedelta(hours=1)}})
    event_id = message.headers["ce_id"]
    [row] = lines(run("parked", "list", "--json"))
    assert (row["event_id"], row["reason"]) == (event_id, "NotYet: user")
    [shown] = lines(run("parked", "show", event_id))
    assert shown["data"]["order_id"] == "ord_1"
    assert run("parked", "retry").returncode == 2
    assert "1 of 1 parked events would be tried" in run("parked", "retry", "--all", "--dry-run").stderr
    assert run("parked", "retry", event_id).returncode == 0
    due = await system.db["parked"].find_one({"_id": event_id})
    assert due is not None
    assert due["due_at"] <= datetime.now(UTC)
    assert run("parked", "retry", "nobody").returncode == 1


async def test_lag_is_shown_per_group_and_partition(system: System, run: Run) -> None:
    await system.tell(paid("ord_1"))
    async with running(system.consumer(receipt)):
        await eventually(lambda: system.db["receipts"].count_documents({}))
        await eventually(lambda: caught_up(system))
    await system.tell(paid("ord_1"), paid("ord_1"))
    [behind] = [row for row in lines(run("lag", GROUP, "--json")) if row["waiting"]]
    assert (behind["topic"], behind["waiting"]) == (ORDERS, 2)
    assert behind["age"] is not None
    assert ORDERS in run("lag").stdout


CATALOG = {"PAYMENT_API_KEY": "x", "PAYMENT_WEBHOOK_SECRET": "x", "PAYMENT_BASE_URL": "http://127.0.0.1:9"}


async def test_a_service_makes_a_read_model_again_and_tells_its_state_again(system: System) -> None:
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": system.kafka.bootstrap_servers,
        "TOPIC_PREFIX": system.kafka.topic_prefix,
        "MONGODB_URL": _url(system),
        "MONGODB_DATABASE": system.db.name,
        **CATALOG,
    }
    await system.tell(product("prd_1"), paid("ord_1"))
    await system.db["products"].insert_one({"_id": "stray", "gone": False})
    await system.db["orders"].insert_one({"_id": "older than the log"})
    assert shop_events("rebuild", "session", "products", **environment).returncode == 0
    assert [row["_id"] async for row in system.db["products"].find()] == ["prd_1"]
    refused = shop_events("rebuild", "session", "orders", **environment)
    assert refused.returncode == 1
    assert "keeps 14 days" in refused.stdout
    assert await system.db["orders"].count_documents({}) == 1
    assert shop_events("rebuild", "session", "nothing", **environment).returncode == 2

    await system.db["products"].drop()
    await system.db["orders"].drop()
    assert shop_events("republish", "catalog", **environment).returncode == 0
    assert shop_events("republish", "nobody", **environment).returncode == 2


def test_every_topic_is_listed_and_every_event_described() -> None:
    assert {row["topic"] for row in lines(shop_events("topics", "--json"))} == TOPICS.keys()
    shown = shop_events("topics").stdout
    assert all(name in shown for name in TOPICS)
    described = lines(shop_events("describe", ORDERS, "--json"))[0]
    assert {schema["title"] for schema in described["events"]} == {
        event.event_type for event in every_event() if event.topic == ORDERS
    }
    assert "catalog.order.paid.v1" in shop_events("describe", ORDERS).stdout


@pytest.mark.parametrize("columns", ["40", "300"])
def test_into_a_pipe_each_row_is_a_line(columns: str) -> None:
    shown = shop_events("topics", COLUMNS=columns).stdout.splitlines()
    orders = next(line for line in shown if ORDERS in line)
    assert TOPICS[ORDERS].carries in orders
    assert ", ".join(TOPICS[ORDERS].readers) in orders


def test_a_narrow_screen_shows_whole_words(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = Console(file=io.StringIO(), force_terminal=True, width=60)
    monkeypatch.setattr(screen, "Console", lambda **_: narrow)
    screen.table("Things", list("abcde"), [["first", *["word " * 8] * 3, None]], as_json=False)
    words = re.sub(r"\x1b\[[0-9;]*m", "", narrow.file.getvalue()).split()  # type: ignore[attr-defined]
    assert words.count("word") == 24


def test_the_gate_ends_with_a_status_and_says_who_would_break(tmp_path: Path) -> None:
    assert shop_events("schema", "check").returncode == 0
    folder = tmp_path / "released"
    subprocess.run(["cp", "-r", ROOT / "docs" / "events" / "released", folder], check=True)
    file = folder / "schemas" / "catalog.order.paid.v1.json"
    schema = json.loads(file.read_text())
    schema["properties"]["voucher"] = {"type": "string"}
    schema["required"].append("voucher")
    file.write_text(json.dumps(schema))
    done = shop_events("schema", "check", "--docs", str(tmp_path))
    assert done.returncode == 1
    assert "`voucher` is never there" in done.stdout
    assert "breaks old readers, new records: notifier, analytics, session" in done.stdout
    assert shop_events("schema", "release", "9.9.9", "--docs", str(tmp_path)).returncode == 1
    assert json.loads(file.read_text()) == schema


def test_a_release_needs_a_record_of_what_is_new(tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", ROOT / "docs" / "events" / "released", tmp_path / "released"], check=True)
    (tmp_path / "released" / "schemas" / "catalog.order.paid.v1.json").unlink()
    refused = shop_events("schema", "release", "9.9.9", "--docs", str(tmp_path))
    assert refused.returncode == 1
    assert "catalog.order.paid.v1" in refused.stdout
    fixtures = tmp_path / "released" / "fixtures" / "9.9.9"
    fixtures.mkdir()
    for name in refused.stdout.split():
        (fixtures / f"{name}.json").write_text("{}")
    assert shop_events("schema", "release", "9.9.9", "--docs", str(tmp_path)).returncode == 0
    assert (tmp_path / "released" / "schemas" / "catalog.order.paid.v1.json").exists()


def test_the_document_is_the_one_that_is_committed() -> None:
    assert shop_events("asyncapi").stdout == (ROOT / "docs" / "events" / "asyncapi.json").read_text()


def test_the_environment_is_read_as_the_services_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Settings(ServiceSettings):
        service_name: str = "catalog"
        http_port: int = 0
        mongodb_database: str = "x"

    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": "a:1,b:2",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-256",
        "KAFKA_SASL_USERNAME": "operator",
        "KAFKA_SASL_PASSWORD": "secret",
        "KAFKA_SSL_CAFILE": "/ca.pem",
        "KAFKA_SSL_CERTFILE": "/cert.pem",
        "KAFKA_SSL_KEYFILE": "/key.pem",
        "TOPIC_PREFIX": "p.",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    theirs = Settings().kafka
    assert KafkaSettings.from_environment(environment, theirs.client_id) == theirs
    assert KafkaSettings.from_environment({"TOPIC_PREFIX": ""}, "shop-events").topic_prefix == ""


def test_the_library_does_without_what_the_command_line_needs() -> None:
    script = (
        "import sys; sys.modules['typer'] = sys.modules['rich'] = None\n"
        "import pkgutil, importlib, shop_events\n"
        "for m in pkgutil.walk_packages(shop_events.__path__, 'shop_events.'):\n"
        "    if not m.name.startswith('shop_events.cli.'): importlib.import_module(m.name)\n"
        "from shop_events.cli import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "The command line needs more libraries: pip install 'shop-events[cli]'\n",
    )

"""The AsyncAPI document is valid by the official parser and says what the code does; the page shows it."""

import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from docs import events_page, generate
from shop_devstack import children, folders, gateway, ports
from shop_events.asyncapi import document
from shop_events.releases import newest_fixtures
from shop_events.schemas import every_event
from shop_events.services import declared
from shop_events.topics import SERVICES, TOPICS

PARSER = Path(__file__).parent / "asyncapi"
COMMITTED: dict[str, Any] = json.loads((generate.HERE / "events" / "asyncapi.json").read_text())
ERROR, WARNING = 0, 1


@pytest.fixture(scope="module")
def node() -> str:
    """Path of Node, with the parser installed beside the script."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if not found or not npm:
        pytest.skip("Node 20 and npm are needed to run the official AsyncAPI parser")
    lock, installed = PARSER / "package-lock.json", PARSER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        done = subprocess.run(
            [npm, "ci"], cwd=PARSER, capture_output=True, text=True, check=False, timeout=240
        )
        if done.returncode:
            pytest.skip(f"the official AsyncAPI parser cannot be installed: {done.stderr.strip()[-300:]}")
    return found


def judged(node: str, text: str) -> dict[str, Any]:
    script = PARSER / "validate.mjs"
    done = subprocess.run([node, script], input=text, capture_output=True, text=True, check=True, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_official_parser_finds_no_fault(node: str) -> None:
    found = judged(node, json.dumps(COMMITTED))
    faults = [each for each in found["diagnostics"] if each["severity"] in (ERROR, WARNING)]
    assert faults == []
    assert {each["id"] for each in found["operations"]} == COMMITTED["operations"].keys()


@pytest.mark.parametrize(
    "break_it",
    [
        lambda whole: whole["channels"].pop("catalog.orders.v1"),
        lambda whole: whole["operations"]["catalog.send.catalog.orders.v1"].update(action="shout"),
        lambda whole: whole["components"]["messages"].pop("catalog.order.paid.v1"),
    ],
    ids=["channel", "action", "message"],
)
def test_the_official_parser_would_find_faults(node: str, break_it: Any) -> None:
    whole = json.loads(json.dumps(COMMITTED))
    break_it(whole)
    found = judged(node, json.dumps(whole))["diagnostics"]
    assert {each["severity"] for each in found} & {ERROR, WARNING}


def test_every_topic_and_event_is_described() -> None:
    assert COMMITTED["channels"].keys() == TOPICS.keys()
    assert COMMITTED["components"]["messages"].keys() >= {event.event_type for event in every_event()}


def test_what_a_service_handles_is_what_it_receives() -> None:
    for name, service in declared().items():
        for handler in service.subscriptions:
            operation = COMMITTED["operations"][f"{name}.receive.{handler.contract.topic}"]
            channel = f"#/channels/{handler.contract.topic}"
            assert {"$ref": f"{channel}/messages/{handler.contract.event_type}"} in operation["messages"]
            assert operation["bindings"]["kafka"]["groupId"]["enum"] == [name]


def test_only_the_owner_sends() -> None:
    senders = {
        (name, operation["channel"]["$ref"].removeprefix("#/channels/"))
        for name in SERVICES
        for key, operation in COMMITTED["operations"].items()
        if key.startswith(f"{name}.send.")
    }
    assert {(name, topic) for name, topic in senders if TOPICS[topic].owner not in (name, "all")} == set()


def test_nobody_receives_what_the_registry_does_not_let_them() -> None:
    for name, service in declared().items():
        for event in service.reads:
            assert name in TOPICS[event.topic].readers, event


def test_an_example_is_the_newest_record_of_a_release() -> None:
    examples = newest_fixtures(generate.HERE / "events" / "released")
    whole = document(declared(), examples)
    message = whole["components"]["messages"]["catalog.order.paid.v1"]
    assert message["examples"][0]["payload"] == examples["catalog.order.paid.v1"]["value"]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        self.links += [str(found[name]) for name in ("href", "src") if name in found]
        if tag in ("script", "style") or "style" in found or any(name.startswith("on") for name in found):
            self.inline.append(tag)


def test_the_page_shows_every_event_and_needs_nothing_from_elsewhere() -> None:
    html = events_page.page(COMMITTED)
    assert all(f"<code>{event.event_type}</code>" in html for event in every_event())
    tags = Tags()
    tags.feed(html)
    assert tags.inline == [], "the gateway's policy would refuse it"
    assert not [link for link in tags.links if "//" in link]
    assert {link[1:] for link in tags.links if link.startswith("#")} <= tags.ids


def test_the_gateway_serves_the_page_and_the_document(tmp_path: Path) -> None:
    port, log = ports.free_port(), tmp_path / "caddy.log"
    config = tmp_path / "caddy.json"
    config.write_text(json.dumps(gateway.caddy_config([], {}, port, tmp_path, folders.PROJECT / "web")))
    with (
        children.running(gateway.command(gateway.find_caddy(), config), log) as child,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True) as client,
    ):
        children.await_ready("Caddy", lambda: ports.answers(port), lambda: child.poll() is None, log, 20)
        shown = client.get("/docs/events")
        assert shown.status_code == 200
        assert "Who tells whom" in shown.text
        assert shown.url.path == "/docs/events/"
        assert client.get("/docs/events/page.css").headers["content-type"].startswith("text/css")
        assert client.get("/docs/events/asyncapi.json").json() == COMMITTED

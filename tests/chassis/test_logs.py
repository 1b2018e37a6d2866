from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from shop_chassis.logs import REDACTED, configure_logging, redacted
from shop_events.context import Trace, use_trace

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def logged(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """The lines that were logged so far, from the level on that a test gives."""
    root, stdout = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stdout", stdout)
    for name in ("shop_tested", "shop_chassis", "shop_events", "uvicorn", "faust", "mode"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)  # so that it is put back
    configure_logging("tested", instance="one", level=getattr(request, "param", "INFO"))
    yield lambda: [json.loads(line) for line in stdout.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def silent() -> None:
    """Let the logs through."""


def test_a_line_is_json_with_service_and_trace(logged: Lines) -> None:
    trace = Trace(f"00-{'a' * 32}-{'b' * 16}-01", "c-1", "evt_1")
    with use_trace(trace):
        structlog.get_logger("here").info("done", count=2)
    (line,) = logged()
    expected = {
        "event": "done",
        "level": "info",
        "logger": "here",
        "service": "tested",
        "instance": "one",
        "trace_id": "a" * 32,
        "correlation_id": "c-1",
        "causation_id": "evt_1",
        "count": 2,
    }
    assert expected.items() <= line.items()


def test_libraries_are_heard_from_warning_on(logged: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("aiokafka"), "level", logging.WARNING)  # others may silence it
    for name in ("uvicorn.error", "aiokafka.conn", "pymongo.client"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
        logging.getLogger(name)._cache.clear()  # type: ignore[attr-defined]
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("trouble with %s", name)
    assert [line["event"] for line in logged()] == [
        "trouble with uvicorn.error",
        "trouble with aiokafka.conn",
        "trouble with pymongo.client",
    ]


@pytest.mark.parametrize("logged", ["DEBUG"], indirect=True)
def test_our_own_details_are_heard_and_no_librarys(logged: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("shop_tested.here", "some_library", "uvicorn.error"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
        logging.getLogger(name)._cache.clear()  # type: ignore[attr-defined]
        logging.getLogger(name).debug("a detail of %s", name)
    assert [line["event"] for line in logged()] == ["a detail of shop_tested.here"]


def test_exceptions_and_extras_of_libraries_are_in_the_line(logged: Lines) -> None:
    try:
        raise ValueError("wrong")
    except ValueError:
        logging.getLogger("library").exception("failed", extra={"password": "hunter2", "tries": 3})
    (line,) = logged()
    assert "ValueError: wrong" in str(line["exception"])
    assert (line["password"], line["tries"]) == (REDACTED, 3)


def test_secrets_and_people_are_redacted_at_any_depth() -> None:
    event = {
        "event": "x",
        "Authorization": "Bearer a",
        "user": {"email": "a@b", "id": "usr_1", "all": [{"phone_number": "1"}]},
        "session_id": b"s",
        "token": None,
        "has_password": True,
    }
    assert redacted(None, "info", event) == {
        "event": "x",
        "Authorization": REDACTED,
        "user": {"email": REDACTED, "id": "usr_1", "all": [{"phone_number": REDACTED}]},
        "session_id": REDACTED,
        "token": None,
        "has_password": True,
    }

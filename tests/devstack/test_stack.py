"""The whole stack as a newcomer meets it: up, crashes, Ctrl-C, and up again after the worst."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from shop_devstack import children, stack
from shop_devstack.settings import StackSettings
from shop_devstack.stack import StackInfo

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

COMMAND = [sys.executable, "-m", "shop_devstack"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stack's own folder, with ports that the system chooses; nothing is left running in it."""
    monkeypatch.setenv("DEVSTACK_DIR", str(tmp_path / "stack"))
    for name in StackSettings().preferred_ports:
        monkeypatch.setenv(f"{name.replace('-', '_').upper()}_PORT", "0")
    for name in ("MONGODB_URL", "KAFKA_BOOTSTRAP_SERVERS", "TOPIC_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path / "stack"
    stack.stop(tmp_path / "stack")


def eventually(true: Callable[[], bool], why: str, log: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{why}\n{children.last_lines(log, 60)}"
        time.sleep(0.1)


def info_of(folder: Path) -> StackInfo:
    info = stack.running(folder)
    assert info is not None
    return info


def serves(info: StackInfo) -> bool:
    try:
        return httpx.get(f"{info.gateway_url}/v1/products").status_code == 200
    except httpx.HTTPError:
        return False


def log_in(info: StackInfo) -> int:
    admin = info.admin()
    body = {"email": admin.email, "password": admin.password}
    return httpx.post(f"{info.gateway_url}/v1/auth/login", json=body).status_code


def tail(topic: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Follow a topic from its start."""
    command = [*COMMAND, "events", "--as", "analyst", "tail", topic, "--from-start", *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_up_goes_on_after_a_kill_of_everything_reports_crashes_and_stops_in_order(
    folder: Path, tmp_path: Path
) -> None:
    subprocess.run([*COMMAND, "up", "--detach"], check=True, stdout=subprocess.DEVNULL)
    worst = info_of(folder)
    assert log_in(worst) == 200
    os.kill(worst.supervisor_pid, signal.SIGKILL)
    for pid in filter(None, worst.pids.values()):
        kill_if_there(pid)
    assert stack.running(folder) is None

    log = tmp_path / "up.log"
    with children.running([*COMMAND, "up"], log) as up:
        eventually(lambda: "Next" in log.read_text() or up.poll() is not None, "never up", log)
        first = info_of(folder)
        assert serves(first)
        assert log_in(first) == 200, "the data is there again"

        second = subprocess.run([*COMMAND, "up"], capture_output=True, text=True, check=True)
        assert "already running" in second.stdout
        assert first.gateway_url in second.stdout

        assert "log in as analyst" in " ".join(log.read_text().split())
        assert json.loads(tail("identity.users.v1", "--most", "1").stdout)["topic"] == "identity.users.v1"
        refused = tail("identity.contacts.v1", "--most", "1")
        assert refused.returncode == 1
        assert "This login may not do that" in refused.stderr
        for words in ("lag", "--as notifier parked list", "--as session rebuild session products"):
            subprocess.run([*COMMAND, "events", *words.split()], check=True, capture_output=True, timeout=60)

        os.kill(first.pids["catalog"], signal.SIGKILL)
        eventually(lambda: "catalog ended and is started again" in log.read_text(), "no report", log)
        eventually(lambda: serves(first), "catalog never came back", log)

        os.kill(up.pid, signal.SIGINT)
        assert up.wait(60) == 0
    assert stack.running(folder) is None


def kill_if_there(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return

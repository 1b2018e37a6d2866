"""Real processes under a real supervisor: what dies comes back, and nothing outlives its parent."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shop_devstack import children, ports, supervise
from shop_devstack.__main__ import main
from shop_devstack.errors import NotReadyError
from shop_devstack.programs import Program, answers_ok
from shop_devstack.supervise import Launched, crashed


def eventually(true: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def web_server(name: str, port: int) -> Program:
    return Program(
        name=name,
        title=name,
        command=[sys.executable, "-u", "-m", "http.server", str(port), "--bind", ports.LOOPBACK],
        rank=10,
        ready=lambda: answers_ok(port, "/"),
        environment={"GREETING": "good day"},
        stop_seconds=5,
    )


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def pid_of(launched: Launched) -> int:
    process = launched.supervisor.processes().get("web")
    return process.pid if process else 0


def test_a_killed_part_is_reported_and_comes_back_and_all_die_with_a_killed_supervisor(
    tmp_path: Path,
) -> None:
    port = ports.free_port()
    program = web_server("web", port)
    launched = supervise.launch(tmp_path, [program], outlive=False)
    try:
        launched.supervisor.start(program)
        launched.supervisor.await_ready(program)
        before = launched.supervisor.processes()
        first = pid_of(launched)
        assert b"GREETING=good day" in environment_of(first)

        os.kill(first, signal.SIGKILL)
        eventually(lambda: bool(crashed(before, launched.supervisor.processes())))
        eventually(lambda: program.ready() and pid_of(launched) not in {0, first})
        assert "GET / HTTP/1.1" in children.last_lines(tmp_path / "logs" / "web.log")
    finally:
        launched.process.kill()
        launched.process.wait()
    eventually(lambda: not ports.answers(port))

    again = supervise.launch(tmp_path, [program], outlive=False)  # over the stale socket
    again.supervisor.start(program)
    again.supervisor.await_ready(program)
    again.stop()
    assert again.process.returncode == 0
    assert not ports.answers(port)


def test_what_outlives_its_starter_is_stopped_by_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVSTACK_DIR", str(tmp_path))
    port = ports.free_port()
    program = web_server("web", port)
    launched = supervise.launch(tmp_path, [program], outlive=True)
    launched.supervisor.start(program)
    launched.supervisor.await_ready(program)
    assert main(["down"]) == 0
    assert launched.process.wait(10) == 0
    assert not ports.answers(port)
    assert not launched.supervisor.exists()


def test_a_part_that_ends_while_starting_shows_its_last_words(tmp_path: Path) -> None:
    program = Program(
        name="broken",
        title="Broken",
        command=[sys.executable, "-c", "import sys; sys.exit('no such key')"],
        rank=10,
        ready=lambda: False,
    )
    launched = supervise.launch(tmp_path, [program], outlive=False)
    try:
        launched.supervisor.start(program)
        with pytest.raises(NotReadyError, match="no such key"):
            launched.supervisor.await_ready(program)
    finally:
        launched.stop()


def test_a_child_dies_with_its_parent_even_by_sigkill(tmp_path: Path) -> None:
    port = ports.free_port()
    parent = (
        "import sys, time\nfrom pathlib import Path\nfrom shop_devstack import children\n"
        f"argv = [sys.executable, '-m', 'http.server', '{port}', '--bind', '{ports.LOOPBACK}']\n"
        f"with children.running(argv, Path({str(tmp_path / 'log')!r})):\n    time.sleep(60)\n"
    )
    with children.running([sys.executable, "-c", parent], tmp_path / "parent.log") as process:
        eventually(lambda: ports.answers(port))
        os.kill(process.pid, signal.SIGKILL)
        eventually(lambda: not ports.answers(port))

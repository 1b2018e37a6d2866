"""Options of the storm, and a way to tell how it goes while it goes."""

import secrets
from collections.abc import Callable

import pytest


@pytest.fixture
def chaos_kills(request: pytest.FixtureRequest) -> int:
    """How many kills a storm has at least."""
    return int(request.config.getoption("--chaos-kills"))


@pytest.fixture
def chaos_seed(request: pytest.FixtureRequest) -> int:
    """What a storm is drawn from: the seed that was asked for, or a new one."""
    seed = request.config.getoption("--chaos-seed")
    return secrets.randbelow(1_000_000) if seed is None else int(seed)


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a line at once, although output is captured."""
    terminal = request.config.pluginmanager.getplugin("terminalreporter")
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def print_at_once(line: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.write_line(line, flush=True)

    return print_at_once

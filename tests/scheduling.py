"""In which order tests run, and which of them one worker runs after another."""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadFileScheduling

_SHARED_STACK: Final = "tests/e2e"
_OWN_STACK: Final = "tests/e2e/test_without_kafka.py"
_LONGEST: Final = (_SHARED_STACK, "tests/devstack/test_stack.py", "tests/architecture/")


def group_of(nodeid: str) -> str:
    """Return what runs in one worker: a module, or all modules that share the stack of a process.

    Five services and a gateway take half a minute to start, and cost something while they are idle.
    """
    module = nodeid.split("::", 1)[0]
    shares = module.startswith(_SHARED_STACK) and module != _OWN_STACK
    return _SHARED_STACK if shares else module


def place_of(nodeid: str) -> int:
    """Return where a test stands in the order, the lowest first."""
    group = group_of(nodeid)
    return next((n for n, long in enumerate(_LONGEST) if group.startswith(long)), len(_LONGEST))


class ByStack(LoadFileScheduling):
    """Hands out groups in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

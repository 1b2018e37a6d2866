"""What can go wrong while the embedded stack is prepared or run.

DevstackError
├── MissingPartError      a binary, jar or runtime cannot be had; says which variable to set
├── TamperedJarError      a jar's SHA-256 is not the locked one
├── NotReadyError         a part did not become ready in time; carries its last log lines
├── RealCredentialsError  the environment holds credentials of a real provider
├── UntranslatableError   a route manifest uses what the laptop's gateway cannot do
├── UnknownPartError      there is no part of this name; says which there are
└── NotRunningError       a command needs a running stack
"""

from collections.abc import Iterable


class DevstackError(Exception):
    """Base of all errors that the command line turns into one message."""


class MissingPartError(DevstackError):
    """A part of the stack cannot be had on this machine."""

    def __init__(self, part: str, reason: str, remedy: str) -> None:
        super().__init__(f"{part} is missing: {reason}\n{remedy}")


class TamperedJarError(DevstackError):
    """A jar is not the one that was locked."""

    def __init__(self, coordinate: str, expected: str, actual: str) -> None:
        super().__init__(f"{coordinate} has SHA-256 {actual}, locked is {expected}: refusing to use it")


class NotReadyError(DevstackError):
    """A part did not become ready before its deadline, or ended before that."""

    def __init__(self, part: str, reason: str, log_tail: str = "") -> None:
        super().__init__(f"{part} is not ready: {reason}" + (f"\n{log_tail}" if log_tail else ""))


class RealCredentialsError(DevstackError):
    """The environment could make the laptop's stack reach a real provider."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"{', '.join(names)} set in the environment: the laptop's stack talks to its own sandbox only "
            "and makes its own keys. Unset them and try again."
        )


class UntranslatableError(DevstackError):
    """An HTTPRoute asks for something that the laptop's gateway does not do."""


class UnknownPartError(DevstackError):
    """There is no part of this name."""

    def __init__(self, name: str, parts: Iterable[str]) -> None:
        super().__init__(f"There is no part {name}; there are {', '.join(parts)}")


class NotRunningError(DevstackError):
    """A command needs a running stack, and there is none."""

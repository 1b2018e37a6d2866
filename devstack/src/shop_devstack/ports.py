"""Choosing TCP ports on the loopback interface."""

import socket

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Say whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Say whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def free_port() -> int:
    """Return a port that the system has just found free."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return that many different free ports."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def preferred_or_free(preferred: int, taken: frozenset[int] = frozenset()) -> int:
    """Return the preferred port; a free one when something listens there, it is in `taken`, or it is 0."""
    if preferred and preferred not in taken and is_free(preferred):
        return preferred
    return free_port()

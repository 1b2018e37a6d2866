"""`make lock`: pins and hashes everything that the packages and the tools need.

The files hold names, versions and hashes, no addresses, so they serve behind any index. Pins that still
fit are kept; `--upgrade` takes the newest of everything.
"""

import argparse
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from shop_devstack import folders

_OWN = "shop-"
_OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-header",
    "--no-annotate",
)


def dependencies(packages: Iterable[Path]) -> list[str]:
    """Return what the packages' pyproject.toml files ask for, extras too, without our own packages."""
    wanted: set[str] = set()
    for package in packages:
        project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
        extras = project.get("optional-dependencies", {}).values()
        every = chain(project["dependencies"], *extras)
        wanted.update(name for name in every if not name.startswith(_OWN))
    return sorted(wanted)


def compile_lock(sources: list[Path], lock: Path, *, upgrade: bool) -> None:
    """Write the lock of the sources. Raises CalledProcessError when uv finds no solution."""
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    options = [*_OPTIONS, "--quiet", *(["--upgrade"] if upgrade else [])]
    subprocess.run([uv, "pip", "compile", *options, *sources, "--output-file", lock], check=True)


def main(arguments: list[str] | None = None) -> int:
    """Renew both lock files."""
    parser = argparse.ArgumentParser(prog="python -m shop_devstack.lock", description=__doc__)
    parser.add_argument("packages", nargs="+", type=Path, help="folders with a pyproject.toml")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    parsed = parser.parse_args(arguments)
    requirements = folders.PROJECT / "requirements"
    with tempfile.TemporaryDirectory() as scratch:
        gathered = Path(scratch) / "packages.in"
        gathered.write_text("\n".join(dependencies(parsed.packages)) + "\n")
        jobs = {
            "bootstrap": [requirements / "bootstrap.in"],
            "dev": [requirements / "dev.in", gathered],
        }
        for name, sources in jobs.items():
            lock = requirements / f"{name}.txt"
            compile_lock(sources, lock, upgrade=parsed.upgrade)
            print(f"{lock.relative_to(folders.PROJECT)} is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())

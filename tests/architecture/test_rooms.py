"""The five services have the same rooms, and what is in a room stays small enough to read."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("catalog", "identity", "session", "notifier", "analytics")
ALWAYS = {"__init__", "__main__", "main", "settings"}
ROOMS = {"api", "consumers", "jobs", "application", "domain", "store", "adapters"}
ONLY_ANALYTICS = {"streams"}


def source(service: str) -> Path:
    return ROOT / "services" / service / "src" / f"shop_{service}"


def rooms(service: str) -> set[str]:
    entries = source(service).iterdir()
    return {
        path.stem for path in entries if path.suffix == ".py" or (path.is_dir() and path.name.isidentifier())
    } - {"__pycache__"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_agreed_rooms_and_no_other(service: str) -> None:
    found = rooms(service)
    assert found >= ALWAYS
    allowed = ALWAYS | ROOMS | (ONLY_ANALYTICS if service == "analytics" else set())
    assert found <= allowed | {"templates"}


@pytest.mark.parametrize(
    "path",
    sorted(ROOT.glob("*/*/src/**/*.py")) + sorted(ROOT.glob("devstack/src/**/*.py")),
    ids=lambda p: "/".join(p.parts[-3:]),
)
def test_a_module_fits_into_a_readers_head(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 450, "split it: one module per noun"


def test_the_project_speaks_of_no_machine_and_no_registry() -> None:
    """Paths of a development machine and addresses of package registries have no place in the tree."""
    forbidden = (
        "pypi" + ".org",
        "registry.npmjs" + ".org",
        "/ro" + "ot/",
        "/wo" + "rk/",
        "repo1.maven" + ".org",
    )
    for path in tracked():
        text = path.read_text(errors="ignore")
        assert not [word for word in forbidden if word in text], path


def tracked() -> list[Path]:
    import subprocess

    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]

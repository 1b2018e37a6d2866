"""Documents say what the code says: settings, routes, topics, Makefile targets."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from docs import generate

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("name", "text"), generate.pages().items(), ids=lambda value: str(value)[:12])
def test_a_generated_page_is_as_the_code_says(name: str, text: str) -> None:
    assert (generate.HERE / name).read_text() == text, "run `make docs`"


def test_no_schema_is_left_of_an_event_that_is_gone() -> None:
    assert generate.stale() == [], "run `make docs`"


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_make_help_explains_every_target() -> None:
    phony = set(re.findall(r"^\.PHONY: (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert phony == targets()


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["ARGS=lag"], "events  -- lag"),
        (["ARGS=parked list", "AS=notifier"], "events --as notifier -- parked list"),
        ([], "events  -- --help"),
    ],
    ids=["operator", "service", "help"],
)
def test_make_events_passes_its_words_on(words: list[str], command: str) -> None:
    alone = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "ARGS"))
    }
    done = subprocess.run(
        ["make", "--dry-run", "events", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=alone,  # the tests themselves may have been started by make
    )
    assert done.stdout.rstrip().endswith(f"-m shop_devstack {command}")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_a_page_names_only_targets_that_exist(page: str) -> None:
    named = set(re.findall(r"`make ([a-z-]+)", (ROOT / page).read_text()))
    assert named <= targets()


def test_the_contributing_page_names_every_target() -> None:
    named = set(re.findall(r"`make ([a-z-]+)", (ROOT / "CONTRIBUTING.md").read_text()))
    assert targets() - {"help"} <= named


def test_links_between_pages_lead_somewhere() -> None:
    names = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    for page in names.stdout.split():
        for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
            assert (ROOT / page).parent.joinpath(link).exists(), f"{page}: {link}"

"""The storefront's files fit together, and nothing in them needs more than its strict policy allows."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from shop_devstack import folders

WEB = folders.PROJECT / "web"
INDEX = WEB / "index.html"
MODULES = sorted((WEB / "js").rglob("*.js"))
# Enough of the grammar: members are imported by name, each statement stands at the start of a line.
_IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"([^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?:async )?(?:function\*?|class|const|let) (\w+)", re.MULTILINE)
_TEXT_TO_CODE = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|\beval\(|new Function|javascript:"
)


class Elements(HTMLParser):
    """All elements of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def name(module: Path) -> str:
    return str(module.relative_to(WEB))


def imports(module: Path) -> dict[Path, set[str]]:
    """Return what a module imports, by the file it comes from."""
    return {
        (module.parent / source).resolve(): {
            member.strip() for member in members.split(",") if member.strip()
        }
        for members, source in _IMPORT.findall(module.read_text())
    }


@pytest.fixture(scope="module")
def elements() -> list[tuple[str, dict[str, str | None]]]:
    return Elements(INDEX.read_text()).found


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_what_a_module_imports_is_exported_there_and_used_here(module: Path) -> None:
    text = module.read_text()
    assert text.count("\nimport ") + text.startswith("import ") == len(_IMPORT.findall(text))
    for source, members in imports(module).items():
        assert members <= set(_EXPORT.findall(source.read_text())), f"from {name(source)}"
        for member in members:
            assert len(re.findall(rf"\b{member}\b", text)) > 1, f"{member} is not used"


def test_every_module_is_reached_from_the_page() -> None:
    reached: set[Path] = set()
    ahead = {WEB / "js" / "main.js"}
    while ahead:
        module = ahead.pop()
        reached.add(module)
        ahead |= imports(module).keys() - reached
    assert reached == set(MODULES)


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_no_module_makes_markup_or_code_of_text(module: Path) -> None:
    assert _TEXT_TO_CODE.search(module.read_text()) is None


def test_the_page_holds_nothing_inline_and_names_files_that_are_there(
    elements: list[tuple[str, dict[str, str | None]]],
) -> None:
    for tag, attributes in elements:
        assert tag != "style"
        assert not [each for each in attributes if each == "style" or each.startswith("on")], tag
        named = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
        assert tag != "script" or named, "a script needs a file"
        assert named is None or (WEB / named).is_file(), named


def test_the_modules_look_for_elements_that_the_page_has(
    elements: list[tuple[str, dict[str, str | None]]],
) -> None:
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    sought = {
        found
        for module in MODULES
        for found in re.findall(r'getElementById\("([^"]+)"\)', module.read_text())
    }
    made = {found for module in MODULES for found in re.findall(r'\bid: "([^"]+)"', module.read_text())}
    assert sought <= set(ids) | made


def test_each_field_of_the_page_has_a_label(elements: list[tuple[str, dict[str, str | None]]]) -> None:
    labelled = {attributes.get("for") for tag, attributes in elements if tag == "label"}
    assert {attributes.get("id") for tag, attributes in elements if tag in {"input", "select"}} <= labelled

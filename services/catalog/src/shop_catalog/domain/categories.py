"""The tree that products are sorted into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from shop_catalog.domain.descriptions import Part
from shop_catalog.domain.errors import InvalidCategoryTree, VersionConflict

DEEPEST = 8


class Step(NamedTuple):
    """A category on the way from the root."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is in the tree: the categories from the root down to its own, at least one."""

    path: tuple[Step, ...]

    @property
    def id(self) -> str:
        """The category itself."""
        return self.path[-1].id

    @property
    def name(self) -> str:
        """What the category itself is called."""
        return self.path[-1].name

    def as_parts(self) -> list[Part]:
        """Return the way as others may see it: a list of ProductCategory."""
        return [{"category_id": step.id, "name": step.name} for step in self.path]


@dataclass(kw_only=True, eq=False)
class Category:
    """A category with the way to it. Its version moves with each change of its own.

    Args:
        ancestors: the categories above it, the root first.
        translations: its name in other languages.
        spread: whether the products in and below it know of its last change of name or place.
    """

    id: str
    name: str
    ancestors: tuple[Step, ...] = ()
    translations: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    spread: bool = True

    def __post_init__(self) -> None:
        self.version_read = self.version
        _assert_not_too_deep(self.ancestors)

    @property
    def parent_id(self) -> str | None:
        """The category above it, None at the root."""
        return self.ancestors[-1].id if self.ancestors else None

    @property
    def key(self) -> str:
        """What two categories in the same place must not have in common."""
        return key_of(self.name)

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place((*self.ancestors, Step(self.id, self.name)))

    def assert_version(self, version: int) -> None:
        """Make sure that the caller saw the newest state.

        Raises:
            VersionConflict: it is another one.
        """
        if version != self.version:
            raise VersionConflict("The category was changed in the meantime.")

    def rename(self, name: str, translations: Mapping[str, str]) -> None:
        """Call it something else."""
        if (name, translations) != (self.name, self.translations):
            self.spread = self.spread and name == self.name
            self.name, self.translations = name, translations
            self.version += 1

    def move(self, parent: Category | None) -> None:
        """Put it below another category, or at the root.

        Raises:
            InvalidCategoryTree: it would be below itself, or too deep.
        """
        ancestors = parent.place.path if parent else ()
        if any(step.id == self.id for step in ancestors):
            raise InvalidCategoryTree("A category cannot be below itself.")
        if ancestors != self.ancestors:
            _assert_not_too_deep(ancestors)
            self.ancestors, self.spread = ancestors, False
            self.version += 1

    def follow(self, above: Category) -> None:
        """Take over what has changed above it; it stays below ``above``.

        Raises:
            InvalidCategoryTree: it would be too deep.
        """
        kept = next(place for place, step in enumerate(self.ancestors) if step.id == above.id)
        self.ancestors = (*above.place.path, *self.ancestors[kept + 1 :])
        _assert_not_too_deep(self.ancestors)
        self.version += 1


def key_of(name: str) -> str:
    """Return what stands for a name, however it is written."""
    return name.casefold()


def _assert_not_too_deep(ancestors: tuple[Step, ...]) -> None:
    if len(ancestors) >= DEEPEST:
        raise InvalidCategoryTree(f"The tree is {DEEPEST} categories deep at most.")

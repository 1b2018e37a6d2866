"""The category tree: made, renamed, moved, removed, shown; and where in it a product goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shop_catalog.application.clock import now
from shop_catalog.domain.access import Caller, demand_merchant
from shop_catalog.domain.categories import Category, Place, key_of
from shop_catalog.domain.errors import (
    CategoryInUse,
    CategoryNotFound,
    InvalidCategoryTree,
    UnknownCategory,
)
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.ids import new_id

MOST_MOVED = 1000
"""As many categories can be below one that is renamed or moved: they change with it, in one transaction."""


@dataclass(frozen=True, slots=True)
class CategoryDetails:
    """What a merchant says of a category."""

    name: str
    parent_id: str | None = None
    translations: Mapping[str, str] = field(default_factory=dict)


async def create(uow: CatalogUnitOfWork, details: CategoryDetails, caller: Caller) -> Category:
    """Make a category.

    Raises:
        AccessDenied: the caller is no merchant.
        UnknownCategory: there is no such parent.
        CategoryTaken: there is one of this name in the same place.
        InvalidCategoryTree: it would be too deep.
    """
    demand_merchant(caller)
    parent = await _parent(uow, details.parent_id)
    category = Category(
        id=new_id("cat"),
        name=details.name,
        ancestors=parent.place.path if parent else (),
        translations=details.translations,
    )
    await uow.categories.add(category)
    return category


async def change(
    uow: CatalogUnitOfWork, category_id: str, changes: Mapping[str, object], version: int, caller: Caller
) -> Category:
    """Rename or move a category, with all that is below it; products learn of it a moment later.

    Args:
        category_id: which one.
        changes: named as in CategoryDetails; what is not named stays.

    Raises:
        AccessDenied: the caller is no merchant.
        CategoryNotFound: there is none.
        VersionConflict: ``version`` is not the present one.
        UnknownCategory: there is no such parent.
        CategoryTaken: there is one of this name in the same place.
        InvalidCategoryTree: it would be below itself, too deep, or too much is below it.
    """
    demand_merchant(caller)
    category = await show(uow, category_id)
    category.assert_version(version)
    present = CategoryDetails(category.name, category.parent_id, category.translations)
    wanted = replace(present, **changes)  # type: ignore[arg-type]
    category.rename(wanted.name, wanted.translations)
    if wanted.parent_id != present.parent_id:
        category.move(await _parent(uow, wanted.parent_id))
    if category.version != category.version_read:
        below = [] if category.spread else await _follow(uow, category)
        await uow.categories.save([category, *below])
    return category


async def delete(uow: CatalogUnitOfWork, category_id: str, version: int, caller: Caller) -> None:
    """Remove a category that nothing is in.

    Raises:
        AccessDenied: the caller is no merchant.
        CategoryNotFound: there is none.
        VersionConflict: ``version`` is not the present one.
        CategoryInUse: there are products in it, or categories below it.
    """
    demand_merchant(caller)
    category = await show(uow, category_id)
    category.assert_version(version)
    if await uow.categories.below(category_id, 1) or await uow.products.is_in_use(category_id):
        raise CategoryInUse("There are products in it, or categories below it.")
    await uow.categories.remove(category_id)


async def show(uow: CatalogUnitOfWork, category_id: str) -> Category:
    """Return a category.

    Raises:
        CategoryNotFound: there is none.
    """
    category = await uow.categories.get(category_id)
    if category is None:
        raise CategoryNotFound
    return category


async def page(
    uow: CatalogUnitOfWork, parent_id: str | None, limit: int, after: tuple[str, str] | None
) -> list[Category]:
    """Return up to ``limit`` children of a category (None: the roots) by name, from behind key and id."""
    return await uow.categories.page(parent_id, limit, after)


async def place(uow: CatalogUnitOfWork, category_id: str) -> Place:
    """Return where products of a category are; it cannot be moved or removed before this is committed.

    Raises:
        UnknownCategory: there is none.
    """
    category = await uow.categories.get(category_id)
    if category is None:
        raise UnknownCategory(f"There is no category {category_id}.")
    await uow.categories.hold([category_id], now())
    return category.place


async def place_named(uow: CatalogUnitOfWork, name: str) -> Place:
    """Return where products of a root category are that is known by name; it is made if there is none."""
    found = await uow.categories.named(None, [name])
    if category := found.get(key_of(name)):
        await uow.categories.hold([category.id], now())
        return category.place
    category = Category(id=new_id("cat"), name=name)
    await uow.categories.add(category)
    return category.place


async def spread(uow: CatalogUnitOfWork, after: str, limit: int) -> str | None:
    """Tell up to ``limit`` products of a category that was renamed or moved where they are now.

    Returns the id to go on behind, None when there is nothing more to do.
    """
    category = await uow.categories.unspread()
    if category is None:
        return None
    products = await uow.products.under(category.id, after, limit)
    places: dict[str, Place] = {}
    for product in products:
        if (known := product.details.category) is None:
            continue
        if known.id not in places:
            places[known.id] = (await show(uow, known.id)).place
        product.change(replace(product.details, category=places[known.id]))
    await uow.save_products(products)
    if len(products) == limit:
        return products[-1].id
    await uow.categories.note_spread(category)
    return ""


async def _parent(uow: CatalogUnitOfWork, parent_id: str | None) -> Category | None:
    if parent_id is None:
        return None
    parent = await uow.categories.get(parent_id)
    if parent is None:
        raise UnknownCategory(f"There is no category {parent_id}.")
    await uow.categories.hold([parent_id], now())
    return parent


async def _follow(uow: CatalogUnitOfWork, category: Category) -> list[Category]:
    below = await uow.categories.below(category.id, MOST_MOVED + 1)
    if len(below) > MOST_MOVED:
        raise InvalidCategoryTree(f"More than {MOST_MOVED} categories are below it.")
    for each in below:
        each.follow(category)
    return below

"""What can be bought: a product's description and variants. How many there are is in `stock`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from shop_catalog.domain.categories import Place
from shop_catalog.domain.descriptions import Media, Text, best_language
from shop_catalog.domain.errors import (
    IllegalStatus,
    InvalidTranslations,
    InvalidVariants,
    UnknownVariant,
    VariantNeeded,
    VersionConflict,
)
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.reviews import UNREVIEWED, Tally
from shop_catalog.domain.variants import Variant, assert_fit_together
from shop_events.contracts import Aggregate, Fact, Money
from shop_events.contracts.catalog import Attribute, ProductChanged, ProductDeleted

MAX_AMOUNT = 99_999_999
"""The largest price and order total, in minor units: eight digits, as card networks have it."""


class ProductStatus(StrEnum):
    """Whether shoppers see a product. Drafts and what was archived are the merchants' alone."""

    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


_MOVES = {
    ProductStatus.DRAFT: {ProductStatus.PUBLISHED, ProductStatus.ARCHIVED},
    ProductStatus.PUBLISHED: {ProductStatus.DRAFT, ProductStatus.ARCHIVED},
    ProductStatus.ARCHIVED: {ProductStatus.DRAFT},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductDetails:
    """What a merchant says of a product.

    Args:
        language: that of title and description, in which everything has an answer.
        translations: the same in other languages.
        category: where it is in the tree, None when nowhere.
        reference: its id where it came from, of which there is one in the shop.
    """

    title: str
    description: str = ""
    language: str = "en"
    translations: Mapping[str, Text] = field(default_factory=dict)
    category: Place | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    media: tuple[Media, ...] = ()
    reference: str | None = None

    def text(self, language: str) -> Text:
        """Return title and description in a language, or in the default one."""
        return self.translations.get(language) or Text(self.title, self.description)

    def best_language(self, accepted: str) -> str:
        """Return the language that an Accept-Language header asks for, or else the default one."""
        if not accepted or not self.translations:
            return self.language
        return best_language(accepted, self.translations, self.language)

    def assert_makes_sense(self) -> None:
        """Make sure that no two texts are in the same language.

        Raises:
            InvalidTranslations: there is a translation into the product's own language.
        """
        if self.language in self.translations:
            raise InvalidTranslations(f"The product itself is in {self.language}.")


@dataclass(kw_only=True, eq=False)
class Product(Aggregate):
    """A product. Its version moves with each change, not with each sale or review; only what shoppers
    see is told."""

    id: str
    details: ProductDetails
    variants: tuple[Variant, ...]
    request: RequestKey
    status: ProductStatus = ProductStatus.PUBLISHED
    deleted: bool = False
    reviews: Tally = UNREVIEWED
    version: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self.version_read = self.version

    @classmethod
    def create(
        cls,
        product_id: str,
        details: ProductDetails,
        variants: Iterable[Variant],
        request: RequestKey,
        status: ProductStatus = ProductStatus.PUBLISHED,
    ) -> Product:
        """Make a new product; it is on sale unless it is a draft.

        Raises:
            InvalidVariants, InvalidTranslations: its parts do not fit together.
        """
        product = cls(
            id=product_id, details=details, variants=tuple(variants), request=request, status=status
        )
        details.assert_makes_sense()
        assert_fit_together(product.variants)
        product._note(was_shown=False)
        return product

    @property
    def is_shown(self) -> bool:
        """Whether shoppers see it."""
        return self.status is ProductStatus.PUBLISHED and not self.deleted

    @property
    def is_changed(self) -> bool:
        """Whether it is another one than when it was read."""
        return self.version != self.version_read

    @property
    def available(self) -> bool:
        """Whether there is anything to sell."""
        return any(variant.available for variant in self.variants)

    @property
    def price(self) -> Money:
        """The lowest price in the usual currency."""
        return min((variant.price for variant in self.variants), key=lambda price: price.amount)

    @property
    def media(self) -> tuple[Media, ...]:
        """Its pictures, or else those of its variants."""
        return self.details.media or tuple(media for variant in self.variants for media in variant.media)

    def variant(self, variant_id: str | None) -> Variant:
        """Return a variant; None means the only one.

        Raises:
            VariantNeeded: there are several, and none was named.
            UnknownVariant: it has no such one.
        """
        if variant_id is None:
            if len(self.variants) > 1:
                raise VariantNeeded([self.id])
            return self.variants[0]
        for variant in self.variants:
            if variant.id == variant_id:
                return variant
        raise UnknownVariant(f"The product has no variant {variant_id}.")

    def change(self, details: ProductDetails, variants: Iterable[Variant] | None = None) -> None:
        """Say something else of the product; saying the same again changes nothing.

        Raises:
            InvalidVariants, InvalidTranslations: the parts do not fit together.
        """
        changed = self.variants if variants is None else tuple(variants)
        if details == self.details and changed == self.variants:
            return
        details.assert_makes_sense()
        assert_fit_together(changed)
        self.details, self.variants = details, changed
        self._note(self.is_shown)

    def become(self, status: ProductStatus) -> None:
        """Publish, take back or archive; again changes nothing.

        Raises:
            IllegalStatus: that cannot follow on the present one.
        """
        if status is self.status:
            return
        if status not in _MOVES[self.status]:
            raise IllegalStatus(f"What is {self.status} cannot become {status}.")
        was_shown, self.status = self.is_shown, status
        self._note(was_shown)

    def add_variant(self, variant: Variant) -> None:
        """Sell it in one more form.

        Raises:
            InvalidVariants: it does not fit to the others.
        """
        self.change(self.details, (*self.variants, variant))

    def change_variant(self, variant: Variant) -> None:
        """Say something else of the variant with this id.

        Raises:
            InvalidVariants: it does not fit to the others.
        """
        others = (variant if each.id == variant.id else each for each in self.variants)
        self.change(self.details, others)

    def remove_variant(self, variant_id: str) -> None:
        """Sell it no longer in this form.

        Raises:
            UnknownVariant: it has no such one.
            InvalidVariants: it is the last one.
        """
        if len(self.variants) == 1 and self.variant(variant_id):
            raise InvalidVariants("A product keeps its last variant; delete or archive the product instead.")
        self.change(self.details, (each for each in self.variants if each.id != variant_id))

    def set_available(self, variant_id: str, available: bool) -> None:
        """Note that a variant went in or out of stock."""
        for variant in self.variants:
            if variant.id == variant_id:
                self.change_variant(replace(variant, available=available))

    def delete(self) -> None:
        """Take the product off sale for good."""
        was_shown, self.deleted = self.is_shown, True
        self._note(was_shown)

    def assert_version(self, version: int) -> None:
        """Make sure that the caller saw the newest state.

        Raises:
            VersionConflict: it is another one.
        """
        if version != self.version:
            raise VersionConflict("The product was changed in the meantime.")

    def settle(self) -> None:
        """Note that the present state is stored and told."""
        self.version_read = self.version
        self.facts.clear()

    def as_fact(self) -> Fact:
        """Return the present state as it was told when it came about."""
        return Fact(self.as_event(), self.version)

    def as_event(self) -> ProductChanged | ProductDeleted:
        """Return the present state as others may see it."""
        if not self.is_shown:
            return ProductDeleted(product_id=self.id)
        details, media = self.details, self.media
        return ProductChanged.model_validate(
            {
                "product_id": self.id,
                "sku": self.variants[0].sku,
                "title": details.title,
                "description": details.description,
                "category": details.category.name if details.category else None,
                "price": self.price,
                "image_url": media[0].url if media else None,
                "available": self.available,
                "language": details.language,
                "translations": {tag: text.as_part() for tag, text in details.translations.items()},
                "category_path": details.category.as_parts() if details.category else [],
                "attributes": details.attributes,
                "media": [each.as_part() for each in details.media],
                "variants": [variant.as_part() for variant in self.variants],
            }
        )

    def _note(self, was_shown: bool) -> None:
        """Move the version on; others hear of it if they saw the product before or see it now."""
        if was_shown or self.is_shown:
            self.record(self.as_event())
        else:
            self.version += 1


class Rating(NamedTuple):
    """How much a product is wanted, as analytics says."""

    popularity: float = 0.0
    trend: float = 0.0
    rank: float = 0.0


Hit = tuple[float, Product]
"""A product with what it is ranked by."""

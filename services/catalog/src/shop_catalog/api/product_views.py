"""How products are shown."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel

from shop_catalog.domain.descriptions import Media
from shop_catalog.domain.products import Product, ProductStatus
from shop_catalog.domain.reviews import RATINGS, Tally
from shop_catalog.domain.variants import Variant
from shop_events.contracts import Money
from shop_events.contracts.catalog import Attribute


class MediaView(BaseModel):
    """A picture, and what it shows in words."""

    url: str
    alt: str

    @classmethod
    def of(cls, media: Media) -> Self:
        """Return how a picture is shown."""
        return cls(url=media.url, alt=media.alt)


class CategoryStepView(BaseModel):
    """A category on the way from the root to the product."""

    id: str
    name: str


class VariantView(BaseModel):
    """One form in which a product is sold. The first price is the usual one."""

    id: str
    sku: str
    options: dict[str, str]
    prices: list[Money]
    attributes: dict[str, Attribute]
    media: list[MediaView]
    weight_grams: int | None
    available: bool

    @classmethod
    def of(cls, variant: Variant) -> Self:
        """Return how a variant is shown."""
        return cls(
            id=variant.id,
            sku=variant.sku,
            options=dict(variant.options),
            prices=list(variant.prices),
            attributes=dict(variant.attributes),
            media=[MediaView.of(each) for each in variant.media],
            weight_grams=variant.weight_grams,
            available=variant.available,
        )


class ReviewsView(BaseModel):
    """What published reviews come to: their number by rating, and how many recommend the product."""

    count: int
    mean: float | None
    ratings: dict[str, int]
    recommended: int

    @classmethod
    def of(cls, tally: Tally) -> Self:
        """Return how a tally is shown."""
        ratings = {str(rating): number for rating, number in zip(RATINGS, tally.ratings, strict=True)}
        return cls(count=tally.count, mean=tally.mean, ratings=ratings, recommended=tally.recommended)


class ProductView(BaseModel):
    """A product in one language.

    ``price`` is the lowest in the usual currency, ``sku`` and ``image_url`` are those that come first.
    ``available`` says whether any variant is to be had.
    """

    id: str
    sku: str
    title: str
    description: str
    category: str | None
    price: Money
    image_url: str | None
    available: bool
    language: str
    languages: list[str]
    category_path: list[CategoryStepView]
    attributes: dict[str, Attribute]
    media: list[MediaView]
    variants: list[VariantView]
    reference: str | None
    status: ProductStatus
    reviews: ReviewsView

    @classmethod
    def of(cls, product: Product, language: str | None = None) -> Self:
        """Return how a product is shown, in its own language or a translation."""
        details, media = product.details, product.media
        language = language or details.language
        text, place = details.text(language), details.category
        return cls(
            id=product.id,
            sku=product.variants[0].sku,
            title=text.title,
            description=text.description,
            category=place.name if place else None,
            price=product.price,
            image_url=media[0].url if media else None,
            available=product.available,
            language=language,
            languages=[details.language, *sorted(details.translations)],
            category_path=[CategoryStepView(**step._asdict()) for step in place.path] if place else [],
            attributes=dict(details.attributes),
            media=[MediaView.of(each) for each in details.media],
            variants=[VariantView.of(each) for each in product.variants],
            reference=details.reference,
            status=product.status,
            reviews=ReviewsView.of(product.reviews),
        )

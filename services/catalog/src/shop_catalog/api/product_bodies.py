"""What merchants say of products and variants, with its bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from shop_catalog.api.requests import Amount
from shop_catalog.application.products import NewProduct
from shop_catalog.domain import descriptions
from shop_catalog.domain.descriptions import Media, Text
from shop_catalog.domain.products import ProductDetails, ProductStatus
from shop_catalog.domain.stock import MAX_STOCK
from shop_catalog.domain.variants import MOST_VARIANTS, NewVariant
from shop_chassis.http import ONE_LINE, SEVERAL_LINES, Body, FromText

MOST_CURRENCIES = 20
HEAVIEST_GRAMS = 100_000_000

Sku = Annotated[str, Field(min_length=1, max_length=64, pattern=ONE_LINE)]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)]
Description = Annotated[str, Field(max_length=10_000, pattern=SEVERAL_LINES)]
CategoryName = Annotated[str, Field(min_length=1, max_length=100, pattern=ONE_LINE)]
CategoryId = Annotated[str, Field(min_length=1, max_length=100)]
MediaUrl = Annotated[str, Field(max_length=2000, pattern=descriptions.MEDIA_URL)]
Language = Annotated[str, Field(max_length=35, pattern=descriptions.LANGUAGE)]
Name = Annotated[str, Field(pattern=descriptions.NAME)]
Option = Annotated[str, Field(min_length=1, max_length=100, pattern=ONE_LINE)]
AttributeText = Annotated[str, Field(max_length=500, pattern=SEVERAL_LINES)]
AttributeValue = bool | Annotated[int, Field(ge=-(2**53), le=2**53)] | AttributeText
Attributes = Annotated[dict[Name, AttributeValue], Field(max_length=descriptions.MOST_ATTRIBUTES)]
Stock = Annotated[int, Field(ge=0, le=MAX_STOCK)]
Reference = Annotated[
    str,
    Field(min_length=1, max_length=200, pattern=ONE_LINE, description="The product's id where it came from"),
]
Status = Annotated[ProductStatus, FromText]


class MediaBody(Body):
    """A picture, and what it shows in words."""

    url: MediaUrl
    alt: Annotated[str, Field(max_length=500, pattern=ONE_LINE)] = ""

    def value(self) -> Media:
        """Return the picture as the domain has it."""
        return Media(self.url, self.alt)


class TextBody(Body):
    """What a product is called in one language."""

    title: Title
    description: Description = ""

    def value(self) -> Text:
        """Return the text as the domain has it."""
        return Text(self.title, self.description)


Pictures = Annotated[list[MediaBody], Field(max_length=descriptions.MOST_MEDIA)]
Translations = Annotated[dict[Language, TextBody], Field(max_length=descriptions.MOST_LANGUAGES)]
Prices = Annotated[list[Amount], Field(min_length=1, max_length=MOST_CURRENCIES)]
Options = Annotated[dict[Name, Option], Field(max_length=10)]
Grams = Annotated[int, Field(ge=0, le=HEAVIEST_GRAMS)]


class CreateVariant(Body):
    """One form in which a product is sold. The first price is the usual one."""

    sku: Sku
    prices: Prices
    options: Options = {}
    attributes: Attributes = {}
    media: Pictures = []
    weight_grams: Grams | None = None
    stock: Stock = 0

    def new(self) -> NewVariant:
        """Return the variant as the domain has it."""
        return NewVariant(
            sku=self.sku,
            prices=tuple(each.money() for each in self.prices),
            options=self.options,
            attributes=self.attributes,
            media=tuple(each.value() for each in self.media),
            weight_grams=self.weight_grams,
            stock=self.stock,
        )


class CreateProduct(Body):
    """A product to be. It is on sale unless it is a draft.

    One that is sold in one form says ``sku``, ``price`` and ``stock``; one that comes in several lists its
    ``variants`` instead.
    """

    sku: Sku | None = None
    title: Title
    description: Description = ""
    category: CategoryName | None = None
    price: Amount | None = None
    image_url: MediaUrl | None = None
    stock: Stock = 0
    category_id: CategoryId | None = None
    language: Language = "en"
    translations: Translations = {}
    attributes: Attributes = {}
    media: Pictures = []
    reference: Reference | None = None
    status: Status = ProductStatus.PUBLISHED
    variants: Annotated[list[CreateVariant], Field(max_length=MOST_VARIANTS)] = []

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        alone = self.sku is not None and self.price is not None
        if self.variants and (self.sku is not None or self.price is not None or self.stock):
            raise ValueError("sku, price and stock are those of each variant")
        if not self.variants and not alone:
            raise ValueError("a product needs sku and price, or variants")
        if self.category is not None and self.category_id is not None:
            raise ValueError("category and category_id say the same")
        if self.media and self.image_url is not None:
            raise ValueError("image_url and media say the same")
        return self

    def new(self) -> NewProduct:
        """Return the product as the domain has it."""
        return NewProduct(
            details=self.details(),
            variants=tuple(each.new() for each in self.variants) or (self._only(),),
            category_id=self.category_id,
            category=self.category,
            status=self.status,
        )

    def details(self) -> ProductDetails:
        """Return what is said of the product itself; where it goes is another matter."""
        first = [] if self.image_url is None else [Media(self.image_url)]
        return ProductDetails(
            title=self.title,
            description=self.description,
            language=self.language,
            translations={language: each.value() for language, each in self.translations.items()},
            attributes=self.attributes,
            media=(*first, *(each.value() for each in self.media)),
            reference=self.reference,
        )

    def _only(self) -> NewVariant:
        assert self.sku is not None
        assert self.price is not None
        return NewVariant(sku=self.sku, prices=(self.price.money(),), stock=self.stock)


def _unsaid() -> Any:
    """Stand in for a field that was not sent; it is never read."""
    return None


class _Changes(Body):
    """What is to be said differently; what is not sent stays."""

    def changes(self) -> dict[str, Any]:
        """Return what was sent, by name, as the domain has it."""
        return {name: value_of(getattr(self, name)) for name in self.model_fields_set}


class ChangeVariant(_Changes):
    """What is to be said differently of a variant; what is not sent stays."""

    sku: Sku = Field(default_factory=_unsaid)
    prices: Prices = Field(default_factory=_unsaid)
    options: Options = Field(default_factory=_unsaid)
    attributes: Attributes = Field(default_factory=_unsaid)
    media: Pictures = Field(default_factory=_unsaid)
    weight_grams: Grams | None = None


class ChangeProduct(_Changes):
    """What is to be said differently; what is not sent stays. ``sku``, ``price``: of the only variant."""

    sku: Sku = Field(default_factory=_unsaid)
    title: Title = Field(default_factory=_unsaid)
    description: Description = Field(default_factory=_unsaid)
    category: CategoryName | None = None
    price: Amount = Field(default_factory=_unsaid)
    image_url: MediaUrl | None = None
    category_id: CategoryId | None = None
    language: Language = Field(default_factory=_unsaid)
    translations: Translations = Field(default_factory=_unsaid)
    attributes: Attributes = Field(default_factory=_unsaid)
    media: Pictures = Field(default_factory=_unsaid)
    reference: Reference | None = None
    status: Status = Field(default_factory=_unsaid)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if {"category", "category_id"} <= self.model_fields_set:
            raise ValueError("category and category_id say the same")
        if {"media", "image_url"} <= self.model_fields_set:
            raise ValueError("image_url and media say the same")
        return self


def value_of(said: Any) -> Any:
    """Return what was sent as the domain has it: parts by their own rule, lists as tuples."""
    if isinstance(said, Amount):
        return said.money()
    if isinstance(said, MediaBody | TextBody):
        return said.value()
    if isinstance(said, list):
        return tuple(value_of(each) for each in said)
    if isinstance(said, Mapping):
        return {name: value_of(each) for name, each in said.items()}
    return said

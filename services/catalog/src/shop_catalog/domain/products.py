"""What can be bought: a product's description and price. How many there are is in `stock`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from shop_catalog.domain.errors import VersionConflict
from shop_catalog.domain.requests import RequestKey
from shop_events.contracts import Aggregate, Fact, Money
from shop_events.contracts.catalog import ProductChanged, ProductDeleted

MAX_AMOUNT = 99_999_999
"""The largest price and order total, in minor units: eight digits, as card networks have it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductDetails:
    """What a merchant says of a product."""

    sku: str
    title: str
    description: str = ""
    category: str | None = None
    price: Money
    image_url: str | None = None


@dataclass(kw_only=True, eq=False)
class Product(Aggregate):
    """A product for sale. Its version moves with each change that others can see, not with each sale."""

    id: str
    details: ProductDetails
    available: bool
    request: RequestKey
    deleted: bool = False
    version: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def create(
        cls, product_id: str, details: ProductDetails, available: bool, request: RequestKey
    ) -> Product:
        """Put a new product on sale."""
        product = cls(id=product_id, details=details, available=available, request=request)
        product.record(product.as_event())
        return product

    def change(self, details: ProductDetails) -> None:
        """Say something else of the product; saying the same again changes nothing."""
        if details != self.details:
            self.details = details
            self.record(self.as_event())

    def set_available(self, available: bool) -> None:
        """Note that the product went in or out of stock."""
        if available != self.available:
            self.available = available
            self.record(self.as_event())

    def delete(self) -> None:
        """Take the product off sale for good."""
        self.deleted = True
        self.record(self.as_event())

    def assert_version(self, version: int) -> None:
        """Make sure that the caller saw the newest state.

        Raises:
            VersionConflict: it is another one.
        """
        if version != self.version:
            raise VersionConflict("The product was changed in the meantime.")

    def as_fact(self) -> Fact:
        """Return the present state as it was told when it came about."""
        return Fact(self.as_event(), self.version)

    def as_event(self) -> ProductChanged | ProductDeleted:
        """Return the present state as others may see it."""
        if self.deleted:
            return ProductDeleted(product_id=self.id)
        said = {field.name: getattr(self.details, field.name) for field in fields(self.details)}
        return ProductChanged(product_id=self.id, available=self.available, **said)


Hit = tuple[float, Product]
"""A product with what it is ranked by."""

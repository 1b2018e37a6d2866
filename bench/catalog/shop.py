"""A made-up shop: products stored as the service stores them, its process, and customers with tokens."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.ground import Document, Ground
from bench.topic import fill
from shop_catalog.domain.categories import Place, Step
from shop_catalog.domain.descriptions import Media
from shop_catalog.domain.products import Product, ProductDetails
from shop_catalog.domain.requests import NO_KEY, RequestKey
from shop_catalog.domain.stock import StockItem
from shop_catalog.domain.variants import Variant
from shop_catalog.store.products import PRODUCTS, new_document
from shop_catalog.store.schema import migrate
from shop_catalog.store.stock import STOCK, stock_document
from shop_events.contracts import Fact, Money
from shop_events.contracts.catalog import first_variant_id
from shop_events.contracts.identity import SigningKeyPublished
from shop_events.envelope import encode, envelope_for

DATABASE = "bench_catalog"
CATEGORIES = 20
NO_PAYMENTS = {
    "payment_base_url": "http://127.0.0.1:1",
    "payment_api_key": "k",
    "payment_webhook_secret": "s",
}
"""Environment of a service that reaches no payment provider."""

_PREFIX = "ours."
_PAGE = 1000
_PLENTY = 1_000_000
_VALID_SECONDS = 3600
_KEY = Ed25519PrivateKey.generate()


def product_id(number: int) -> str:
    """Return the id of a product; ids grow with the number."""
    return f"prd_{number:08d}"


def category_id(number: int) -> str:
    """Return the id of the category that a product is in."""
    return f"cat_{number % CATEGORIES:02d}"


def stock_shop(here: Ground, products: int, database: str = DATABASE, sold_out: int = 0) -> None:
    """Fill a database with products, plenty of each but for the first ``sold_out``."""
    asyncio.run(_stock_shop(here, products, database, sold_out))


@contextmanager
def catalog(here: Ground, database: str = DATABASE, **env: str) -> Iterator[int]:
    """Run the service's API as it is deployed; give its port."""
    more = {**NO_PAYMENTS, "topic_prefix": _PREFIX, "mongodb_database": database, **env}
    with here.serving(f"catalog-{database}", "shop_catalog", "api", **more) as port:
        yield port


def open_shop(here: Ground) -> None:
    """Create the topics, and tell the key that the customers' tokens are signed with."""
    here.topics(_PREFIX)
    x = base64.urlsafe_b64encode(_KEY.public_key().public_bytes_raw()).decode().rstrip("=")
    event = SigningKeyPublished(kid="bench", x=x, published_at=datetime.now(UTC))
    message = encode(envelope_for(Fact(event, 1), "identity"), event)
    asyncio.run(fill(here.kafka, _PREFIX, [(message, None)]))


def token(user_id: str) -> str:
    """Return a customer's access token."""
    now = int(time.time())
    claims = {
        "iss": "shopstream",
        "aud": "shopstream",
        "sub": user_id,
        "iat": now,
        "exp": now + _VALID_SECONDS,
    }
    claims |= {"jti": secrets.token_hex(8), "roles": ["customer"], "scope": "", "sid": "fam_1", "epoch": 0}
    return jwt.encode(claims, _KEY, "EdDSA", {"typ": "at+jwt", "kid": "bench"})


async def _stock_shop(here: Ground, products: int, database: str, sold_out: int) -> None:
    async with here.client() as client:
        db = client[database]
        for first in range(0, products, _PAGE):
            numbers = range(first, min(first + _PAGE, products))
            made = [_product(number, available=number >= sold_out) for number in numbers]
            await db[PRODUCTS].insert_many([new_document(each) for each in made], ordered=False)
            await db[STOCK].insert_many([stock_document(_stock_of(each)) for each in made], ordered=False)
        await migrate(db)  # last: an index of a million is built in a fraction of the time it takes to grow


def _product(number: int, *, available: bool) -> Product:
    id = product_id(number)
    variant = Variant(
        id=first_variant_id(id),
        sku=f"SKU-{number}",
        prices=(Money(amount=500 + number % 9000, currency="GBP"),),
        weight_grams=200 + number % 800,
        available=available,
    )
    request = RequestKey("usr_bench", NO_KEY, "")
    return Product(id=id, details=_details(number), variants=(variant,), request=request, version=1)


def _details(number: int) -> ProductDetails:
    group = Step("cat_root", "Household")
    return ProductDetails(
        title=f"Enamelled cup number {number}",
        description="A cup to drink from, fired twice and glazed by hand. " * 6,
        category=Place((group, Step(category_id(number), f"Cups of kind {number % CATEGORIES}"))),
        attributes={
            "brand": f"Brand {number % 50}",
            "colour": f"colour {number % 12}",
            "height_mm": 80 + number % 40,
        },
        media=(Media(f"https://img.example/{number}.jpg", "A cup"),),
    )


def _stock_of(product: Product) -> StockItem:
    variant = product.variants[0]
    return StockItem(variant_id=variant.id, product_id=product.id, left=_PLENTY if variant.available else 0)


def line(number: int) -> Document:
    """Return one piece of a product, as an order has it."""
    return {"product_id": product_id(number), "quantity": 1}

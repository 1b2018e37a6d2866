"""A product as an answer: in which language, under which entity tag, and its body."""

from __future__ import annotations

from functools import cached_property

from shop_catalog.api.product_views import ProductView
from shop_catalog.domain.products import Product
from shop_chassis.http import etag

VARY = "Accept-Language, Authorization"


class Shown:
    """A product in one language. The body is made when it is asked for, and once."""

    def __init__(self, product: Product, language: str) -> None:
        self._product = product
        self._language = language
        self.tag = etag(product.version, _form(product, language))
        self.headers = {"ETag": self.tag, "Content-Language": language, "Vary": VARY}

    @cached_property
    def body(self) -> bytes:
        """Return it as JSON."""
        return ProductView.of(self._product, self._language).model_dump_json().encode()


class ShownProduct:
    """A product in each of its languages."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._shown: dict[str, Shown] = {}

    def to(self, accepted: str) -> Shown:
        """Return it in the language that an Accept-Language header asks for."""
        language = self._product.details.best_language(accepted)
        if language not in self._shown:
            self._shown[language] = Shown(self._product, language)
        return self._shown[language]

    @property
    def size(self) -> int:
        """The bytes it comes to once it was shown in all its languages, about."""
        return 3 * len(self.to("").body) * (1 + len(self._product.details.translations))


def _form(product: Product, language: str) -> str:
    """Return the form a version is shown in: its language, and how often its reviews have changed."""
    translated = language if language != product.details.language else ""
    reviewed = f"r{product.reviews.revision}" if product.reviews.revision else ""
    return "-".join(filter(None, (reviewed, translated)))

"""How a product is written into a document, and read from one.

Beside the product itself a document holds what lists look for: ``shown``, ``category_ids`` (the whole way to
it), ``facets`` (its attributes as ``name=value``), each variant's ``chosen`` (its options, likewise) and
``lowest`` (its lowest price by currency).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shop_catalog.domain.categories import Place, Step
from shop_catalog.domain.descriptions import Media, Text, best_language
from shop_catalog.domain.products import Product, ProductDetails, ProductStatus
from shop_catalog.domain.variants import Variant
from shop_catalog.store.documents import Document, request_of
from shop_catalog.store.reviews import tally_of
from shop_events.contracts import Money


def product_of(document: Document) -> Product:
    """Return the product that a document holds."""
    return Product(
        id=document["_id"],
        details=_details_of(document),
        variants=tuple(_variant_of(each) for each in document["variants"]),
        request=request_of(document),
        status=ProductStatus(document["status"]),
        deleted=document["deleted"],
        reviews=tally_of(document),
        version=document["version"],
    )


def product_state(product: Product) -> Document:
    """Return what changes in a product's document when the product does."""
    details = product.details
    path = details.category.path if details.category else ()
    return {
        "title": details.title,
        "description": details.description,
        "language": details.language,
        "translations": {
            language: {"title": text.title, "description": text.description}
            for language, text in details.translations.items()
        },
        "category_path": [step._asdict() for step in path],
        "category_ids": [step.id for step in path],
        "attributes": dict(details.attributes),
        "facets": facets_of(details.attributes),
        "media": _media_documents(details.media),
        "reference": details.reference,
        "variants": [_variant_document(each) for each in product.variants],
        "lowest": _lowest(product.variants),
        "status": product.status.value,
        "shown": product.is_shown,
        "deleted": product.deleted,
        "version": product.version,
    }


def language_of(document: Mapping[str, Any], accepted: str) -> str:
    """Return the language of a product that an Accept-Language header asks for; see ProductDetails."""
    own, translations = str(document["language"]), document["translations"]
    return best_language(accepted, translations, own) if accepted and translations else own


def text_of(document: Mapping[str, Any], accepted: str) -> Mapping[str, str]:
    """Return title and description of a product in the language that is asked for."""
    text: Mapping[str, str] = document["translations"].get(language_of(document, accepted)) or document
    return text


def facets_of(said: Mapping[str, object]) -> list[str]:
    """Return attributes or options as lists look for them."""
    return [facet(name, value) for name, value in said.items()]


def facet(name: str, value: object) -> str:
    """Return ``name=value``; names have no equals sign in them."""
    return f"{name}={str(value).lower() if isinstance(value, bool) else value}"


def _lowest(variants: Iterable[Variant]) -> dict[str, int]:
    lowest: dict[str, int] = {}
    for variant in variants:
        for price in variant.prices:
            lowest[price.currency] = min(price.amount, lowest.get(price.currency, price.amount))
    return lowest


def _variant_document(variant: Variant) -> Document:
    return {
        "id": variant.id,
        "sku": variant.sku,
        "prices": [{"amount": price.amount, "currency": price.currency} for price in variant.prices],
        "options": dict(variant.options),
        "chosen": facets_of(variant.options),
        "attributes": dict(variant.attributes),
        "media": _media_documents(variant.media),
        "weight_grams": variant.weight_grams,
        "available": variant.available,
    }


def _details_of(document: Document) -> ProductDetails:
    path = tuple(Step(**step) for step in document["category_path"])
    return ProductDetails(
        title=document["title"],
        description=document["description"],
        language=document["language"],
        translations={language: Text(**text) for language, text in document["translations"].items()},
        category=Place(path) if path else None,
        attributes=document["attributes"],
        media=_media_of(document["media"]),
        reference=document["reference"],
    )


def _variant_of(document: Mapping[str, Any]) -> Variant:
    return Variant(
        id=document["id"],
        sku=document["sku"],
        prices=tuple(Money(**price) for price in document["prices"]),
        options=document["options"],
        attributes=document["attributes"],
        media=_media_of(document["media"]),
        weight_grams=document["weight_grams"],
        available=document["available"],
    )


def _media_documents(media: Iterable[Media]) -> list[Document]:
    return [{"url": each.url, "alt": each.alt} for each in media]


def _media_of(documents: Iterable[Mapping[str, str]]) -> tuple[Media, ...]:
    return tuple(Media(**each) for each in documents)

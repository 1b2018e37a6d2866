from dataclasses import replace

import pytest

from shop_catalog.domain.errors import VersionConflict
from shop_catalog.domain.products import Product, ProductDetails
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.variants import Variant
from shop_events.contracts import Money
from shop_events.contracts.catalog import ProductChanged, ProductDeleted

DETAILS = ProductDetails(title="Holder")
PRICE = Money(amount=255, currency="GBP")
ONLY = Variant(id="var_1", sku="85123A", prices=(PRICE,), available=True)


@pytest.fixture
def product() -> Product:
    return Product.create("prd_1", DETAILS, [ONLY], RequestKey("usr_1", "key", "f"))


def test_each_change_is_told_whole_with_the_next_version(product: Product) -> None:
    product.change(replace(DETAILS, title="White holder"))
    product.set_available("var_1", False)
    product.delete()
    assert [fact.sequence for fact in product.facts] == [1, 2, 3, 4]
    third = product.facts[2].event
    assert isinstance(third, ProductChanged)
    assert (third.title, third.price, third.available) == ("White holder", PRICE, False)
    assert product.facts[-1].event == ProductDeleted(product_id="prd_1")


def test_saying_the_same_again_is_no_change(product: Product) -> None:
    product.change(replace(DETAILS))
    product.set_available("var_1", True)
    assert product.version == 1


def test_an_older_version_may_not_be_changed(product: Product) -> None:
    product.assert_version(1)
    with pytest.raises(VersionConflict):
        product.assert_version(0)

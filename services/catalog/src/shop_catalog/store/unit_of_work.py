"""Catalog's unit of work: its repositories on one transaction, and the facts of what they store."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from pymongo import InsertOne

from shop_catalog.domain.orders import Order
from shop_catalog.domain.products import Product
from shop_catalog.domain.reviews import Review
from shop_catalog.domain.search import Search
from shop_catalog.domain.stock import StockItem
from shop_catalog.store.cards import CARDS, Cards
from shop_catalog.store.categories import CATEGORIES, Categories
from shop_catalog.store.erasures import ERASURES, Erasures
from shop_catalog.store.lists import ProductLists
from shop_catalog.store.orders import ORDERS, Orders
from shop_catalog.store.payments import PAYMENT_EVENTS, PAYMENT_REVERSALS, PaymentEvents, Reversals
from shop_catalog.store.products import PRODUCTS, Products, new_document
from shop_catalog.store.promotions import COUPON_USES, PROMOTIONS, CouponUses, Promotions
from shop_catalog.store.reviews import REVIEW_VOTES, REVIEWS, Purchases, Reviews, Tallies, Votes
from shop_catalog.store.searches import SEARCHES, Searches
from shop_catalog.store.stock import STOCK, STOCK_ADJUSTMENTS, Stock, StockAdjustments, stock_document
from shop_catalog.store.tariffs import TARIFFS, Tariffs
from shop_events.unit_of_work import Transactor, UnitOfWork


class CatalogUnitOfWork(UnitOfWork):
    """What catalog's use cases work with. What is added or saved here is told to others as well."""

    @cached_property
    def products(self) -> Products:
        return Products(self.db[PRODUCTS], self.session)

    @cached_property
    def product_lists(self) -> ProductLists:
        return ProductLists(self.db[PRODUCTS], self.session)

    @cached_property
    def categories(self) -> Categories:
        return Categories(self.db[CATEGORIES], self.session)

    @cached_property
    def stock(self) -> Stock:
        return Stock(self.db[STOCK], self.session)

    @cached_property
    def adjustments(self) -> StockAdjustments:
        return StockAdjustments(self.db[STOCK_ADJUSTMENTS], self.session)

    @cached_property
    def orders(self) -> Orders:
        return Orders(self.db[ORDERS], self.session)

    @cached_property
    def payment_events(self) -> PaymentEvents:
        return PaymentEvents(self.db[PAYMENT_EVENTS], self.session)

    @cached_property
    def reversals(self) -> Reversals:
        return Reversals(self.db[PAYMENT_REVERSALS], self.session)

    @cached_property
    def cards(self) -> Cards:
        return Cards(self.db[CARDS], self.session)

    @cached_property
    def erasures(self) -> Erasures:
        return Erasures(self.db[ERASURES], self.session)

    @cached_property
    def promotions(self) -> Promotions:
        return Promotions(self.db[PROMOTIONS], self.session)

    @cached_property
    def coupon_uses(self) -> CouponUses:
        return CouponUses(self.db[COUPON_USES], self.session)

    @cached_property
    def tariffs(self) -> Tariffs:
        return Tariffs(self.db[TARIFFS], self.session)

    @cached_property
    def reviews(self) -> Reviews:
        return Reviews(self.db[REVIEWS], self.session)

    @cached_property
    def votes(self) -> Votes:
        return Votes(self.db[REVIEW_VOTES], self.session)

    @cached_property
    def tallies(self) -> Tallies:
        return Tallies(self.db[PRODUCTS], self.session)

    @cached_property
    def purchases(self) -> Purchases:
        return Purchases(self.db[ORDERS], self.session)

    @cached_property
    def searches(self) -> Searches:
        return Searches(self.db[SEARCHES], self.session)

    async def add_product(self, product: Product) -> None:
        await self.products.add(product)
        self.publish(product.facts)

    def add_later(self, products: Sequence[Product], stock: Sequence[StockItem]) -> None:
        """Store new products and stock, as they are now, in one go with others; see :meth:`write`.

        What changes of a product from here on can be saved once that is done.
        """
        for product in products:
            self.write(PRODUCTS, InsertOne(new_document(product)))
            self.publish(product.facts)
            product.settle()
        for item in stock:
            self.write(STOCK, InsertOne(stock_document(item)))

    async def save_products(self, products: Sequence[Product]) -> None:
        """Store those that have changed."""
        changed = [product for product in products if product.is_changed]
        await self.products.save(changed)
        for product in changed:
            self.publish(product.facts)

    async def save_stock(self, items: Sequence[StockItem]) -> None:
        await self.stock.save(items)
        for item in items:
            self.publish(item.facts)

    async def save_order(self, order: Order) -> None:
        await self.orders.save(order)
        self.publish(order.facts)

    async def add_searches(self, searches: Sequence[Search]) -> None:
        await self.searches.add(searches)
        for search in searches:
            self.publish(search.facts)

    async def save_search(self, search: Search) -> None:
        """Store what was chosen, if anything was."""
        if search.facts:
            await self.searches.save(search)
            self.publish(search.facts)

    async def add_review(self, review: Review) -> None:
        await self.reviews.add(review)
        self.publish(review.facts)

    async def save_review(self, review: Review) -> None:
        """Store a review if it has changed, and count it as it is now."""
        if review.facts:
            await self.reviews.save(review)
            await self.tallies.move(review.product_id, review.counted_before, review.counted)
            self.publish(review.facts)

    async def remove_review(self, review: Review) -> None:
        await self.reviews.remove(review.id)
        await self.tallies.move(review.product_id, review.counted_before, None)
        self.publish(review.facts)


Transact = Transactor[CatalogUnitOfWork]

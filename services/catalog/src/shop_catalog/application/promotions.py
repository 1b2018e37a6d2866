"""Promotions: made, changed and ended by merchants; coupons counted by the orders that use them."""

from __future__ import annotations

from shop_catalog.domain.access import Caller, demand_merchant
from shop_catalog.domain.errors import CodeTaken, CouponRefused, PromotionNotFound
from shop_catalog.domain.promotions import Promotion, PromotionTerms
from shop_catalog.domain.requests import RequestKey
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.ids import new_id


async def create(
    uow: CatalogUnitOfWork, terms: PromotionTerms, caller: Caller, request: RequestKey
) -> Promotion:
    """Begin a promotion; the same request gives the same one.

    Raises:
        AccessDenied: the caller is no merchant.
        InvalidPromotion: it could never be used.
        CodeTaken: another promotion has its code.
        KeyReused: the request's key came with another request.
    """
    demand_merchant(caller)
    if earlier := await uow.promotions.for_request(request):
        return earlier
    terms.assert_makes_sense()
    await _assert_free(uow, terms.code)
    promotion = Promotion(id=new_id("pro"), terms=terms, request=request)
    await uow.promotions.add(promotion)
    return promotion


async def change(
    uow: CatalogUnitOfWork, promotion_id: str, terms: PromotionTerms, version: int, caller: Caller
) -> Promotion:
    """Put a promotion under other terms; orders that were placed keep theirs.

    Raises:
        AccessDenied: the caller is no merchant.
        PromotionNotFound: there is none.
        VersionConflict: ``version`` is not the present one.
        InvalidPromotion: it could never be used.
        CodeTaken: another promotion has its code.
    """
    promotion = await show(uow, promotion_id, caller)
    changed = promotion.change(terms, version)
    if changed.terms.code != promotion.terms.code:
        await _assert_free(uow, changed.terms.code)
    if changed != promotion:
        await uow.promotions.save(changed, version)
    return changed


async def delete(uow: CatalogUnitOfWork, promotion_id: str, caller: Caller) -> None:
    """End a promotion for good.

    Raises:
        AccessDenied: the caller is no merchant.
        PromotionNotFound: there is none.
    """
    await show(uow, promotion_id, caller)
    await uow.promotions.remove(promotion_id)


async def show(uow: CatalogUnitOfWork, promotion_id: str, caller: Caller) -> Promotion:
    """Return a promotion.

    Raises:
        AccessDenied: the caller is no merchant.
        PromotionNotFound: there is none.
    """
    demand_merchant(caller)
    promotion = await uow.promotions.get(promotion_id)
    if promotion is None:
        raise PromotionNotFound
    return promotion


async def page(uow: CatalogUnitOfWork, caller: Caller, limit: int, after: str | None) -> list[Promotion]:
    """Return up to ``limit`` promotions, oldest first, from behind the id ``after``.

    Raises:
        AccessDenied: the caller is no merchant.
    """
    demand_merchant(caller)
    return await uow.promotions.page(limit, after)


async def assert_usable(uow: CatalogUnitOfWork, coupon: Promotion, customer_id: str) -> None:
    """Make sure that one more order of the customer may use the coupon.

    Raises:
        CouponRefused: it was used as often as it may be.
    """
    terms = coupon.terms
    if terms.most_uses is None and terms.most_per_customer is None:
        return
    in_all, by_customer = await uow.coupon_uses.count(coupon.id, customer_id)
    if terms.most_uses is not None and in_all >= terms.most_uses:
        raise CouponRefused("used_up")
    if terms.most_per_customer is not None and by_customer >= terms.most_per_customer:
        raise CouponRefused("used_by_you")


async def redeem(uow: CatalogUnitOfWork, coupon: Promotion, customer_id: str) -> str | None:
    """Count one use of a coupon; return its id for :func:`give_back`, None when it is not counted.

    Raises:
        CouponRefused: it was used as often as it may be.
    """
    terms = coupon.terms
    if terms.most_uses is None and terms.most_per_customer is None:
        return None
    await assert_usable(uow, coupon, customer_id)
    await uow.coupon_uses.add(coupon.id, customer_id, 1)
    return coupon.id


async def give_back(uow: CatalogUnitOfWork, coupon_id: str | None, customer_id: str) -> None:
    """Let the customer, or somebody else, use a coupon once more: its order came to nothing."""
    if coupon_id is not None:
        await uow.coupon_uses.add(coupon_id, customer_id, -1)


async def _assert_free(uow: CatalogUnitOfWork, code: str | None) -> None:
    if code is not None and await uow.promotions.by_code(code):
        raise CodeTaken("Another promotion has this code.")

"""Reviews: written by buyers, looked at by moderators, found helpful by others, counted on the product."""

from __future__ import annotations

from dataclasses import replace

from shop_catalog.application import products
from shop_catalog.application.clock import now
from shop_catalog.domain.access import OPERATORS, Caller
from shop_catalog.domain.errors import AccessDenied, AlreadyReviewed, NotBought, ReviewNotFound
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.reviews import UNREVIEWED, Opinion, Review, ReviewStatus, Tally
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.ids import new_id


async def write(
    uow: CatalogUnitOfWork, product_id: str, opinion: Opinion, caller: Caller, request: RequestKey
) -> Review:
    """Take in a review, which a moderator is to look at; the same request gives the same review.

    Raises:
        ProductNotFound: there is none that the caller may know of.
        NotBought: the caller has no paid order of the product.
        AlreadyReviewed: the caller has reviewed it before.
        KeyReused: the request's key came with another request.
    """
    if earlier := await uow.reviews.for_request(request):
        return earlier
    await products.show(uow, product_id, None)
    if await uow.reviews.of_customer(product_id, caller.user_id):
        raise AlreadyReviewed("Change the review that there is.")
    order_id = await uow.purchases.order_with(product_id, caller.user_id)
    if order_id is None:
        raise NotBought("Only who has bought a product may review it.")
    review = Review(
        id=new_id("rev"),
        product_id=product_id,
        customer_id=caller.user_id,
        order_id=order_id,
        request=request,
        opinion=opinion,
        written_at=now(),
    )
    review.submit(review.written_at)
    await uow.add_review(review)
    return review


async def edit(
    uow: CatalogUnitOfWork, review_id: str, opinion: Opinion, version: int, caller: Caller
) -> Review:
    """Replace what a review says; it counts again once a moderator has looked at it.

    Raises:
        ReviewNotFound: there is none, or it is somebody else's.
        VersionConflict: ``version`` is not the present one.
    """
    review = await _own(uow, review_id, version, caller)
    review.edit(opinion, now())
    await uow.save_review(review)
    return review


async def withdraw(uow: CatalogUnitOfWork, review_id: str, version: int, caller: Caller) -> None:
    """Remove the caller's review with all votes for it.

    Raises:
        ReviewNotFound: there is none, or it is somebody else's.
        VersionConflict: ``version`` is not the present one.
    """
    await _remove(uow, await _own(uow, review_id, version, caller))


async def decide(
    uow: CatalogUnitOfWork, review_id: str, reason: str | None, version: int, caller: Caller
) -> Review:
    """Publish a review, or reject it for a ``reason``, as it was when the moderator read it.

    Raises:
        AccessDenied: the caller is no moderator, or wrote it.
        ReviewNotFound: there is none.
        VersionConflict: ``version`` is not the present one.
    """
    _demand_moderator(caller)
    review = await show(uow, review_id, caller)
    if review.customer_id == caller.user_id:
        raise AccessDenied("Somebody else has to decide about your own review.")
    review.assert_version(version)
    if reason is None:
        review.publish(now())
    else:
        review.reject(reason, now())
    await uow.save_review(review)
    return review


async def show(uow: CatalogUnitOfWork, review_id: str, caller: Caller | None) -> Review:
    """Return a review; one that is not published only to its author and to moderators.

    Raises:
        ReviewNotFound: there is none that the caller may know of.
    """
    review = await uow.reviews.get(review_id)
    if review is None or not (review.counted or _may_see(caller, review)):
        raise ReviewNotFound
    return review


async def own(uow: CatalogUnitOfWork, product_id: str, caller: Caller) -> Review:
    """Return the caller's review of a product.

    Raises:
        ReviewNotFound: there is none.
    """
    review = await uow.reviews.of_customer(product_id, caller.user_id)
    if review is None:
        raise ReviewNotFound
    return review


async def newest(uow: CatalogUnitOfWork, product_id: str, limit: int, before: str | None) -> list[Review]:
    """Return up to ``limit`` published reviews, newest first; ProductNotFound for an unknown product."""
    await products.show(uow, product_id, None)
    return await uow.reviews.newest(product_id, limit, before)


async def most_helpful(
    uow: CatalogUnitOfWork, product_id: str, limit: int, after: tuple[int, str] | None
) -> list[Review]:
    """Return up to ``limit`` published reviews by votes; ProductNotFound for an unknown product."""
    await products.show(uow, product_id, None)
    return await uow.reviews.most_helpful(product_id, limit, after)


async def queue(
    uow: CatalogUnitOfWork, status: ReviewStatus, limit: int, after: str | None, caller: Caller
) -> list[Review]:
    """Return up to ``limit`` reviews of all products in a state, oldest first; AccessDenied for others."""
    _demand_moderator(caller)
    return await uow.reviews.queue(status, limit, after)


async def find_helpful(uow: CatalogUnitOfWork, review_id: str, caller: Caller) -> Review:
    """Vote for a published review; again changes nothing.

    Raises:
        ReviewNotFound: there is none that the caller may know of.
        AccessDenied: it is the caller's own.
    """
    review = await show(uow, review_id, None)
    if review.customer_id == caller.user_id:
        raise AccessDenied("Nobody votes for a review of their own.")
    if not await uow.votes.add(review_id, caller.user_id):
        return review
    await uow.reviews.count_vote(review_id, 1)
    return replace(review, helpful=review.helpful + 1)


async def take_vote_back(uow: CatalogUnitOfWork, review_id: str, caller: Caller) -> None:
    """Vote for a review no longer; again changes nothing."""
    if await uow.votes.remove(review_id, caller.user_id):
        await uow.reviews.count_vote(review_id, -1)


async def erase(uow: CatalogUnitOfWork, user_id: str, limit: int) -> bool:
    """Remove up to ``limit`` reviews and votes of a user; return whether there may be more of them."""
    written = await uow.reviews.all_of(user_id, limit)
    for review in written:
        await _remove(uow, review)
    voted = await uow.votes.all_of(user_id, limit)
    for review_id in voted:
        await uow.votes.remove(review_id, user_id)
        await uow.reviews.count_vote(review_id, -1)
    return limit in (len(written), len(voted))


async def recount(uow: CatalogUnitOfWork, after: str, limit: int) -> str | None:
    """Make the tallies of up to ``limit`` products behind ``after`` what the reviews say.

    Returns the last product's id, None when there was none.
    """
    known = await uow.tallies.known_after(after, limit)
    counted = await uow.reviews.tallies(known)
    wrong: dict[str, Tally] = {}
    for product_id, tally in known.items():
        right = replace(counted.get(product_id, UNREVIEWED), revision=tally.revision)
        if right != tally:
            wrong[product_id] = replace(right, revision=tally.revision + 1)
    await uow.tallies.put(wrong)
    return max(known, default=None)


async def _own(uow: CatalogUnitOfWork, review_id: str, version: int, caller: Caller) -> Review:
    review = await uow.reviews.get(review_id)
    if review is None or review.customer_id != caller.user_id:
        raise ReviewNotFound
    review.assert_version(version)
    return review


async def _remove(uow: CatalogUnitOfWork, review: Review) -> None:
    review.withdraw(now())
    await uow.votes.forget(review.id)
    await uow.remove_review(review)


def _may_see(caller: Caller | None, review: Review) -> bool:
    return caller is not None and (caller.user_id == review.customer_id or _moderates(caller))


def _moderates(caller: Caller) -> bool:
    return not OPERATORS.isdisjoint(caller.roles)


def _demand_moderator(caller: Caller) -> None:
    if not _moderates(caller):
        raise AccessDenied("Only support and administrators moderate reviews.")

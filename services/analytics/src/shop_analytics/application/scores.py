"""Scores: telling how much products are wanted, for those where that changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from shop_analytics.domain.popularity import Heat, Score
from shop_analytics.store.scores import SCORES, ScoredProduct
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork
from shop_events.contracts import Fact
from shop_events.contracts.analytics import ScoreChanged, ScoreDropped

BATCH = 300
LOOK_BACK = timedelta(minutes=2)
"""Longer than a batch may take from its clock to its commit."""
_EVER = datetime.min.replace(tzinfo=UTC)


async def untold_since(uow: AnalyticsUnitOfWork) -> datetime:
    """Return since when something may have been added that was not told, however long nobody told."""
    told_until = await uow.progress.looked_until(SCORES)
    return told_until - LOOK_BACK if told_until else _EVER


async def told_until(uow: AnalyticsUnitOfWork, moment: datetime) -> None:
    """Note that what was added by then is told."""
    await uow.progress.note(SCORES, moment)


async def touched(uow: AnalyticsUnitOfWork, since: datetime, after: str) -> list[str]:
    """Return products that something was added to since, by id, from behind ``after``."""
    return await uow.tallies.touched_since(since, after, BATCH)


async def stale(uow: AnalyticsUnitOfWork, heat: Heat) -> list[str]:
    """Return products whose score was told so long ago that its trend may be another by now."""
    return await uow.scores.told_before(uow.now - heat.half_life / 8, BATCH)


async def tell(uow: AnalyticsUnitOfWork, product_ids: Sequence[str], heat: Heat) -> int:
    """Publish the scores of products as of now where they differ from what was told; return how many did.

    Products that catalog has not told of, or that are gone, have no score; one that was told while its
    product was being deleted is dropped.
    """
    listed = await uow.products.get_many(product_ids)
    shards = await uow.tallies.of(listed)
    known = await uow.scores.load(product_ids)
    for product_id in known.keys() - listed.keys():
        await drop(uow, product_id)
    changed = []
    for product_id in listed:
        score = heat.score(shards[product_id], uow.now)
        told = known.get(product_id)
        if told is None or score.differs(_aged(told, uow.now, heat)):
            changed.append(ScoredProduct(product_id, score, uow.now, told.version + 1 if told else 1))
    await uow.scores.save(changed, heat)
    await uow.scores.checked(set(product_ids) - {each.product_id for each in changed}, uow.now)
    uow.publish(_fact(scored, heat) for scored in changed)
    return len(changed)


async def drop(uow: AnalyticsUnitOfWork, product_id: str) -> None:
    """Let a product have no score any more."""
    version = await uow.scores.drop(product_id)
    if version:
        uow.publish([Fact(ScoreDropped(product_id=product_id), version)])


async def republish(uow: AnalyticsUnitOfWork, after: str, heat: Heat) -> list[ScoredProduct]:
    """Tell again some scores behind the id ``after``; return them."""
    scored = await uow.scores.all_after(after, BATCH)
    if scored:
        await uow.scores.checked((each.product_id for each in scored), uow.now)
    uow.publish(_fact(each, heat) for each in scored if each.score.popularity > 0)
    return scored


def _aged(told: ScoredProduct, now: datetime, heat: Heat) -> Score:
    """Return what a reader makes of an old score: it fades for all products alike, which is no news."""
    faded = told.score.popularity * 0.5 ** ((now - told.at) / heat.half_life)
    return Score(faded, told.score.trend)


def _fact(scored: ScoredProduct, heat: Heat) -> Fact:
    event = ScoreChanged(
        product_id=scored.product_id,
        popularity=scored.score.popularity,
        trend=scored.score.trend,
        rank=heat.rank(scored.score.popularity, scored.at),
        at=scored.at,
    )
    return Fact(event, scored.version)

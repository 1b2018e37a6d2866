"""Promotions over HTTP, for merchants."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.requests import Amount, Asked, Id
from shop_catalog.application import promotions
from shop_catalog.domain.errors import (
    AccessDenied,
    CodeTaken,
    InvalidPromotion,
    KeyReused,
    PromotionNotFound,
    VersionConflict,
)
from shop_catalog.domain.products import MAX_AMOUNT
from shop_catalog.domain.promotions import (
    WHOLE,
    AmountOff,
    Benefit,
    BuyXGetY,
    Percentage,
    Promotion,
    PromotionTerms,
)
from shop_chassis.auth import Authenticated
from shop_chassis.http import (
    ONE_LINE,
    BadCursor,
    BadEntityTag,
    BadIdempotencyKey,
    Body,
    FromText,
    IfMatch,
    Listing,
    Page,
    Read,
    Transact,
    encode_cursor,
    etag,
)
from shop_chassis.openapi import responses
from shop_chassis.problems import PreconditionRequired
from shop_events.contracts import Money

router = APIRouter(tags=["promotions"])

MOST_PRODUCTS = 1_000


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("This time is out of range.") from None


Moment = Annotated[Annotated[AwareDatetime, AfterValidator(_in_utc)] | None, FromText]
Limit = Annotated[int | None, Field(ge=1, le=MAX_AMOUNT)]


class PercentageOff(Body):
    """So many basis points (hundredths of a percent) off."""

    kind: Literal["percentage"]
    basis_points: Annotated[int, Field(ge=1, le=WHOLE)]

    def benefit(self) -> Benefit:
        """Return it as the domain has it."""
        return Percentage(self.basis_points)


class FixedAmountOff(Body):
    """An amount off, once an order; in other currencies it does not apply."""

    kind: Literal["amount"]
    amount: Amount

    def benefit(self) -> Benefit:
        """Return it as the domain has it."""
        return AmountOff(self.amount.money())


class FreePieces(Body):
    """Of each ``buy + free`` pieces, the cheapest ``free`` cost nothing."""

    kind: Literal["buy_x_get_y"]
    buy: Annotated[int, Field(ge=1, le=1_000)]
    free: Annotated[int, Field(ge=1, le=1_000)]

    def benefit(self) -> Benefit:
        """Return it as the domain has it."""
        return BuyXGetY(self.buy, self.free)


AnyBenefit = Annotated[PercentageOff | FixedAmountOff | FreePieces, Field(discriminator="kind")]


class Terms(Body):
    """What a promotion takes off, of what, when, and how often. With a ``code`` it is a coupon."""

    name: Annotated[
        str, Field(min_length=1, max_length=100, pattern=ONE_LINE, description="What the receipt says")
    ]
    benefit: AnyBenefit
    product_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=100)]],
        Field(max_length=MOST_PRODUCTS, description="What it is about; none means everything"),
    ] = []
    code: Annotated[str | None, Field(pattern=r"^[A-Z0-9_-]{3,40}$")] = None
    starts_at: Moment = None
    ends_at: Moment = None
    minimum: Amount | None = None
    priority: Annotated[int, Field(ge=0, le=1_000, description="The lower is applied first")] = 100
    exclusive: Annotated[bool, Field(description="Whether it stands alone")] = False
    most_uses: Limit = None
    most_per_customer: Limit = None
    active: bool = True

    def terms(self) -> PromotionTerms:
        """Return them as the domain has them."""
        said = {name: getattr(self, name) for name in PromotionTerms.__dataclass_fields__}
        said["benefit"] = self.benefit.benefit()
        said["product_ids"] = frozenset(self.product_ids)
        said["minimum"] = self.minimum and self.minimum.money()
        return PromotionTerms(**said)


class BenefitView(BaseModel):
    """What is taken off; which fields there are is said by ``kind``."""

    kind: Literal["percentage", "amount", "buy_x_get_y"]
    basis_points: int | None = None
    amount: Money | None = None
    buy: int | None = None
    free: int | None = None

    @classmethod
    def of(cls, benefit: Benefit) -> Self:
        """Return how a benefit is shown."""
        match benefit:
            case Percentage(basis_points):
                return cls(kind="percentage", basis_points=basis_points)
            case AmountOff(amount):
                return cls(kind="amount", amount=amount)
            case BuyXGetY(buy, free):
                return cls(kind="buy_x_get_y", buy=buy, free=free)


class PromotionView(BaseModel):
    """A promotion as merchants see it."""

    id: str
    name: str
    benefit: BenefitView
    product_ids: list[str]
    code: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    minimum: Money | None
    priority: int
    exclusive: bool
    most_uses: int | None
    most_per_customer: int | None
    active: bool

    @classmethod
    def of(cls, promotion: Promotion) -> Self:
        """Return how a promotion is shown."""
        said = {name: getattr(promotion.terms, name) for name in PromotionTerms.__dataclass_fields__}
        said["benefit"] = BenefitView.of(promotion.terms.benefit)
        said["product_ids"] = sorted(promotion.terms.product_ids)
        return cls(id=promotion.id, **said)


@router.post(
    "/v1/promotions",
    status_code=201,
    responses=responses(AccessDenied, BadIdempotencyKey, CodeTaken, InvalidPromotion, KeyReused, of=ERRORS),
)
async def create_promotion(
    body: Terms, caller: Authenticated, asked: Asked, transact: Transact, response: Response
) -> PromotionView:
    """Begin a promotion."""
    promotion = await transact(promotions.create, body.terms(), caller, asked(body))
    response.headers["ETag"] = etag(promotion.version)
    response.headers["Location"] = f"/v1/promotions/{promotion.id}"
    return PromotionView.of(promotion)


@router.get("/v1/promotions", responses=responses(AccessDenied, BadCursor, of=ERRORS))
async def list_promotions(caller: Authenticated, page: Page, read: Read) -> Listing[PromotionView]:
    """List promotions, oldest first."""
    (after,) = page.after(str) or (None,)
    found = await read(promotions.page, caller, page.limit + 1, after)
    shown = found[: page.limit]
    return Listing(
        items=[PromotionView.of(each) for each in shown],
        next_cursor=encode_cursor(shown[-1].id) if len(found) > page.limit else None,
    )


@router.get("/v1/promotions/{id}", responses=responses(AccessDenied, PromotionNotFound, of=ERRORS))
async def show_promotion(id: Id, caller: Authenticated, read: Read, response: Response) -> PromotionView:
    """Show a promotion; its ETag is what a change must name."""
    promotion = await read(promotions.show, id, caller)
    response.headers["ETag"] = etag(promotion.version)
    return PromotionView.of(promotion)


@router.put(
    "/v1/promotions/{id}",
    responses=responses(
        AccessDenied,
        BadEntityTag,
        PromotionNotFound,
        CodeTaken,
        InvalidPromotion,
        VersionConflict,
        PreconditionRequired,
        of=ERRORS,
    ),
)
async def change_promotion(
    id: Id, body: Terms, caller: Authenticated, version: IfMatch, transact: Transact, *, response: Response
) -> PromotionView:
    """Put a promotion under other terms; orders that were placed keep theirs."""
    promotion = await transact(promotions.change, id, body.terms(), version, caller)
    response.headers["ETag"] = etag(promotion.version)
    return PromotionView.of(promotion)


@router.delete(
    "/v1/promotions/{id}", status_code=204, responses=responses(AccessDenied, PromotionNotFound, of=ERRORS)
)
async def delete_promotion(id: Id, caller: Authenticated, transact: Transact) -> None:
    """End a promotion for good."""
    await transact(promotions.delete, id, caller)

"""The session over HTTP: begun, shown, linked to a user, ended; consent; the user's own orders."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from fastapi import APIRouter, Response
from pydantic import BaseModel

from shop_chassis.auth import Authenticated
from shop_chassis.http import BadCursor, Body, Listing, Page, encode_cursor
from shop_chassis.openapi import responses
from shop_events.contracts import Money
from shop_events.contracts.catalog import OrderLine
from shop_session.api.errors import ERRORS
from shop_session.api.visit import Visitor
from shop_session.application import linking, overview, sessions
from shop_session.application.overview import Overview
from shop_session.domain.errors import LoginRevoked, NotLinked, SessionEnded
from shop_session.domain.sessions import Consent
from shop_session.store.orders import Order, OrderState
from shop_session.store.products import ProductState

router = APIRouter(tags=["session"])


class Agree(Body):
    """What the visitor agrees to: to be counted, to be addressed."""

    analytics: bool
    marketing: bool


class ConsentView(BaseModel):
    """What the visitor agreed to; ``decided_at`` is null as long as they said nothing."""

    analytics: bool
    marketing: bool
    decided_at: datetime | None

    @classmethod
    def of(cls, consent: Consent) -> Self:
        """Return how consent is shown."""
        return cls(analytics=consent.analytics, marketing=consent.marketing, decided_at=consent.decided_at)


class CartSummary(BaseModel):
    """How much is in the cart."""

    lines: int = 0
    pieces: int = 0
    version: int = 0


class ContactView(BaseModel):
    """A way to reach the user, masked: ``j…@e…``, ``+44…78``."""

    channel: str
    address: str
    verified: bool


class ViewedView(BaseModel):
    """A product that was looked at; title and price are null where nothing is known (any more)."""

    product_id: str
    state: ProductState
    title: str | None
    price: Money | None
    image_url: str | None
    viewed_at: datetime


class SessionView(BaseModel):
    """A session at a glance. ``visitor_id`` is null as long as there is no session."""

    visitor_id: str | None = None
    user_id: str | None = None
    linked: bool = False
    expires_at: datetime | None = None
    cart: CartSummary = CartSummary()
    contacts: list[ContactView] = []
    recently_viewed: list[ViewedView] = []
    consent: ConsentView = ConsentView.of(Consent())

    @classmethod
    def of(cls, found: Overview | None) -> Self:
        """Return how a session is shown."""
        if found is None:
            return cls()
        session, cart = found.session, found.cart
        return cls(
            visitor_id=session.visitor_id,
            user_id=session.user_id,
            linked=session.user_id is not None,
            expires_at=session.expires_at,
            cart=CartSummary(lines=len(cart.quantities), pieces=cart.pieces, version=cart.version),
            contacts=[
                ContactView(channel=each.channel, address=each.address, verified=each.verified)
                for each in found.contacts
            ],
            recently_viewed=_viewed(found),
            consent=ConsentView.of(session.consent),
        )


class OrderView(BaseModel):
    """An order as its customer sees it again. ``changed_at`` is when it came into its state."""

    id: str
    status: OrderState
    lines: list[OrderLine]
    total: Money
    placed_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, order: Order) -> Self:
        """Return how an order is shown."""
        return cls(
            id=order.id,
            status=order.status,
            lines=list(order.lines),
            total=order.total,
            placed_at=order.placed_at,
            changed_at=order.changed_at,
        )


@router.get("/v1/session")
async def show_session(visit: Visitor) -> SessionView:
    """Show the session at a glance; it makes none."""
    return SessionView.of(await visit.read(overview.show))


@router.post("/v1/session", responses={201: {"model": SessionView, "description": "A new session began"}})
async def begin_session(visit: Visitor, response: Response) -> SessionView:
    """Make sure that there is a live session: 201 and a new session string where there was none."""
    if issued := await visit.change(sessions.ensure):
        visit.hand_out(issued)
        response.status_code = 201
    return SessionView.of(await visit.read(overview.show))


@router.post("/v1/session/link", responses=responses(LoginRevoked, of=ERRORS))
async def link_session(visit: Visitor, caller: Authenticated) -> SessionView:
    """Link the session to the caller; it gets a new session string, and what the guest had is kept."""
    if issued := await visit.change(linking.link, caller):
        visit.hand_out(issued)
    return SessionView.of(await visit.read(overview.show))


@router.delete("/v1/session", status_code=204)
async def end_session(visit: Visitor) -> None:
    """End the session; again is harmless."""
    await visit.change(sessions.log_out)
    visit.take_back()


@router.put("/v1/session/consent", responses=responses(SessionEnded, of=ERRORS))
async def set_consent(body: Agree, visit: Visitor) -> ConsentView:
    """Say what the visitor agrees to from now on."""
    consent = await visit.write(sessions.agree, analytics=body.analytics, marketing=body.marketing)
    return ConsentView.of(consent)


@router.get("/v1/session/orders", responses=responses(SessionEnded, NotLinked, BadCursor, of=ERRORS))
async def list_orders(visit: Visitor, page: Page) -> Listing[OrderView]:
    """List the orders of the user that the session is linked to, newest first."""
    (before,) = page.after(str) or (None,)
    found = await visit.read(overview.orders, page.limit + 1, before)
    shown = found[: page.limit]
    return Listing(
        items=[OrderView.of(order) for order in shown],
        next_cursor=encode_cursor(shown[-1].id) if len(found) > page.limit else None,
    )


def _viewed(found: Overview) -> list[ViewedView]:
    views = []
    for view in found.viewed:
        product = found.products[view.product_id]
        views.append(
            ViewedView(
                product_id=product.id,
                state=product.state,
                title=product.title,
                price=product.price,
                image_url=product.image_url,
                viewed_at=view.at,
            )
        )
    return views

"""Sessions: begun on first need, linked, rotated, expired, revoked, ended; consent; what is shown again."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from shop_events.contracts import Event
from shop_events.contracts.catalog import (
    MovedLine,
    OrderCancelled,
    OrderDelivered,
    OrderPlaced,
    OrderRefunded,
    OrderReturned,
    OrderShipped,
)
from shop_events.contracts.identity import (
    ContactChanged,
    ContactPoint,
    RevocationExpired,
    TokensRevoked,
    UserDeleted,
)
from shop_events.contracts.session import SessionEnded, SessionLinked, SessionStarted
from shop_session.application import sessions
from shop_session.domain import errors
from shop_session.domain.sessions import MOST_OF_A_USER, Consent, Session
from shop_session.store.unit_of_work import SessionUnitOfWork
from tests.session.conftest import Device, World, paid, product

pytestmark = pytest.mark.integration

COOKIE = "__Host-session"


async def visits(world: World) -> list[Event]:
    return [each.event for each in await world.facts() if each.event.topic == "session.sessions.v1"]


async def test_looking_makes_no_session(world: World, device: Device) -> None:
    shown = await device.get()
    assert shown["visitor_id"] is None
    assert (await device.get("/cart"))["lines"] == []
    assert device.string == ""
    assert await world.db.sessions.count_documents({}) == 0


async def test_the_first_write_begins_a_session_and_tells_of_it(world: World, device: Device) -> None:
    await device.add("prd_1")
    assert len(device.string) == 43
    visitor_id = (await device.get())["visitor_id"]
    assert visitor_id.startswith("vst_")
    (started,) = await visits(world)
    assert started == SessionStarted(visitor_id=visitor_id, at=started.at)  # type: ignore[attr-defined]


async def test_a_session_can_be_begun_by_itself_and_is_begun_once(device: Device) -> None:
    first = await device.ask("POST", "")
    again = await device.ask("POST", "")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["visitor_id"] == again.json()["visitor_id"]


async def test_only_the_digest_of_the_string_is_stored(world: World, device: Device) -> None:
    await device.add("prd_1")
    await device.link()
    stored = await world.db.sessions.find_one()
    assert stored is not None
    assert stored["digest"] == hashlib.sha256(device.string.encode()).hexdigest()
    for name in await world.db.list_collection_names():
        async for document in world.db[name].find():
            assert device.string not in repr(document)


async def test_a_browser_gets_a_cookie_that_scripts_cannot_read(world: World) -> None:
    browser = {"Sec-Fetch-Site": "same-origin"}
    answer = await world.http.post("/v1/session", headers=browser)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for attribute in ("Path=/", "Secure", "HttpOnly", "SameSite=lax"):
        assert attribute in cookie
    assert "Domain" not in cookie
    assert "Session-Id" not in answer.headers
    shown = await world.http.get("/v1/session", headers=browser)
    assert shown.json()["visitor_id"] == answer.json()["visitor_id"]
    ended = await world.http.delete("/v1/session", headers=browser)
    assert "Max-Age=0" in ended.headers["set-cookie"]


async def test_answers_are_not_kept_by_caches(world: World) -> None:
    answer = await world.http.get("/v1/session")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("string", ["x", "A" * 43, "é", "A" * 200])
async def test_a_string_that_nobody_was_given_is_refused(world: World, string: str) -> None:
    headers = [(b"Session-Id", string.encode())]
    answer = await world.http.get("/v1/session/cart", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:shopstream:problem:session-ended"
    put = await world.http.put("/v1/session/cart/lines/prd_1", json={"quantity": 1}, headers=headers)
    assert put.status_code == 401
    assert (await world.http.get("/v1/session", headers=headers)).json()["visitor_id"] is None


async def test_linking_gives_another_string_and_the_old_one_is_dead_at_once(
    world: World, device: Device
) -> None:
    await device.add("prd_1")
    before, visitor_id = device.string, (await device.get())["visitor_id"]
    answer = await device.link()
    assert answer.json()["user_id"] == "usr_ada"
    assert answer.json()["visitor_id"] == visitor_id
    assert device.string != before
    old = await world.http.get("/v1/session/cart", headers={"Session-Id": before})
    assert old.status_code == 401
    assert [type(event) for event in await visits(world)] == [SessionStarted, SessionLinked]
    told = [
        each.envelope.sequence for each in await world.facts() if each.event.topic.endswith("sessions.v1")
    ]
    assert told == [1, 2]


async def test_linking_needs_a_token(device: Device) -> None:
    assert (await device.ask("POST", "/link")).status_code == 401


async def test_linking_again_changes_nothing(world: World, device: Device) -> None:
    await device.add("prd_1", 3)
    await device.link()
    string = device.string
    assert (await device.link("usr_ada:fam_2")).status_code == 200
    assert device.string == string
    assert await device.quantities() == {"prd_1": 3}
    assert len(await visits(world)) == 2


async def test_of_two_links_at_once_one_takes_the_guest_over(world: World, device: Device) -> None:
    await device.add("prd_1", 3)
    tabs = [world.device(), world.device()]
    for tab in tabs:
        tab.string = device.string
    answers = await asyncio.gather(*(tab.link() for tab in tabs))
    assert [answer.status_code for answer in answers] == [200, 200]
    for tab in tabs:
        assert await tab.quantities() == {"prd_1": 3}
    assert len({answer.json()["visitor_id"] for answer in answers}) == 2


async def test_a_link_repeated_with_the_old_string_merges_nothing_twice(world: World, device: Device) -> None:
    await device.add("prd_1", 3)
    again = world.device()
    again.string = device.string
    await device.link()
    assert (await again.link()).status_code == 200
    assert await again.quantities() == {"prd_1": 3}
    assert await device.quantities() == {"prd_1": 3}


async def test_another_user_on_the_same_device_gets_nothing_of_the_first(
    world: World, device: Device
) -> None:
    await device.link("usr_ada")
    await device.add("prd_1")
    ada = world.device()
    ada.string = device.string
    answer = await device.link("usr_bob")
    assert answer.json()["user_id"] == "usr_bob"
    assert await device.quantities() == {}
    assert (await ada.ask("GET", "/cart")).status_code == 401
    assert isinstance((await visits(world))[2], SessionEnded)


async def test_a_session_ends_when_it_is_not_used(world: World, device: Device) -> None:
    await device.add("prd_1")
    for _ in range(3):
        world.clock.advance(days=13)
        assert await device.quantities() == {"prd_1": 1}
    world.clock.advance(days=14)
    assert (await device.ask("GET", "/cart")).status_code == 401
    assert (await device.add("prd_1")).status_code == 401


async def test_linking_again_counts_as_a_use(world: World, device: Device) -> None:
    await device.link()
    for _ in range(3):
        world.clock.advance(days=13)
        assert (await device.link()).json()["linked"]
    assert (await device.ask("GET", "/cart")).status_code == 200


async def test_a_session_ends_however_busy_it_is(world: World, device: Device) -> None:
    await device.add("prd_1")
    for _ in range(8):
        world.clock.advance(days=10)
        await device.get("/cart")
    world.clock.advance(days=10)
    assert (await device.ask("GET", "/cart")).status_code == 401


async def test_the_job_ends_what_has_expired_and_forgets_what_guests_had(
    world: World, device: Device
) -> None:
    await device.add("prd_1")
    await device.put("/states/game", {"level": 1}, If_None_Match="*")
    await world.transact(sessions.expire)
    assert await world.db.carts.count_documents({}) == 1
    world.clock.advance(days=15)
    await world.transact(sessions.expire)
    ended = (await visits(world))[-1]
    assert isinstance(ended, SessionEnded)
    assert ended.reason == "expired"
    for name in ("sessions", "carts", "states", "state_names"):
        assert await world.db[name].count_documents({}) == 0


async def test_an_ended_session_is_over_and_ending_it_again_is_harmless(world: World, device: Device) -> None:
    await device.add("prd_1")
    assert (await device.ask("DELETE", "")).status_code == 204
    assert (await device.ask("DELETE", "")).status_code == 204
    assert (await device.ask("GET", "/cart")).status_code == 401
    ended = [event for event in await visits(world) if isinstance(event, SessionEnded)]
    assert [event.reason for event in ended] == ["logged-out"]


@pytest.mark.parametrize(
    ("subject", "epoch"), [("fam_1", 3), ("usr_ada", 3)], ids=["of the login", "of the user"]
)
async def test_a_revocation_ends_the_session(world: World, device: Device, subject: str, epoch: int) -> None:
    other, later = world.device(), world.device()
    await device.link("usr_ada:fam_1:2")
    await other.link("usr_bob:fam_2:2")
    await later.link("usr_ada:fam_3:3")
    revoked = TokensRevoked(subject=subject, lowest_epoch=epoch, until=datetime.now(UTC))
    await world.hear(revoked, source="identity")
    assert (await device.ask("GET", "/cart")).status_code == 401
    assert (await other.ask("GET", "/cart")).status_code == 200
    assert (await later.ask("GET", "/cart")).status_code == 200
    ended = (await visits(world))[-1]
    assert isinstance(ended, SessionEnded)
    assert ended.reason == "revoked"


async def test_a_user_has_no_more_sessions_than_a_revocation_can_end(world: World) -> None:
    devices = []
    for _ in range(MOST_OF_A_USER + 3):
        world.clock.advance(seconds=1)
        devices.append(world.device())
        assert (await devices[-1].link()).status_code == 200
    lost, kept = devices[:3], devices[3:]
    assert {(await each.ask("GET", "/cart")).status_code for each in lost} == {401}
    assert {(await each.ask("GET", "/cart")).status_code for each in kept} == {200}
    await asyncio.gather(*(world.device().link() for _ in range(5)))
    assert await world.db.sessions.count_documents({}) == MOST_OF_A_USER
    revoked = TokensRevoked(subject="usr_ada", lowest_epoch=1, until=datetime.now(UTC))
    await world.hear(revoked, source="identity")
    assert await world.db.sessions.count_documents({}) == 0


async def test_a_login_that_was_revoked_meanwhile_links_nothing(world: World, device: Device) -> None:
    revoked = TokensRevoked(subject="fam_1", lowest_epoch=3, until=datetime.now(UTC))
    await world.hear(revoked, source="identity")
    assert (await device.link("usr_ada:fam_1:2")).status_code == 401
    assert await world.db.sessions.count_documents({}) == 0


async def test_a_revocation_and_a_link_at_the_same_time_leave_no_session(world: World) -> None:
    for number in range(10):
        device, family = world.device(), f"fam_{number}"
        revoked = TokensRevoked(subject=family, lowest_epoch=1, until=datetime.now(UTC))
        await asyncio.gather(device.link(f"usr_ada:{family}:0"), world.hear(revoked, source="identity"))
        assert await world.db.sessions.count_documents({"family_id": family}) == 0


async def test_a_family_whose_revocation_was_missed_is_over_all_the_same(
    world: World, device: Device
) -> None:
    await device.link("usr_ada:fam_1:2")
    await world.hear(RevocationExpired(subject="fam_1"), source="identity")
    assert (await device.ask("GET", "/cart")).status_code == 401


async def test_a_slow_request_does_not_bring_an_ended_session_back(world: World, device: Device) -> None:
    await device.link()
    slow = world.device()
    slow.string = device.string
    await device.ask("DELETE", "")
    answers = await asyncio.gather(
        slow.add("prd_1"),
        slow.put("/consent", {"analytics": True, "marketing": True}),
        slow.put("/states/game", {}, If_None_Match="*"),
        slow.tell(
            {"id": "1", "type": "page_viewed", "view_id": "1", "page": "/", "at": "2026-01-01T00:00:00Z"}
        ),
    )
    assert {answer.status_code for answer in answers} == {401}
    assert await world.db.sessions.count_documents({}) == 0


async def test_what_was_read_before_logout_cannot_be_written_after_it(world: World, device: Device) -> None:
    """The slowest request there is: it has read the session, and goes on when the session has ended."""
    await device.link()
    digest = hashlib.sha256(device.string.encode()).hexdigest()

    async def held(uow: SessionUnitOfWork) -> Session:
        return await sessions.live(uow, digest)

    session = await world.transact.read(held)
    await device.ask("DELETE", "")
    world.clock.advance(hours=1)  # so that a use is also a touch

    async def used(uow: SessionUnitOfWork) -> None:
        await sessions.use(uow, session)

    async def agreed(uow: SessionUnitOfWork) -> None:
        await uow.sessions.set_consent(session, Consent(analytics=True, marketing=True, decided_at=uow.now))

    for write in (used, agreed):
        with pytest.raises(errors.SessionEnded):
            await world.transact.read(write)
    assert await world.db.sessions.count_documents({}) == 0


async def test_a_write_that_logout_overtakes_leaves_no_session(world: World) -> None:
    for _ in range(10):
        device, slow = world.device(), world.device()
        await device.link()
        slow.string = device.string

        async def overtaken(slow: Device = slow) -> None:
            await world.transact(sessions.log_out, hashlib.sha256(slow.string.encode()).hexdigest())

        world.clock.advance(hours=1)  # so that each use is also a touch
        await asyncio.gather(slow.add("prd_1"), overtaken(), slow.ask("GET", "/cart"))
        assert await world.db.sessions.count_documents({}) == 0


async def test_nothing_is_agreed_to_until_something_was_said(device: Device) -> None:
    assert (await device.get())["consent"] == {"analytics": False, "marketing": False, "decided_at": None}
    await device.agree(analytics=True)
    consent = (await device.get())["consent"]
    assert (consent["analytics"], consent["marketing"]) == (True, False)
    assert consent["decided_at"]


async def test_contact_data_is_shown_masked_and_stored_masked(world: World, device: Device) -> None:
    points = (
        ContactPoint(channel="email", address="jane@example.com", verified=True),
        ContactPoint(channel="sms", address="+442079460178"),
    )
    await world.hear(ContactChanged(user_id="usr_ada", name="Jane", points=points), source="identity")
    await device.link()
    assert (await device.get())["contacts"] == [
        {"channel": "email", "address": "j…@e…", "verified": True},
        {"channel": "sms", "address": "+44…78", "verified": False},
    ]
    stored = repr(await world.db.contacts.find_one())
    assert "example.com" not in stored
    assert "Jane" not in stored


async def test_an_order_is_shown_as_far_as_its_goods_and_money_are(world: World, device: Device) -> None:
    bought = paid("ord_1", prd_1=2)
    bought = bought.model_copy(update={"paid_at": bought.paid_at.replace(microsecond=0)})
    said = bought.model_dump(exclude={"paid_at"})
    later = bought.paid_at + timedelta(hours=1)
    moved = MovedLine(product_id="prd_1", variant_id="var_1", title="Cup", quantity=1)
    much_later = later + timedelta(days=1)
    back = {"return_id": "rtn_1", "returned": (moved,), "returned_at": much_later}
    money = {"refund_id": "ref_1", "amount": bought.total, "refunded": bought.total}
    money["refunded_at"] = much_later
    parcel = {"shipment_id": "shp_1", "shipped": (moved,), "carrier": "Post", "shipped_at": later}
    await world.hear(bought, 2)
    await device.link()
    for sequence, event, shown in (
        (3, OrderShipped(**said, **parcel, state="paid"), ("paid", bought.paid_at)),
        (4, OrderShipped(**said, **parcel, state="fulfilled"), ("fulfilled", later)),
        (
            5,
            OrderDelivered(**said, shipment_id="shp_1", state="delivered", delivered_at=later),
            ("delivered", later),
        ),
        (6, OrderReturned(**said, **back, state="returned"), ("returned", much_later)),
        (7, OrderRefunded(**said, **money, state="refunded"), ("refunded", much_later)),
    ):
        await world.hear(event, sequence)
        [order] = (await device.get("/orders"))["items"]
        assert (order["status"], datetime.fromisoformat(order["changed_at"])) == shown


async def test_orders_are_shown_to_their_user_alone_newest_first(world: World, device: Device) -> None:
    for number in range(5):
        bought = paid(f"ord_{number}", prd_1=1)
        placed = OrderPlaced(placed_at=bought.paid_at, **bought.model_dump(exclude={"paid_at"}))
        await world.hear(placed, 1)
        await world.hear(bought, 2)
    others = paid("ord_9", "usr_bob", prd_1=1)
    await world.hear(others)
    assert (await device.ask("GET", "/orders")).status_code == 403
    await device.link()
    first = await device.get("/orders?limit=3")
    rest = await device.get(f"/orders?limit=3&cursor={first['next_cursor']}")
    assert [order["id"] for order in first["items"] + rest["items"]] == [f"ord_{n}" for n in (4, 3, 2, 1, 0)]
    assert rest["next_cursor"] is None
    assert {order["status"] for order in first["items"]} == {"paid"}


async def test_older_news_of_an_order_change_nothing(world: World, device: Device) -> None:
    bought = paid("ord_1", prd_1=1)
    said = bought.model_dump(exclude={"paid_at"})
    await world.hear(OrderCancelled(reason="x", cancelled_at=bought.paid_at, **said), 2)
    await world.hear(OrderPlaced(placed_at=bought.paid_at, **said), 1)
    await device.link()
    assert (await device.get("/orders"))["items"][0]["status"] == "cancelled"


async def test_a_user_who_left_is_forgotten(world: World, device: Device) -> None:
    await device.link()
    await device.add("prd_1")
    await device.put("/states/game", {"level": 1}, If_None_Match="*")
    await world.hear(paid("ord_1", prd_2=1))
    await world.hear(UserDeleted(user_id="usr_ada"), source="identity")
    assert (await device.ask("GET", "/cart")).status_code == 401
    for name in ("sessions", "carts", "states", "state_names", "orders"):
        assert await world.db[name].count_documents({}) == 0


async def test_nobody_reads_what_is_anothers(world: World) -> None:
    await world.hear(product("prd_1"))
    ada, bob, guest = world.device(), world.device(), world.device()
    await ada.link("usr_ada")
    await bob.link("usr_bob")
    await guest.agree()
    await ada.add("prd_1")
    await ada.put("/states/game", {"secret": 1}, If_None_Match="*")
    await world.hear(paid("ord_1", "usr_ada", prd_2=1))
    for other in (bob, guest):
        assert await other.quantities() == {}
        assert (await other.ask("GET", "/states/game")).status_code == 404
        assert (await other.patch("/states/game", {"secret": 2})).status_code == 404
        assert (await other.get("/states"))["items"] == []
        shown = await other.get()
        assert (shown["contacts"], shown["recently_viewed"]) == ([], [])
    assert (await bob.get("/orders"))["items"] == []
    assert (await ada.get("/states/game")) == {"secret": 1}

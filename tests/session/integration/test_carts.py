"""Carts: nothing is lost when many write at once, guests keep theirs, orders take what they bought."""

import asyncio

import pytest

from shop_events.contracts import Fact, Money
from shop_events.contracts.catalog import ProductChanged, ProductDeleted, ProductVariant
from shop_events.contracts.session import CartChanged
from shop_events.envelope import encode, envelope_for
from tests.session.conftest import Device, World, paid, product

pytestmark = pytest.mark.integration


async def carts_told(world: World) -> list[tuple[int, CartChanged]]:
    facts = await world.facts()
    return [(each.envelope.sequence, each.event) for each in facts if isinstance(each.event, CartChanged)]


async def test_a_cart_shows_present_titles_and_prices(world: World, device: Device) -> None:
    await world.hear(product("prd_1", price=1250))
    await world.hear(product("prd_2", price=100, available=False))
    await world.hear(product("prd_3"))
    await world.hear(ProductDeleted(product_id="prd_3"), 2)
    lines = {"prd_1": 2, "prd_2": 1, "prd_3": 1, "prd_4": 1}
    await device.patch("/cart", {"lines": lines})
    cart = await device.get("/cart")
    states = {line["product_id"]: line["state"] for line in cart["lines"]}
    assert states == {"prd_1": "on_sale", "prd_2": "sold_out", "prd_3": "gone", "prd_4": "unknown"}
    assert cart["lines"][0]["title"] == "The prd_1"
    assert cart["lines"][0]["line_total"] == {"amount": 2500, "currency": "GBP"}
    assert cart["total"] == {"amount": 2500, "currency": "GBP"}
    assert cart["lines"][3]["title"] is None


async def test_each_change_is_told_with_the_version_of_the_cart(world: World, device: Device) -> None:
    await device.add("prd_1", 2)
    await device.put("/cart/lines/prd_1", {"quantity": 5})
    await device.put("/cart/lines/prd_1", {"quantity": 5})
    await device.ask("DELETE", "/cart/lines/prd_1")
    told = await carts_told(world)
    assert [sequence for sequence, _ in told] == [1, 2, 3]
    assert [[line.quantity for line in event.lines] for _, event in told] == [[2], [5], []]


async def test_a_put_with_an_outdated_version_changes_nothing(device: Device) -> None:
    answer = await device.put("/cart/lines/prd_1", {"quantity": 1})
    tag = answer.headers["etag"]
    assert (await device.put("/cart/lines/prd_1", {"quantity": 2}, If_Match=tag)).status_code == 200
    late = await device.put("/cart/lines/prd_1", {"quantity": 3}, If_Match=tag)
    assert late.status_code == 412
    assert await device.quantities() == {"prd_1": 2}


async def test_adding_with_the_same_key_adds_once(device: Device) -> None:
    answers = [await device.add("prd_1", 2, key="k1") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert await device.quantities() == {"prd_1": 2}
    assert (await device.add("prd_1", 3, key="k1")).status_code == 422
    together = await asyncio.gather(*(device.add("prd_2", 1, key="k2") for _ in range(5)))
    assert {answer.status_code for answer in together} == {200}
    assert await device.quantities() == {"prd_1": 2, "prd_2": 1}


async def test_a_cart_has_bounds(device: Device) -> None:
    full = {f"prd_{number}": 1 for number in range(100)}
    assert (await device.patch("/cart", {"lines": full})).status_code == 200
    assert (await device.add("prd_100")).status_code == 409
    assert (await device.put("/cart/lines/prd_1", {"quantity": 999})).status_code == 200
    assert (await device.add("prd_1")).status_code == 409
    assert (await device.put("/cart/lines/prd_1", {"quantity": 1000})).status_code == 422
    assert (await device.put("/cart/lines/a.b", {"quantity": 1})).status_code == 422
    assert len(await device.quantities()) == 100


async def test_a_thousand_updates_from_two_tabs_lose_nothing(world: World, device: Device) -> None:
    await device.add("prd_0", 1)
    tabs = [world.device(), world.device()]
    for tab in tabs:
        tab.string = device.string
    answers = await asyncio.gather(*(tabs[number % 2].add(f"prd_{number % 20}") for number in range(1000)))
    assert {answer.status_code for answer in answers} == {200}
    assert await device.quantities() == {"prd_0": 51} | {f"prd_{number}": 50 for number in range(1, 20)}
    assert [sequence for sequence, _ in await carts_told(world)] == list(range(1, 1002))


async def test_a_thousand_updates_from_two_devices_of_a_user_lose_nothing(world: World) -> None:
    """Each device has a session of its own, so they meet in the database alone."""
    phone, laptop = world.device(), world.device()
    await phone.link()
    await laptop.link()
    answers = await asyncio.gather(
        *((phone, laptop)[number % 2].add(f"prd_{number % 5}") for number in range(1000))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert await phone.quantities() == await laptop.quantities() == {f"prd_{n}": 200 for n in range(5)}
    assert [sequence for sequence, _ in await carts_told(world)] == list(range(1, 1001))


async def test_a_guests_cart_is_added_to_the_users(world: World, device: Device) -> None:
    before = world.device()
    await before.link()
    await before.patch("/cart", {"lines": {"prd_1": 990, "prd_2": 1}})
    await device.patch("/cart", {"lines": {"prd_1": 20}})
    await device.patch("/cart", {"lines": {"prd_1": 30, "prd_3": 2}})
    await device.link()
    assert await device.quantities() == {"prd_1": 999, "prd_2": 1, "prd_3": 2}
    assert await world.db.carts.count_documents({}) == 1
    sequence, merged = (await carts_told(world))[-1]
    assert (sequence, merged.user_id) == (3, "usr_ada")


async def test_writes_during_a_link_are_in_the_users_cart_or_refused(world: World) -> None:
    for _ in range(5):
        device, tab = world.device(), world.device()
        await device.add("prd_1")
        tab.string = device.string
        user = f"usr_{device.string[:6].strip('-_')}"
        linked, *added = await asyncio.gather(device.link(user), *(tab.add("prd_1") for _ in range(5)))
        assert linked.status_code == 200
        taken = sum(answer.status_code == 200 for answer in added)
        assert {answer.status_code for answer in added} <= {200, 401}
        assert await device.quantities() == {"prd_1": 1 + taken}


async def test_an_order_takes_out_only_what_it_bought_even_if_told_twice(
    world: World, device: Device
) -> None:
    await device.link()
    await device.patch("/cart", {"lines": {"prd_1": 3, "prd_2": 1, "prd_3": 1}})
    bought = paid("ord_1", prd_1=2, prd_2=1, prd_9=4)
    message = encode(envelope_for(Fact(bought, 2), "catalog"), bought)
    await world.take(message)
    await world.take(message)
    await world.hear(bought, 2)
    assert await device.quantities() == {"prd_1": 1, "prd_3": 1}
    _, told = (await carts_told(world))[-1]
    assert told.user_id == "usr_ada"


async def test_an_order_leaves_other_carts_alone(world: World, device: Device) -> None:
    await device.add("prd_1")
    await world.hear(paid("ord_1", "usr_bob", prd_1=1))
    assert await device.quantities() == {"prd_1": 1}


async def test_orders_and_shopping_at_once_lose_nothing(world: World, device: Device) -> None:
    await device.link()
    await device.put("/cart/lines/prd_1", {"quantity": 100})

    async def sell() -> None:
        for number in range(50):
            await world.hear(paid(f"ord_{number}", prd_1=1))

    await asyncio.gather(sell(), *(device.add("prd_1") for _ in range(50)))
    assert await device.quantities() == {"prd_1": 100}


def gbp(amount: int) -> Money:
    return Money(amount=amount, currency="GBP")


def shirt() -> ProductChanged:
    variants = (
        ProductVariant(
            variant_id="var_s", sku="S", options={"size": "S"}, prices=(gbp(900),), available=True
        ),
        ProductVariant(
            variant_id="var_l", sku="L", options={"size": "L"}, prices=(gbp(1100),), available=False
        ),
    )
    return ProductChanged(
        product_id="prd_1", sku="S", title="Shirt", price=gbp(900), available=True, variants=variants
    )


async def test_a_line_is_about_one_variant_with_its_own_price(world: World, device: Device) -> None:
    await world.hear(shirt())
    cart = (await device.patch("/cart", {"lines": {"prd_1:var_s": 2, "prd_1:var_l": 1}})).json()
    assert [(line["variant_id"], line["title"], line["state"]) for line in cart["lines"]] == [
        ("var_s", "Shirt (S)", "on_sale"),
        ("var_l", "Shirt (L)", "sold_out"),
    ]
    assert cart["total"] == {"amount": 1800, "currency": "GBP"}
    await device.put("/cart/lines/prd_1:var_l", {"quantity": 0})
    line = {"product_id": "prd_1", "variant_id": "var_s", "quantity": 1}
    for _ in range(2):
        added = await device.ask("POST", "/cart/lines", line, {"Idempotency-Key": "k"})
    assert [line["quantity"] for line in added.json()["lines"]] == [3]
    _, told = (await carts_told(world))[-1]
    assert [(line.product_id, line.variant_id, line.quantity) for line in told.lines] == [
        ("prd_1", "var_s", 3)
    ]


async def test_one_of_several_variants_is_named_or_refused(world: World, device: Device) -> None:
    await device.add("prd_1")
    await world.hear(shirt())
    assert (await device.get("/cart"))["lines"][0]["state"] == "variant_needed"
    for refused in (await device.add("prd_1"), await device.put("/cart/lines/prd_1", {"quantity": 2})):
        assert refused.status_code == 422
        assert refused.json()["type"].endswith(":variant-needed")
    assert await device.quantities() == {"prd_1": 1}
    assert (await device.put("/cart/lines/prd_1", {"quantity": 0})).status_code == 200


async def test_what_was_bought_leaves_the_line_that_named_no_variant(world: World, device: Device) -> None:
    await device.link()
    await device.add("prd_1", 3)
    line = paid("ord_1", prd_1=2).lines[0].model_copy(update={"variant_id": "var_1"})
    await world.hear(paid("ord_1", prd_1=2).model_copy(update={"lines": (line,)}), 2)
    assert await device.quantities() == {"prd_1": 1}

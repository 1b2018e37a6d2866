"""The storefront in a real browser: from a first look to the order, its message, and what is told of it."""

import asyncio
import json
import re
import secrets
import time
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from shop_devstack.stack import StackInfo
from shop_events.contracts.session import ACTIVITY
from tests.e2e import browser
from tests.e2e.browser import Page
from tests.e2e.conftest import PASSWORD, Shop

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not browser.INSTALLED, reason="chromium and chromedriver are not installed"),
]

_RECOMMENDED = ".recommended .card a"


async def told(stack: StackInfo, product_id: str, *kinds: str, since: float = 0) -> dict[str, dict[str, Any]]:
    """Return what the topic of activity says of a product, by type; waits for all ``kinds``.

    Args:
        since: what was told before (Unix time) was told by somebody else.
    """
    consumer = AIOKafkaConsumer(
        f"{stack.topic_prefix}{ACTIVITY}",
        bootstrap_servers=stack.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        found: dict[str, dict[str, Any]] = {}
        async with asyncio.timeout(browser.PATIENCE):
            while not found.keys() >= set(kinds):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        event = orjson.loads(record.value)
                        if record.timestamp >= since * 1000 and product_id in (
                            event.get("product_id"),
                            *event.get("product_ids", ()),
                        ):
                            found[dict(record.headers)["ce_type"].decode()] = event
        return found
    finally:
        await consumer.stop()


async def named_product(shop: Shop, title: str, stock: int = 50) -> dict[str, Any]:
    body = {
        "sku": secrets.token_hex(6),
        "title": title,
        "description": "Turned from one piece of oak.\n<img src=x onerror=alert(1)>",
        "category": "Kitchen",
        "price": {"amount": 1999, "currency": "GBP"},
        "stock": stock,
    }
    return await sold(shop, body)


async def sold(shop: Shop, body: dict[str, Any]) -> dict[str, Any]:
    merchant = await shop.administrator()
    headers = {**merchant.headers, "Idempotency-Key": secrets.token_hex(8)}
    answer = await shop.http.post("/v1/products", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def search(page: Page, product: dict[str, Any]) -> None:
    word = product["title"].split()[-1]
    page.find(".cards a")
    page.write("q", word)
    offered = f"#search-suggestions option[value={json.dumps(product['title'])}]"
    page.until(lambda browser: browser.find_elements(By.CSS_SELECTOR, offered), f"{word!r}, completed")
    page.click("#search button")
    page.find("h1", "Found for")
    page.find(".cards mark", word)
    page.click(".facets a", "In stock")
    page.find(".facets [aria-current]", "In stock")
    page.follow(".cards a", product["title"], product["title"])


def look_around(page: Page, product: dict[str, Any]) -> None:
    page.go()
    page.click("#consent button", "Agree")
    search(page, product)
    assert "<img" in page.find(".description").text, "what a merchant writes is text"


def register(page: Page) -> None:
    page.click("#links a", "Log in")
    page.click("main a", "Make an account")
    page.write("name", "Ann")
    page.write("email", f"{secrets.token_hex(6)}@example.test")
    page.write("password", PASSWORD)
    page.click("main button", "Make an account")
    page.find("#log-out")


def come_and_register(page: Page, product: dict[str, Any]) -> None:
    """Come without agreeing to anything, make an account, and look at a product."""
    page.go()
    page.click("#consent button", "No, thanks")
    register(page)
    page.go(f"#/products/{product['id']}")


def buy(page: Page) -> None:
    page.click("#links a", "Cart")
    page.find("#buy:enabled")
    assert page.find(".total").text.endswith("£39.98")
    page.click("#buy:enabled")
    page.find(".status", "Paid")


async def test_somebody_looks_around_registers_buys_and_is_told(page: Page, shop: Shop) -> None:
    product = await named_product(shop, f"Bread board {secrets.token_hex(4)}")

    def journey() -> None:
        page.on_a_line(latency=250)  # whoever looks is quicker than the shop
        look_around(page, product)
        page.write_pieces(2)
        page.click("main button", "Add to cart")
        page.find("#links .badge", "2")
        register(page)
        page.find("#links .badge", "2")
        buy(page)
        page.find("#links a[href='#/inbox'] .badge", "1")
        page.until(lambda _: "1 unread" in page.spoken("#unread-news"), "the counter, read out")
        page.click("#links a", "Inbox")
        assert "39.98" in page.find(".entry.unread").text
        page.click(".entry button", "Mark as read")
        page.until_gone(".badge")

    await asyncio.to_thread(journey)
    assert page.complaints() == []
    viewed, engaged = "session.page.viewed.v1", "session.page.engaged.v1"
    events = await told(shop.info, product["id"], viewed, engaged)
    assert events[viewed]["page"] == f"/products/{product['id']}"
    assert events[engaged]["milliseconds"] > 0


async def test_a_recommendation_says_why_and_is_told_when_it_is_chosen(page: Page, shop: Shop) -> None:
    product = await named_product(shop, f"Bread board {secrets.token_hex(4)}")
    assert (await shop.order(await shop.customer(), product["id"])).status_code == 201

    def journey() -> str:
        page.go()
        page.click("#consent button", "Agree")
        page.until_gone("#consent")
        page.until(recommended, "a recommendation")
        card = page.find(_RECOMMENDED)
        assert "\nBecause " in card.text
        chosen = str(card.get_attribute("href")).rpartition("/")[2]
        page.click(_RECOMMENDED)
        page.find(".about h1")
        return chosen

    def recommended(browser: Chrome) -> bool:
        browser.refresh()
        page.find("ul.cards")
        answered = "return performance.getEntriesByType('resource').some(e => /recommendations/.test(e.name))"
        page.until(lambda _: page.script(answered), "what is recommended")
        return bool(browser.find_elements(By.CSS_SELECTOR, _RECOMMENDED))

    shown, clicked = "session.recommendation.shown.v1", "session.recommendation.clicked.v1"
    began = time.time()
    events = await told(shop.info, await asyncio.to_thread(journey), shown, clicked, since=began)
    assert events[clicked]["placement"] == "home"


async def test_an_address_can_be_opened_by_itself_and_a_login_outlives_a_reload(
    page: Page, shop: Shop
) -> None:
    product = await named_product(shop, f"Bread board {secrets.token_hex(4)}")

    def journey() -> None:
        page.go(f"#/products/{product['id']}")
        page.find("h1", product["title"])
        page.click("#consent button", "No, thanks")
        page.go("#/orders")
        page.find("h1", "Log in")
        register(page)
        page.browser.refresh()
        page.find("#log-out")
        assert page.script("return document.cookie") == "", (
            "scripts see neither session string nor refresh token"
        )
        kept = page.script("return JSON.stringify([{...localStorage}, {...sessionStorage}])")
        assert re.fullmatch(r'\[\{"logged-in":"usr_[0-9a-f]{32}"\},\{\}\]', kept)
        in_another_tab(page)
        page.find("#links a", "Log in")

    await asyncio.to_thread(journey)
    assert page.complaints() == []


def in_another_tab(page: Page) -> None:
    """The login is there as well, and when it ends there, it ends everywhere."""
    here = page.browser.current_window_handle
    page.browser.switch_to.new_window("tab")
    page.go("#/inbox")
    page.find("h1", "Inbox")
    page.click("#log-out")
    page.find("#links a", "Log in")
    page.browser.close()
    page.browser.switch_to.window(here)


async def test_what_goes_wrong_is_said_and_can_be_mended(page: Page, shop: Shop) -> None:
    product = await named_product(shop, f"Bread board {secrets.token_hex(4)}", stock=1)

    def journey() -> None:
        come_and_register(page, product)
        page.write_pieces(2)
        page.click("main button", "Add to cart")
        page.click("#links a", "Cart")
        page.click("#buy:enabled")
        page.find(".problem", "sold out")
        page.click(".line button", "Remove")
        page.find("main", "nothing in your cart")

        page.go(f"#/products/{product['id']}")
        page.click("main button", "Add to cart")
        page.find("#links .badge", "1")
        page.click("#links a", "Cart")
        page.click("#card option", "declined")
        page.click("#buy:enabled")
        page.find(".problem", "declined")
        page.on_a_line(cut=True)
        page.click("#links a", "Inbox")
        page.find(".problem", "cannot be reached")
        page.on_a_line()
        page.click(".problem button", "Try again")
        page.find("h1", "Inbox")
        page.click("#links a", "Cart")
        page.find(".kept", "not paid yet")
        page.click("#buy:enabled")
        page.find(".status", "Paid")

    await asyncio.to_thread(journey)
    assert page.complaints() == []


async def test_a_coupon_is_taken_off_before_anything_is_bought(page: Page, shop: Shop) -> None:
    product = await named_product(shop, f"Bread board {secrets.token_hex(4)}")
    code = await half_price(shop, product["id"])

    def journey() -> None:
        come_and_register(page, product)
        page.write_pieces(2)
        page.click("main button", "Add to cart")
        page.click("#links a", "Cart")
        page.write("coupon", "NO-SUCH-COUPON")
        page.click(".checkout button", "Apply")
        page.find(".problem", "does not hold")
        page.write("coupon", code.lower())
        page.click(".checkout button", "Apply")
        page.find(".price-told", "Half price: -£19.99")
        page.find(".total", "£19.99")
        page.click("#buy:enabled")
        page.find(".entry", "£19.99")
        page.find(".status", "Paid")

    await asyncio.to_thread(journey)
    assert page.complaints() == []


async def test_a_cart_that_is_open_in_three_tabs_is_bought_once(page: Page, shop: Shop) -> None:
    product = await named_product(shop, f"Bread board {secrets.token_hex(4)}")

    def journey() -> None:
        come_and_register(page, product)
        page.click("main button", "Add to cart")
        page.find("#links .badge", "1")
        tabs = [page.browser.current_window_handle]
        for _ in range(2):
            page.browser.switch_to.new_window("tab")
            tabs.append(page.browser.current_window_handle)
        for tab in tabs:
            page.browser.switch_to.window(tab)
            page.go("#/cart")
            page.find("#buy:enabled")
        for tab in tabs[:2]:
            page.browser.switch_to.window(tab)
            page.click("#buy:enabled")
            page.find(".status", "Paid")
            assert len(page.browser.find_elements(By.CSS_SELECTOR, ".entry")) == 1
        page.browser.switch_to.window(tabs[2])
        page.click("#card option", "declined")
        page.click("#buy:enabled")
        page.find(".problem", "ordered this cart already")

    await asyncio.to_thread(journey)
    assert page.complaints() == []
    stock = f"/v1/products/{product['id']}/stock"
    answer = await shop.http.get(stock, headers=(await shop.administrator()).headers)
    assert [each["left"] for each in answer.json()["items"]] == [49]


async def half_price(shop: Shop, product_id: str) -> str:
    code = secrets.token_hex(4).upper()
    terms = {"name": "Half price", "code": code, "product_ids": [product_id]}
    body = {**terms, "benefit": {"kind": "percentage", "basis_points": 5_000}}
    merchant = (await shop.administrator()).headers
    headers = {**merchant, "Idempotency-Key": secrets.token_hex(8)}
    answer = await shop.http.post("/v1/promotions", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return code


async def test_a_product_in_several_sizes_is_bought_in_the_one_that_was_chosen(
    page: Page, shop: Shop
) -> None:
    name = f"Shirt {secrets.token_hex(4)}"
    sizes = [sized("S", 900, 0), sized("M", 1_000, 5), sized("L", 1_100, 5)]
    product = await sold(shop, {"title": name, "variants": sizes})

    def journey() -> None:
        come_and_register(page, product)
        page.find(".price", "from £9.00")
        assert not page.find("#variant option", "S: sold out").is_enabled()
        page.click("#variant option", "L: £11.00")
        page.click("main button", "Add to cart")
        page.find("#links .badge", "1")
        page.click("#links a", "Cart")
        page.find(".line", "£11.00 each")
        page.find(".line", f"{name} (L)")
        page.click("#buy:enabled")
        page.find(".entry", "£11.00")

    await asyncio.to_thread(journey)
    assert page.complaints() == []


def sized(size: str, price: int, stock: int) -> dict[str, Any]:
    prices = [{"amount": price, "currency": "GBP"}]
    return {"sku": secrets.token_hex(6), "options": {"size": size}, "prices": prices, "stock": stock}


async def test_who_bought_it_says_what_it_is_like(page: Page, shop: Shop) -> None:
    product = await named_product(shop, f"Bread board {secrets.token_hex(4)}")
    admin = (await shop.administrator()).headers
    path = f"#/products/{product['id']}"

    def review(title: str) -> None:
        page.find(".reviewing")
        page.write("title", title)
        page.click("#review-rating option", "4 stars")
        page.click(".reviewing button")

    def write() -> None:
        come_and_register(page, product)
        review("Solid")
        page.find(".problem", "Only who has bought it")
        page.write_pieces(2)
        page.click("main button", "Add to cart")
        buy(page)
        page.go(path)
        page.find(".reviews", "Nobody has said anything")
        review("<b>Solid</b>")
        page.find(".reviewing", "waits for somebody")

    await asyncio.to_thread(write)
    waiting = (await shop.http.get("/v1/reviews", headers=admin)).json()["items"]
    review_id = next(each["id"] for each in waiting if each["product_id"] == product["id"])
    published = await shop.http.put(
        f"/v1/reviews/{review_id}/status", json={"status": "published"}, headers={**admin, "If-Match": '"v1"'}
    )
    assert published.status_code == 200, published.text

    def read() -> None:
        page.browser.refresh()
        page.find(".rating", "4 of 5, 1 review")
        page.find(".reviews .entry h3", "<b>Solid</b>")
        page.find(".reviewing", "shown to everybody")

    await asyncio.to_thread(read)
    assert page.complaints() == []


async def test_who_does_not_agree_is_not_noted(page: Page, shop: Shop) -> None:
    product = await named_product(shop, f"Bread board {secrets.token_hex(4)}")

    def journey() -> Any:
        page.go()
        page.click("#consent button", "No, thanks")
        page.until_gone("#consent")
        search(page, product)
        asked = "return performance.getEntriesByType('resource').map(each => each.name)"
        return page.script(asked)

    addresses = await asyncio.to_thread(journey)
    assert any("/v1/products/" in address for address in addresses)
    assert not any("/v1/session/activity" in address or "recent=" in address for address in addresses)


async def test_a_guest_buys_with_a_mailed_code_and_comes_back_by_the_receipts_link(
    page: Page, shop: Shop
) -> None:
    product = await named_product(shop, f"Bread board {secrets.token_hex(4)}")
    email = f"{secrets.token_hex(6)}@example.test"

    def ask() -> None:
        page.go()
        page.click("#consent button", "Agree")
        page.go(f"#/products/{product['id']}")
        page.write_pieces(2)
        page.click("main button", "Add to cart")
        page.find("#links .badge", "2")
        page.click("#links a", "Cart")
        page.click(".checkout a", "Buy as a guest")
        page.write("email", email)
        page.click("main button", "Send me a code")
        page.find("h1", "Your code")

    def show(code: str) -> None:
        page.write("code", f"{(int(code) + 1) % 10**8:08}")
        page.click("main button", "Go on")
        page.find(".problem", "does not hold")
        page.write("code", f"{code[:4]} {code[4:]}")
        page.click("main button", "Go on")
        page.find("h1", "Cart")
        page.click("#buy:enabled")
        page.find(".status", "Paid")
        page.click("#log-out")
        page.find("#links a", "Log in")

    def come_back(token: str) -> None:
        page.go(f"#/guest/{token}")
        page.browser.refresh()
        page.find("h1", "Your orders")
        page.find(".entry", "£39.98")
        page.find("#links a", "Log in")
        page.go(f"#/guest/{token[:-1]}")
        page.find("main", "does not hold any more")

    await asyncio.to_thread(ask)
    await asyncio.to_thread(show, await shop.code(email))
    token = await shop.link(email)
    await asyncio.to_thread(come_back, token)
    assert page.complaints() == []
    assert page.script("return document.cookie") == ""


async def test_a_saved_card_pays_for_what_is_sent_to_an_address_and_comes_back(
    page: Page, shop: Shop
) -> None:
    product = await named_product(shop, f"Bread board {secrets.token_hex(4)}")
    operator = (await shop.administrator()).headers

    def buying() -> str:
        come_and_register(page, product)
        page.click("main button", "Add to cart")
        page.find("#links .badge", "1")
        page.go("#/cards")
        page.click("main button", "Save a test card")
        page.find(".entry", "Visa ending in 4242")
        page.go("#/cart")
        page.click("#card option", "ending in 4242")
        page.click(".address summary", "Deliver to")
        page.write("street", "1 High Street")
        page.write("city", "Marylebone")
        page.click("#buy:enabled")
        assert page.find("input[name=name]").get_attribute("required"), "what is missing is asked for"
        page.write("name", "Ann")
        page.until(bought, "an order, once catalog has heard of the card")
        return str(page.find(".entry").get_attribute("id"))

    def bought(browser: Chrome) -> bool:
        if "#/orders" in browser.current_url:
            return True
        for button in browser.find_elements(By.CSS_SELECTOR, "#buy:enabled"):
            button.click()
        return False

    def returning() -> None:
        page.browser.refresh()
        page.find(".parcel", "Royal Mail, tracking number AB123")
        page.click(".returning summary", "Return something")
        box = page.find(".returning input[type=number]")
        box.clear()
        box.send_keys("1")
        page.write("reason", "Too small")
        page.click(".returning button", "Ask for a return")
        page.find(".return", "Return asked for")
        page.until_gone(".returning")
        page.follow("main a", "Saved cards", "Saved cards")
        page.click(".entry button", "Remove")
        page.find("main", "You have not saved any card.")

    path = f"/v1/orders/{await asyncio.to_thread(buying)}"
    order = (await shop.http.get(path, headers=operator)).json()
    assert (order["status"], order["address"]["lines"]) == ("paid", ["1 High Street"])
    parcel = {"carrier": "Royal Mail", "tracking_number": "AB123"}
    headers = {**operator, "Idempotency-Key": secrets.token_hex(8)}
    sent = await shop.http.post(f"{path}/shipments", json=parcel, headers=headers)
    assert sent.status_code == 201, sent.text
    await asyncio.to_thread(returning)
    order = (await shop.http.get(path, headers=operator)).json()
    assert [each["reason"] for each in order["returns"]] == ["Too small"]
    assert page.complaints() == []

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
from tests.e2e.conftest import Shop
from tests.e2e.shopping import come_and_register, named_product, register

pytestmark = pytest.mark.e2e

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


async def test_a_page_that_was_left_while_it_was_slow_does_not_come_back(page: Page) -> None:
    def journey() -> None:
        page.go("#/register")
        page.find("h1", "Make an account")
        page.on_a_line(latency=1500)
        page.script("performance.clearResourceTimings()")
        page.script("location.hash = '#/'")
        page.until(lambda _: page.script("return document.body.innerText.includes('Loading')"), "slow")
        page.script("location.hash = '#/register'")
        page.script("location.hash = '#/'")
        page.script("location.hash = '#/log-in'")
        page.until(lambda _: page.script(answered), "answers that nobody waits for any more")
        page.find("h1", "Log in")

    listed = "performance.getEntriesByType('resource').filter(e => /v1.products[?]/.test(e.name))"
    answered = f"return {listed}.length > 1"
    await asyncio.to_thread(journey)


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

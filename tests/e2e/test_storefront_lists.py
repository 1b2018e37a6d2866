"""Lists in a real browser: put in order, and narrowed down to what their counts promise."""

import asyncio
import secrets

import pytest
from selenium.webdriver.support.select import Select

from tests.e2e.browser import Page
from tests.e2e.conftest import Shop, eventually

pytestmark = pytest.mark.e2e


async def test_a_category_is_put_in_order_and_narrowed_down_to_what_its_counts_promise(
    page: Page, shop: Shop
) -> None:
    category = f"Boards {secrets.token_hex(4)}"
    wanted = [("Oak board", 4000, "oak"), ("Ash board", 2000, "ash"), ("Old oak board", 3000, "oak")]
    made = [
        await shop.product(price, title=title, category=category, attributes={"wood": wood})
        for title, price, wood in wanted
    ]
    [path] = made[0]["category_path"]

    async def is_counted() -> bool:
        answer = await shop.http.get("/v1/products/facets", params={"category_id": path["id"]})
        return bool(answer.json()["total"] == len(wanted))

    await eventually(is_counted)

    chosen = ".facets [aria-current]"

    def titles() -> list[str]:
        return [each.text.split("\n")[1] for each in page.browser.find_elements("css selector", ".cards a")]

    def are_chosen() -> int:
        return len(page.browser.find_elements("css selector", chosen))

    def journey() -> None:
        page.go(f"#/?category_id={path['id']}")
        page.find(".list-head", "3 products")
        Select(page.find("#order")).select_by_value("price")
        page.until(lambda _: titles() == ["Ash board", "Old oak board", "Oak board"], "the cheapest first")
        page.click(".facets a", "oak 2")
        page.until(lambda _: titles() == ["Old oak board", "Oak board"], "oak alone, the cheapest first")
        page.click(".facets a", "£25.00 to £49.99 2")
        page.find(chosen, "£25.00 to £49.99")
        page.click(chosen, "oak")
        page.until(lambda _: are_chosen() == 2, "category and price alone")
        page.click(chosen, "£25.00")
        page.until(lambda _: len(titles()) == len(wanted), "all of the category again")

    await asyncio.to_thread(journey)
    assert page.complaints() == []

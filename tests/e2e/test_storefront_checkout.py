"""Buying in a real browser: coupons, sizes, several tabs, guests, saved cards, addresses and returns."""

import asyncio
import secrets
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.e2e.browser import Page
from tests.e2e.conftest import Shop
from tests.e2e.shopping import come_and_register, named_product, sold

pytestmark = pytest.mark.e2e


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

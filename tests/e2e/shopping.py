"""What several tests of the storefront do: put something on sale, come, and make an account."""

import secrets
from typing import Any

from tests.e2e.browser import Page
from tests.e2e.conftest import PASSWORD, Shop


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

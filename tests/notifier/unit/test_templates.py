"""What people read: every part of a receipt, in the nearest language, nothing blank or unescaped."""

from typing import Any

import pytest

from shop_notifier.adapters.templates import Templates
from shop_notifier.domain.errors import CannotRender

CONTENT: dict[str, Any] = {
    "name": "Ada <3",
    "order_id": "ord_1",
    "total": "GBP 12.34",
    "lines": [{"title": "Cup & <saucer>", "quantity": 2, "total": "GBP 12.34"}],
}


def test_a_receipt_names_lines_and_total_in_every_part() -> None:
    said = Templates().render("receipt", "en", CONTENT, "subject", "text", "html", "sms")
    assert said["subject"] == "Your receipt: GBP 12.34 for Cup & <saucer>"
    assert "2 x Cup & <saucer>: GBP 12.34" in said["text"]
    assert "Total paid: GBP 12.34" in said["text"]
    assert "GBP 12.34" in said["sms"]
    assert "\n" not in said["sms"]


def test_a_receipt_names_what_was_taken_off_and_added() -> None:
    adjustments = [
        {"title": "Sale & more", "amount": "-GBP 1.00"},
        {"title": "Delivery", "amount": "GBP 3.00"},
    ]
    said = Templates().render("receipt", "en", {**CONTENT, "adjustments": adjustments}, "text", "html")
    assert "Sale & more: -GBP 1.00\nDelivery: GBP 3.00\n" in said["text"]
    assert "Sale &amp; more" in said["html"]


def test_the_title_of_a_receipt_says_what_was_bought_and_no_id() -> None:
    many = {**CONTENT, "lines": CONTENT["lines"] * 3}
    assert (
        Templates().render("receipt", "en", many, "subject")["subject"]
        == "Your receipt: GBP 12.34 for 3 products"
    )


def test_html_is_escaped_and_text_is_not() -> None:
    said = Templates().render("receipt", "en", CONTENT, "text", "html")
    assert "Hello Ada <3," in said["text"]
    assert "Ada &lt;3" in said["html"]
    assert "Cup &amp; &lt;saucer&gt;" in said["html"]


@pytest.mark.parametrize("language", ["de", "pt-BR", "en-GB", "", "../../etc"])
def test_a_language_there_is_no_text_in_falls_back(language: str) -> None:
    assert Templates().render("receipt", language, CONTENT, "subject")["subject"].startswith("Your receipt")


def test_a_missing_value_is_an_error_and_not_a_blank() -> None:
    with pytest.raises(CannotRender):
        Templates().render("receipt", "en", {"name": ""}, "text")


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(CannotRender):
        Templates().render("ransom", "en", CONTENT, "text")

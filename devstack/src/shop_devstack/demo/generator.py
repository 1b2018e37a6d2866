"""Invoices in the Online Retail format for a machine that has no such file: made up, and always the same."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from shop_devstack.demo.invoices import Row

_COLOURS = ("RED", "BLUE", "IVORY", "PINK", "GREEN", "SILVER")
_MATERIALS = ("GLASS", "WOODEN", "PAPER", "METAL", "CERAMIC")
_THINGS = ("LANTERN", "T-LIGHT HOLDER", "COAT HANGER", "CAKE STAND", "LUNCH BOX", "DOORMAT", "CANDLE", "MUG")
_QUANTITIES = (1, 2, 3, 4, 6, 8, 12, 24)
_PRODUCTS = 600
_CUSTOMERS = 900
_FIRST_INVOICE = 536365
_START = datetime(2010, 12, 1, 8, 26)  # noqa: DTZ001  the data has no zone


def rows(seed: int = 2010) -> Iterator[Row]:
    """Yield rows for ever: popular and rare products, changing prices, cancellations, guests, postage."""
    dice = random.Random(seed)  # noqa: S311  for variety, not for secrets
    prices = [dice.choice((42, 85, 125, 165, 210, 255, 375, 495, 795)) for _ in range(_PRODUCTS)]
    number, at = _FIRST_INVOICE, _START
    while True:
        yield from _invoice(dice, prices, number, at)
        number += 1
        at += timedelta(minutes=dice.randint(1, 9))


def _invoice(dice: random.Random, prices: list[int], number: int, at: datetime) -> Iterator[Row]:
    head = {
        "InvoiceNo": f"C{number}" if dice.random() < 0.12 else str(number),
        "InvoiceDate": f"{at:%Y-%m-%d %H:%M:%S}",
        "CustomerID": "" if dice.random() < 0.08 else f"{12346 + int(_CUSTOMERS * dice.random() ** 2)}.0",
        "Country": "United Kingdom",
    }
    for _ in range(max(1, round(dice.lognormvariate(2.3, 0.9)))):
        product = int(_PRODUCTS * dice.random() ** 2)
        # larger buyers pay less: one product at different prices, also within an hour
        price = prices[product] * (85 if dice.random() < 0.1 else 100) // 100
        yield _row(head, f"{20000 + product}", _title(product), dice.choice(_QUANTITIES), price)
    if dice.random() < 0.05:
        yield _row(head, "POST", "POSTAGE", 1, 1800)


def _title(product: int) -> str:
    words = (_COLOURS, _MATERIALS, _THINGS)
    chosen = []
    for choices in words:
        product, index = divmod(product, len(choices))
        chosen.append(choices[index])
    return f"{' '.join(chosen)} No {product + 1}"


def _row(head: Row, code: str, title: str, quantity: int, price: int) -> Row:
    return {
        **head,
        "StockCode": code,
        "Description": title,
        "Quantity": str(-quantity if head["InvoiceNo"].startswith("C") else quantity),
        "UnitPrice": f"{price // 100}.{price % 100:02d}",
    }

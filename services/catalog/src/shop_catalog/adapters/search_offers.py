"""What holds of one and the same variant, as the index has it: its options together, and prices under them.

A product is found by each choice of options that one of its variants has (``colour=red``, ``size=L``, and
both together), and by each price under each of these. So no product is found or counted that has a red one
and a large one, but no large red one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, combinations, product

from shop_catalog.domain.products import MAX_AMOUNT
from shop_catalog.domain.search import Form

MOST_TOGETHER = 4
"""More options than these are not looked up together; each four of them are."""

_APART = "\x1f"
_AMOUNT_BITS = MAX_AMOUNT.bit_length()
_DIGEST_BITS = 63 - _AMOUNT_BITS

Choice = str
"""Options of one variant that are looked up together: ``name=value``, in the order of their names."""


def choices(forms: Iterable[Form]) -> list[Choice]:
    """Return everything that can be chosen of options so that one of the forms is left."""
    return list(dict.fromkeys(chain.from_iterable(_choices(form) for form in forms)))


def offers(forms: Iterable[Form]) -> list[int]:
    """Return each price of each choice, and of no choice at all, as numbers; see :func:`offered`."""
    return list(
        {
            offered(choice, currency, amount)
            for form in forms
            for choice in ("", *_choices(form))
            for currency, amounts in form.prices.items()
            for amount in amounts
        }
    )


def offered(choice: Choice, currency: str, amount: int) -> int:
    """Return a price as a number; those of one choice in one currency are in order, with no other between.

    Two choices come to the same numbers with a chance of one in 2 ** 36.
    """
    return _digest(choice, currency) << _AMOUNT_BITS | min(amount, MAX_AMOUNT)


def wanted_choices(options: Mapping[str, Sequence[str]]) -> list[list[Choice]]:
    """Return what is to be looked up so that a variant has one of the values of each name.

    A product must have one choice of each list. There is one list, unless too many names are asked for.
    """
    names = sorted(options)
    return [
        [
            _APART.join(each)
            for each in product(*([f"{name}={value}" for value in options[name]] for name in some))
        ]
        for some in combinations(names, min(len(names), MOST_TOGETHER))
        if some
    ]


def _choices(form: Form) -> list[Choice]:
    options = sorted(form.options, key=lambda option: option.partition("=")[0])
    sizes = range(1, min(len(options), MOST_TOGETHER) + 1)
    return [_APART.join(some) for size in sizes for some in combinations(options, size)]


@lru_cache(4096)
def _digest(choice: Choice, currency: str) -> int:
    digest = blake2b(f"{currency}{_APART}{choice}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> (64 - _DIGEST_BITS)

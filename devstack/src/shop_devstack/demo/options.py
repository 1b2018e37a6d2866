"""What the demo can be told on its command line."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Restart = Literal["services", "everything"]


@dataclass(frozen=True)
class DemoOptions:
    """How much is replayed, and how.

    Args:
        invoices: how many, at most.
        buyers: how many of them are bought at once, at most.
        file: invoices in the Online Retail format; None looks for the file beside the project.
        restart: which parts are restarted gracefully once half of the orders are placed.
        deadline: seconds until everything has come to rest after the last order.
        browsing: whether shoppers look around before they buy, and somebody attacks.
    """

    invoices: int = 1000
    buyers: int = 24
    file: Path | None = None
    restart: Restart | None = None
    deadline: float = 300
    browsing: bool = True

    @classmethod
    def parse(cls, arguments: list[str] | None = None) -> "DemoOptions":
        """Read a command line; ends the process with a message when it is wrong."""
        parser = argparse.ArgumentParser(prog="python -m shop_devstack.demo", description=__doc__)
        parser.add_argument("--invoices", type=_positive, default=cls.invoices, help="how many to replay")
        parser.add_argument("--buyers", type=_positive, default=cls.buyers, help="how many buy at once")
        parser.add_argument("--file", type=Path, help="invoices in the Online Retail format, CSV or CSV.gz")
        parser.add_argument(
            "--restart-halfway",
            dest="restart",
            nargs="?",
            const="services",
            choices=("services", "everything"),
            help="restart the services, or everything, gracefully with orders in flight",
        )
        parser.add_argument(
            "--deadline", type=_positive, default=cls.deadline, help="seconds to wait for the receipts"
        )
        parser.add_argument(
            "--no-browsing", dest="browsing", action="store_false", help="buy alone, without looking around"
        )
        return cls(**vars(parser.parse_args(arguments)))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number

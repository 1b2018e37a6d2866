"""What keeps the demo from going on, or from ending well.

DemoError (a DevstackError)
├── UnreadableInvoicesError  the file is not there, or is no list of invoice lines
├── UnexpectedAnswerError    the shop answered something that the demo did not ask for
├── NoAnswerError            the shop did not answer before the deadline
└── NotDrainedError          the topics could not be read to their end before the deadline
"""

from shop_devstack.errors import DevstackError


class DemoError(DevstackError):
    """Base of the demo's errors."""


class UnreadableInvoicesError(DemoError):
    """The file is not there, or is no list of invoice lines."""


class UnexpectedAnswerError(DemoError):
    """The shop answered something that the demo did not ask for."""

    def __init__(self, request: str, status: int, body: object) -> None:
        super().__init__(f"{request} was answered with {status}: {str(body)[:500]}")
        self.status = status


class NotDrainedError(DemoError):
    """The topics could not be read to their end before the deadline."""


class NoAnswerError(DemoError):
    """The shop did not answer, or was not available, until the deadline."""

    def __init__(self, request: str, seconds: float, reason: str) -> None:
        super().__init__(f"{request} had no answer within {seconds:.0f} s: {reason}")

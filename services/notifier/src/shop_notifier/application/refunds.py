"""What a customer is told once money was given back, or goods are not taken back."""

from __future__ import annotations

from shop_events.contracts.amounts import format_money
from shop_events.contracts.catalog import OrderRefunded, OrderReturnDeclined
from shop_notifier.application.order_news import News, tell
from shop_notifier.store.unit_of_work import NotifierUnitOfWork

REFUND = "refund"
REFUSAL = "return-declined"


async def queue(uow: NotifierUnitOfWork, refund: OrderRefunded) -> None:
    """Tell a customer that money was given back, once.

    Raises:
        NotYet: nothing is known of the customer so far.
    """
    about = {"order_id": refund.order_id, "refund_id": refund.refund_id}
    content = {
        "order_id": refund.order_id,
        "amount": format_money(refund.amount),
        "lines": [{"title": each.title, "quantity": each.quantity} for each in refund.refunded_lines],
    }
    await tell(uow, News(REFUND, f"{REFUND}:{refund.refund_id}", refund.user_id, about, content))


async def queue_refusal(uow: NotifierUnitOfWork, refusal: OrderReturnDeclined) -> None:
    """Tell a customer that goods are not taken back, once; why, the order's page says.

    Raises:
        NotYet: nothing is known of the customer so far.
    """
    about = {"order_id": refusal.order_id, "return_id": refusal.return_id}
    content = {
        "order_id": refusal.order_id,
        "lines": [{"title": each.title, "quantity": each.quantity} for each in refusal.declined],
    }
    await tell(uow, News(REFUSAL, f"{REFUSAL}:{refusal.return_id}", refusal.user_id, about, content))

"""The payment adapter against the provider sandbox, well and unwell."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import httpx
import pytest

from shop_catalog.adapters.payments import PaymentClient, open_session
from shop_catalog.domain.payments import (
    Authorised,
    Captured,
    Charge,
    Declined,
    Refunded,
    RefundFailed,
    Repayment,
    Reversal,
    Reversed,
    Unknown,
    Voided,
)
from shop_events.contracts import Money

pytestmark = pytest.mark.integration

TIMEOUT = 1.5


@pytest.fixture
async def provider(sandbox: httpx.AsyncClient) -> AsyncIterator[PaymentClient]:
    async with open_session("sk_sandbox", TIMEOUT) as session:
        yield PaymentClient(session, str(sandbox.base_url))


async def disturb(sandbox: httpx.AsyncClient, mode: str, count: int = 1) -> None:
    fault = {"mode": mode, "count": count}
    (await sandbox.put("/sandbox/faults/payments", json=fault)).raise_for_status()


def charge(method: str = "pm_card_visa") -> Charge:
    attempt = secrets.token_hex(8)
    return Charge(f"pay_{attempt}", f"ord_{attempt}", Money(amount=1234, currency="GBP"), method)


async def intents(sandbox: httpx.AsyncClient, asked: Charge) -> list[dict[str, object]]:
    query = {"metadata[attempt_id]": asked.attempt_id}
    headers = {"Authorization": "Bearer sk_sandbox"}
    answer = await sandbox.get("/v1/payment_intents", params=query, headers=headers)
    found: list[dict[str, object]] = answer.json()["data"]
    return found


async def test_a_good_card_is_charged_once_however_often_it_is_asked(
    provider: PaymentClient, sandbox: httpx.AsyncClient
) -> None:
    asked = charge()
    outcomes = await asyncio.gather(*(provider.charge(asked) for _ in range(5)))
    [intent] = await intents(sandbox, asked)
    assert set(outcomes) == {Captured(str(intent["id"]))}
    assert (intent["amount_received"], intent["currency"]) == (1234, "gbp")


async def test_a_declined_card_says_why(provider: PaymentClient) -> None:
    assert await provider.charge(charge("pm_card_declined")) == Declined("card_declined")


async def test_a_card_that_does_not_exist_is_a_decline(provider: PaymentClient) -> None:
    assert await provider.charge(charge("pm_card_nobody")) == Declined("resource_missing")


@pytest.mark.parametrize("mode", ["429", "500", "503", "accept_silently", "refuse_connection_or_hang"])
async def test_what_is_not_answered_clearly_is_unknown_and_asking_again_settles_it(
    provider: PaymentClient, sandbox: httpx.AsyncClient, mode: str
) -> None:
    asked = charge()
    await disturb(sandbox, mode)
    assert isinstance(await provider.charge(asked), Unknown)
    assert isinstance(await provider.charge(asked), Captured)
    assert len(await intents(sandbox, asked)) == 1


async def test_a_wrong_key_of_ours_is_nobodys_decline(sandbox: httpx.AsyncClient) -> None:
    async with open_session("sk_wrong", TIMEOUT) as session:
        outcome = await PaymentClient(session, str(sandbox.base_url)).charge(charge())
    assert outcome == Unknown("status 401")


async def test_a_provider_that_is_not_there_is_unknown() -> None:
    async with open_session("sk_sandbox", TIMEOUT) as session:
        assert isinstance(await PaymentClient(session, "http://127.0.0.1:1").charge(charge()), Unknown)


@pytest.mark.parametrize("is_known", [True, False])
async def test_what_was_taken_is_refunded_once(
    provider: PaymentClient, sandbox: httpx.AsyncClient, is_known: bool
) -> None:
    asked = charge()
    taken = await provider.charge(asked)
    assert isinstance(taken, Captured)
    reversal = Reversal.of(asked, taken.intent_id if is_known else None)
    assert [await provider.reverse(reversal) for _ in range(2)] == [Reversed.REFUNDED] * 2
    [intent] = await intents(sandbox, asked)
    assert intent["amount_refunded"] == 1234


@pytest.mark.parametrize("method", ["pm_card_declined", "pm_card_error"])
async def test_an_attempt_that_took_nothing_needs_no_refund(provider: PaymentClient, method: str) -> None:
    asked = charge(method)
    await provider.charge(asked)
    assert await provider.reverse(Reversal.of(asked, None)) is Reversed.NOTHING_TAKEN


async def test_a_refund_that_is_not_answered_is_unknown(
    provider: PaymentClient, sandbox: httpx.AsyncClient
) -> None:
    asked = charge()
    await provider.charge(asked)
    await disturb(sandbox, "503")
    assert await provider.reverse(Reversal.of(asked, None)) is Reversed.UNKNOWN
    await disturb(sandbox, "accept_silently", count=2)
    assert await provider.reverse(Reversal.of(asked, None)) is Reversed.UNKNOWN


@pytest.fixture
async def holder(sandbox: httpx.AsyncClient) -> AsyncIterator[PaymentClient]:
    async with open_session("sk_sandbox", TIMEOUT) as session:
        yield PaymentClient(session, str(sandbox.base_url), capture="manual")


async def test_what_is_held_is_captured_once(holder: PaymentClient, sandbox: httpx.AsyncClient) -> None:
    asked = charge()
    held = await holder.charge(asked)
    assert isinstance(held, Authorised)
    taken = [await holder.capture(asked, held.intent_id) for _ in range(2)]
    assert taken == [Captured(held.intent_id)] * 2
    [intent] = await intents(sandbox, asked)
    assert intent["amount_received"] == 1234


@pytest.mark.parametrize("is_known", [True, False])
async def test_what_is_held_is_voided_and_then_gone(
    holder: PaymentClient, sandbox: httpx.AsyncClient, is_known: bool
) -> None:
    asked = charge()
    held = await holder.charge(asked)
    assert isinstance(held, Authorised)
    reversal = Reversal.of(asked, held.intent_id if is_known else None)
    assert await holder.reverse(reversal) is Reversed.VOIDED
    assert await holder.reverse(reversal) is Reversed.NOTHING_TAKEN
    assert await holder.capture(asked, held.intent_id) == Voided()
    [intent] = await intents(sandbox, asked)
    assert (intent["status"], intent["amount_received"]) == ("canceled", 0)


async def test_a_capture_that_is_not_answered_is_unknown(
    holder: PaymentClient, sandbox: httpx.AsyncClient
) -> None:
    asked = charge()
    held = await holder.charge(asked)
    assert isinstance(held, Authorised)
    await disturb(sandbox, "503")
    assert isinstance(await holder.capture(asked, held.intent_id), Unknown)
    assert isinstance(await holder.capture(asked, held.intent_id), Captured)


def repayment(asked: Charge, intent_id: str, amount: int) -> Repayment:
    return Repayment(
        f"ref_{secrets.token_hex(4)}", asked.order_id, intent_id, Money(amount=amount, currency="GBP")
    )


async def refunds(sandbox: httpx.AsyncClient, intent_id: str) -> list[dict[str, object]]:
    headers = {"Authorization": "Bearer sk_sandbox"}
    answer = await sandbox.get("/v1/refunds", params={"payment_intent": intent_id}, headers=headers)
    found: list[dict[str, object]] = answer.json()["data"]
    return found


async def test_parts_of_a_payment_are_refunded_each_once(
    provider: PaymentClient, sandbox: httpx.AsyncClient
) -> None:
    asked = charge()
    captured = await provider.charge(asked)
    assert isinstance(captured, Captured)
    first, rest = (repayment(asked, captured.intent_id, amount) for amount in (1000, 234))
    outcomes = await asyncio.gather(*(provider.refund(each) for each in (first, first, rest, rest)))
    assert set(outcomes) == {Refunded()}
    assert sorted(each["amount"] for each in await refunds(sandbox, captured.intent_id)) == [234, 1000]  # type: ignore[type-var]
    too_much = await provider.refund(repayment(asked, captured.intent_id, 1))
    assert too_much == RefundFailed("charge_already_refunded")


@pytest.mark.parametrize("mode", ["429", "500", "503", "accept_silently", "refuse_connection_or_hang"])
async def test_a_refund_without_a_clear_answer_is_unknown_and_asking_again_gives_back_once(
    provider: PaymentClient, sandbox: httpx.AsyncClient, mode: str
) -> None:
    asked = charge()
    captured = await provider.charge(asked)
    assert isinstance(captured, Captured)
    back = repayment(asked, captured.intent_id, 500)
    await disturb(sandbox, mode)
    assert isinstance(await provider.refund(back), Unknown)
    assert await provider.refund(back) == Refunded()
    assert len(await refunds(sandbox, captured.intent_id)) == 1

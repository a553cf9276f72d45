"""Checkout: open a session, let the payer pay, be declined or leave, and expire what nobody finished."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import stripe

from foundation.errors import Conflict, NotFound, Refused
from payments.gateways.sandbox import charges, stripe_objects
from payments.gateways.sandbox.provider import Provider, seconds
from payments.gateways.sandbox.scenarios import DEBIT_TAKES_MS, NORMAL, Behaviour, Outcome
from payments.gateways.sandbox.store import Record
from payments.gateways.sandbox.stripe_params import SessionOrder
from payments.gateways.sandbox.webhooks import emit


class CheckoutSessionNotFound(NotFound):
    """There is no such checkout session."""


class CheckoutSessionClosed(Conflict):
    """The checkout session is already complete or expired."""


class ExpiryOutOfRange(Refused):
    """A session lives between 30 minutes and 24 hours."""


def create_session(provider: Provider, order: SessionOrder) -> Record:
    """Open a session and its page. Raises ExpiryOutOfRange."""
    at, session_id = provider.now(), stripe_objects.new_id("cs_test_")
    currency = order.line_items[0].price_data.currency
    kept = {
        "metadata",
        "client_reference_id",
        "customer_email",
        "locale",
        "success_url",
        "cancel_url",
    }
    session = stripe_objects.checkout_session(
        id=session_id,
        url=f"{provider.settings.base_url}/c/pay/{session_id}",
        amount_minor=order.total_minor,
        currency=currency,
        expires_at=_expiry(order.expires_at, at),
        at=at,
        given={**order.model_dump(include=kept), "submit_type": order.submit_type},
    )
    lines = [
        stripe_objects.line_item(
            name=line.price_data.product_data.name,
            unit_minor=line.price_data.unit_amount,
            quantity=line.quantity,
            currency=currency,
        )
        for line in order.line_items
    ]
    intent_data = order.payment_intent_data.model_dump()
    provider.store.put("session", session)
    provider.store.put("order", {"id": session_id, "lines": lines, "intent": intent_data})
    provider.store.put("open_session", {"id": session_id, "expires_at": session["expires_at"]})
    return session


def expire_session(provider: Provider, id: str) -> Record:
    """Close an open session: nobody can pay it any more.

    Raises CheckoutSessionNotFound and CheckoutSessionClosed.
    """
    with provider.store.change():
        session = open_session(provider, id)
        expired = {**session, "status": "expired", "url": None}
        provider.store.put("session", expired)
        provider.store.drop("open_session", id)
        emit(provider, [("checkout.session.expired", expired)])
    return expired


def expire_due(provider: Provider) -> None:
    """Close every session whose time is over."""
    now = seconds(provider.now())
    with provider.store.change():
        for waiting in provider.store.all("open_session"):
            if waiting["expires_at"] <= now:
                expire_session(provider, waiting["id"])


def submit_payment(
    provider: Provider, id: str, *, outcome: Outcome, behaviour: Behaviour = NORMAL
) -> tuple[Record, Sequence[str]]:
    """Do what the payer chose on the page; answers the session and the ids of the events it caused.

    A session is charged once: whoever submits a complete one again is answered the same session.
    Raises CheckoutSessionNotFound and CheckoutSessionClosed (expired).
    """
    with provider.store.change():
        session = find_session(provider, id)
        if session["status"] == "complete":
            return session, []
        if open_session(provider, id)["expires_at"] <= seconds(provider.now()):
            raise CheckoutSessionClosed(session=id, status="expired")
        intent = _intent_of(provider, session)
        if outcome == Outcome.DECLINE:
            session, happened = _declined(provider, session, intent)
        elif outcome in {Outcome.PAY_LATER, Outcome.FAIL_LATER}:
            session, happened = _debit_started(provider, session, intent, outcome=outcome)
        else:
            intent, happened = charges.succeed(provider, intent)
            session = _completed(provider, session, intent, payment_status="paid")
            happened = [*happened, ("checkout.session.completed", session)]
        return session, emit(provider, happened, behaviour=behaviour)


def finish_debits(provider: Provider) -> None:
    """Let the bank answer the debits that take a while."""
    with provider.store.change():
        for debit in provider.store.all("debit"):
            if debit["due_ms"] <= provider.now_ms():
                _finish_debit(provider, debit)


def find_session(provider: Provider, id: str) -> Record:
    """The session as it stands. Raises CheckoutSessionNotFound."""
    session = provider.store.find("session", id)
    if session is None:
        raise CheckoutSessionNotFound(session=id)
    return session


def open_session(provider: Provider, id: str) -> Record:
    """The session, still open and in time. Raises CheckoutSessionNotFound and CheckoutSessionClosed."""
    session = find_session(provider, id)
    if session["status"] != "open":
        raise CheckoutSessionClosed(session=id, status=session["status"])
    return session


def _expiry(asked: int | None, at: datetime) -> int:
    latest = seconds(at + timedelta(hours=24))
    if asked is not None and not seconds(at + timedelta(minutes=30)) <= asked <= latest:
        raise ExpiryOutOfRange(expires_at=asked)
    return asked or latest


def _intent_of(provider: Provider, session: Record) -> Record:
    """The session's intent; Stripe makes it at the first try to pay, and keeps it for the next."""
    known = provider.store.find("payment_intent", str(session["payment_intent"]))
    if known is not None:
        return known
    order = provider.store.find("order", session["id"]) or {"intent": {}}
    return stripe_objects.payment_intent(
        amount_minor=session["amount_total"],
        currency=session["currency"],
        data=order["intent"],
        at=provider.now(),
    )


def _declined(
    provider: Provider, session: Record, intent: Record
) -> tuple[Record, charges.Happened]:
    refused, happened = charges.fail(provider, intent)
    waiting = {**session, "payment_intent": refused["id"]}
    provider.store.put("session", waiting)
    return waiting, happened


def _debit_started(
    provider: Provider, session: Record, intent: Record, *, outcome: Outcome
) -> tuple[Record, charges.Happened]:
    processing = {**intent, "status": "processing"}
    provider.store.put("payment_intent", processing)
    due_ms = provider.now_ms() + DEBIT_TAKES_MS
    provider.store.put("debit", {"id": session["id"], "due_ms": due_ms, "outcome": outcome})
    complete = _completed(provider, session, processing, payment_status="unpaid")
    return complete, [
        ("payment_intent.processing", processing),
        ("checkout.session.completed", complete),
    ]


def _finish_debit(provider: Provider, debit: Record) -> None:
    session = find_session(provider, debit["id"])
    intent = _intent_of(provider, session)
    if debit["outcome"] == Outcome.FAIL_LATER:
        _, happened = charges.fail(provider, intent)
        happened = [*happened, ("checkout.session.async_payment_failed", session)]
    else:
        _, happened = charges.succeed(provider, intent)
        session = {**session, "payment_status": "paid"}
        provider.store.put("session", session)
        happened = [*happened, ("checkout.session.async_payment_succeeded", session)]
    provider.store.drop("debit", debit["id"])
    emit(provider, happened)


def _completed(
    provider: Provider, session: Record, intent: Record, *, payment_status: str
) -> Record:
    details: dict[str, Any] = stripe_objects.blank(stripe.checkout.Session.CustomerDetails)
    complete = {
        **session,
        "status": "complete",
        "payment_status": payment_status,
        "payment_intent": intent["id"],
        "customer_details": {**details, "email": session["customer_email"], "tax_exempt": "none"},
        "url": None,
    }
    provider.store.put("session", complete)
    provider.store.drop("open_session", session["id"])
    return complete

"""Charges: take the money of an intent, or see the card refused; refund a charge."""

from typing import Any

import stripe

from foundation.errors import Refused
from payments.gateways.sandbox import stripe_objects
from payments.gateways.sandbox.provider import Provider
from payments.gateways.sandbox.store import Record

# What became true, as (event type, object); whoever made it true tells it.
Happened = list[tuple[str, Record]]


class RefundTooLarge(Refused):
    """The refund is larger than what remains of the charge."""


class ChargeAlreadyRefunded(Refused):
    """The charge has already been refunded in full."""


def succeed(provider: Provider, intent: Record) -> tuple[Record, Happened]:
    """Take the money: the charge, its line in the balance with the fee, and the paid intent."""
    store, at, amount = provider.store, provider.now(), int(intent["amount"])
    taken = stripe_objects.charge(intent, succeeded=True, at=at)
    line = stripe_objects.balance_transaction(
        type="charge",
        source=taken["id"],
        amount_minor=amount,
        fee_minor=provider.settings.stripe_fee.fee_minor(amount),
        currency=intent["currency"],
        at=at,
    )
    charge = {**taken, "balance_transaction": line["id"]}
    paid = {
        **intent,
        "status": "succeeded",
        "amount_received": amount,
        "latest_charge": charge["id"],
        "payment_method": charge["payment_method"],
        "last_payment_error": None,
        "next_action": None,
    }
    for kind, record in (
        ("charge", charge),
        ("balance_transaction", line),
        ("payment_intent", paid),
    ):
        store.put(kind, record)
    return paid, [("charge.succeeded", charge), ("payment_intent.succeeded", paid)]


def fail(provider: Provider, intent: Record) -> tuple[Record, Happened]:
    """The bank refuses: no money moved, and the intent waits for another method."""
    charge = stripe_objects.charge(intent, succeeded=False, at=provider.now())
    error = {
        **stripe_objects.blank(stripe.PaymentIntent.LastPaymentError),
        "charge": charge["id"],
        "code": charge["failure_code"],
        "decline_code": "generic_decline",
        "message": charge["failure_message"],
        "type": "card_error",
    }
    refused = {
        **intent,
        "status": "requires_payment_method",
        "latest_charge": charge["id"],
        "last_payment_error": error,
    }
    provider.store.put("charge", charge)
    provider.store.put("payment_intent", refused)
    return refused, [("charge.failed", charge), ("payment_intent.payment_failed", refused)]


def refund_charge(
    provider: Provider, charge: Record, *, amount_minor: int | None, given: dict[str, Any]
) -> tuple[Record, Happened]:
    """Send `amount_minor` back to the payer, or all that remains; the fee is kept.

    Raises ChargeAlreadyRefunded and RefundTooLarge.
    """
    remaining = int(charge["amount_captured"]) - int(charge["amount_refunded"])
    amount = remaining if amount_minor is None else amount_minor
    if remaining == 0:
        # A failed charge has nothing to give back either.
        raise ChargeAlreadyRefunded(charge=charge["id"])
    if amount > remaining:
        raise RefundTooLarge(asked_minor=amount, remaining_minor=remaining)

    at = provider.now()
    unbooked = stripe_objects.refund(charge, amount_minor=amount, given=given, at=at)
    line = stripe_objects.balance_transaction(
        type="refund",
        source=unbooked["id"],
        amount_minor=-amount,
        fee_minor=0,
        currency=charge["currency"],
        at=at,
    )
    refund = {**unbooked, "balance_transaction": line["id"]}
    refunded = {
        **charge,
        "amount_refunded": charge["amount_refunded"] + amount,
        "refunded": amount == remaining,
    }
    for kind, record in (("refund", refund), ("balance_transaction", line), ("charge", refunded)):
        provider.store.put(kind, record)
    return refund, [("refund.created", refund), ("charge.refunded", refunded)]

"""Stripe's objects as its API answers them: built field by field as API version 2026-10-28 names them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any

import stripe
from stripe import StripeObject

from payments.gateways.sandbox.provider import seconds
from payments.gateways.sandbox.store import Record


def new_id(prefix: str) -> str:
    """An id as Stripe makes them: "pi_" and 24 characters, "cs_test_" and 58."""
    return prefix + token_hex(29 if prefix.startswith("cs_") else 12)


def blank(shape: type[StripeObject]) -> dict[str, Any]:
    """Every field that the SDK's class knows, empty: so no name is ours and none is missing."""
    return dict.fromkeys(name for name in shape.__annotations__ if name != "OBJECT_NAME")


def checkout_session(
    *,
    id: str,
    url: str,
    amount_minor: int,
    currency: str,
    expires_at: int,
    at: datetime,
    given: Mapping[str, Any],
) -> Record:
    """An open, unpaid session; `given` are the fields that simply keep what the caller sent."""
    return {
        **blank(stripe.checkout.Session),
        "id": id,
        "object": "checkout.session",
        "amount_subtotal": amount_minor,
        "amount_total": amount_minor,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "created": seconds(at),
        "currency": currency,
        "custom_fields": [],
        "custom_text": dict.fromkeys(
            ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
        ),
        "customer_creation": "if_required",
        "discounts": [],
        "expires_at": expires_at,
        "livemode": False,
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "shipping_options": [],
        "status": "open",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": url,
        **given,
    }


def line_item(*, name: str, unit_minor: int, quantity: int, currency: str) -> Record:
    """One line of a session."""
    total = unit_minor * quantity
    return {
        "id": new_id("li_"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": currency,
        "description": name,
        "quantity": quantity,
        "price": {
            "id": new_id("price_"),
            "object": "price",
            "currency": currency,
            "unit_amount": unit_minor,
            "type": "one_time",
        },
    }


def payment_intent(
    *, amount_minor: int, currency: str, data: Mapping[str, Any], at: datetime
) -> Record:
    """An intent that has not succeeded yet; `data` is what the session was given for it."""
    intent_id = new_id("pi_")
    return {
        **blank(stripe.PaymentIntent),
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount_minor,
        "amount_capturable": 0,
        "amount_received": 0,
        "capture_method": "automatic_async",
        "client_secret": f"{intent_id}_secret_{token_hex(12)}",
        "confirmation_method": "automatic",
        "created": seconds(at),
        "currency": currency,
        "description": data.get("description"),
        "livemode": False,
        "metadata": dict(data.get("metadata", {})),
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }


def charge(intent: Record, *, succeeded: bool, at: datetime) -> Record:
    """One try to take the intent's amount: the money, or the card's refusal."""
    taken = intent["amount"] if succeeded else 0
    outcome = {
        "network_status": "approved_by_network" if succeeded else "declined_by_network",
        "reason": None if succeeded else "generic_decline",
        "risk_level": "normal",
        "seller_message": "Payment complete." if succeeded else "The bank did not return details.",
        "type": "authorized" if succeeded else "issuer_declined",
    }
    return {
        **blank(stripe.Charge),
        "id": new_id("ch_"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": taken,
        "amount_refunded": 0,
        "billing_details": dict.fromkeys(("address", "email", "name", "phone", "tax_id")),
        "captured": succeeded,
        "created": seconds(at),
        "currency": intent["currency"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": None if succeeded else "card_declined",
        "failure_message": None if succeeded else "Your card was declined.",
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "outcome": outcome,
        "paid": succeeded,
        "payment_intent": intent["id"],
        "payment_method": new_id("pm_"),
        "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242"}},
        "refunded": False,
        "status": "succeeded" if succeeded else "failed",
    }


def balance_transaction(
    *, type: str, source: str, amount_minor: int, fee_minor: int, currency: str, at: datetime
) -> Record:
    """One line of the balance: `amount` is signed, `net` is amount - fee."""
    fee = {
        "amount": fee_minor,
        "application": None,
        "currency": currency,
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    return {
        **blank(stripe.BalanceTransaction),
        "id": new_id("txn_"),
        "object": "balance_transaction",
        "amount": amount_minor,
        "available_on": seconds(at),
        "balance_type": "payments",
        "created": seconds(at),
        "currency": currency,
        "fee": fee_minor,
        "fee_details": [fee] if fee_minor else [],
        "net": amount_minor - fee_minor,
        "reporting_category": type,
        "source": source,
        "status": "available" if type == "payout" else "pending",
        "type": type,
    }


def refund(charge: Record, *, amount_minor: int, given: Mapping[str, Any], at: datetime) -> Record:
    """Money on its way back to the payer; cards succeed at once."""
    return {
        **blank(stripe.Refund),
        "id": new_id("re_"),
        "object": "refund",
        "amount": amount_minor,
        "charge": charge["id"],
        "created": seconds(at),
        "currency": charge["currency"],
        "payment_intent": charge["payment_intent"],
        "status": "succeeded",
        **given,
    }


def payout(*, amount_minor: int, currency: str, arrival: datetime, at: datetime) -> Record:
    """Money on its way from the balance to the bank account."""
    return {
        **blank(stripe.Payout),
        "id": new_id("po_"),
        "object": "payout",
        "amount": amount_minor,
        "arrival_date": seconds(arrival),
        "automatic": True,
        "created": seconds(at),
        "currency": currency,
        "description": "STRIPE PAYOUT",
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "reconciliation_status": "in_progress",
        "source_type": "card",
        "status": "pending",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }


def event(type: str, object: Record, *, at: datetime) -> Record:
    """What happened, with the object as it stood then."""
    return {
        **blank(stripe.Event),
        "id": new_id("evt_"),
        "object": "event",
        "api_version": stripe.api_version,
        "created": seconds(at),
        "data": {"object": object},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type,
    }


def list_of(records: Sequence[Record], *, url: str, has_more: bool) -> Record:
    """One page of a list."""
    return {"object": "list", "data": list(records), "has_more": has_more, "url": url}

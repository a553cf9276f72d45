"""Stripe: hosted Checkout, verified webhooks, and settlement from balance transactions.

Card data never reaches us: the payer is sent to Stripe's own page. The state of a payment is always
read from Stripe, never believed from an event's body or from the payer's return.
Source: Stripe API 2026-10-28, docs of Checkout Sessions, Webhooks, Balance transactions.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from stripe.checkout import Session as CheckoutSession

from foundation.errors import Refused
from ledger.money import Money
from payments.gateways.protocol import (
    CallbackForged,
    CheckoutRequest,
    Notice,
    OpenedCheckout,
    ProviderPayment,
    ProviderState,
    ProviderUnreachable,
    SettledItem,
    SettlementReport,
)

# Stripe's own default; it refuses old stamps only, we refuse future ones too.
TOLERANCE = timedelta(seconds=300)
# Stripe takes 30 minutes to 24 hours; an hour is enough to pay, and frees an abandoned bill.
CHECKOUT_LIFETIME = timedelta(hours=1)
LOCALES = {"uz": "en", "uz-Cyrl": "ru", "ru": "ru", "en": "en"}
MOST_BIGINT = 2**63 - 1
_STAMP = re.compile(r"(?:^|,)t=(\d{1,12})(?:,|$)")


class StripeGateway:
    """Stripe behind the gateway protocol; `api_url` points to the sandbox twin when set."""

    name = "stripe"
    can_be_asked = True

    def __init__(
        self, secret_key: str, webhook_secrets: Sequence[str], *, api_url: str | None = None
    ) -> None:
        self._secrets = tuple(webhook_secrets)
        self._client = stripe.StripeClient(
            secret_key,
            max_network_retries=2,
            http_client=stripe.RequestsClient(timeout=10),
            base_addresses={"api": api_url} if api_url else None,
        )

    def open_checkout(self, request: CheckoutRequest) -> OpenedCheckout:
        """Create a Checkout Session; our charge is its idempotency key, so a retry finds the first."""
        expires_at = request.created_at + CHECKOUT_LIFETIME
        with _reachable():
            session = self._client.v1.checkout.sessions.create(
                {
                    "mode": "payment",
                    "client_reference_id": request.handle,
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": request.amount.currency.lower(),
                                "unit_amount": request.amount.minor,
                                "product_data": {"name": request.description},
                            },
                        }
                    ],
                    "metadata": {
                        "charge": request.handle,
                        "payment_reference": request.reference,
                        "language": request.language,
                    },
                    "payment_intent_data": {
                        "metadata": {
                            "charge": request.handle,
                            "payment_reference": request.reference,
                        }
                    },
                    "success_url": request.return_url,
                    "cancel_url": request.return_url,
                    "expires_at": int(expires_at.timestamp()),
                    "locale": LOCALES.get(request.language, "en"),
                },
                {"idempotency_key": request.handle},
            )
        return OpenedCheckout(url=session.url or "", provider_ref=session.id)

    def close_checkout(self, provider_ref: str) -> ProviderPayment:
        """Expire the session; one that was paid or has expired meanwhile says so."""
        with _reachable():
            try:
                return _payment(self._client.v1.checkout.sessions.expire(provider_ref))
            except stripe.InvalidRequestError:
                return self._retrieve(provider_ref)

    def ask(self, provider_ref: str) -> ProviderPayment:
        """Retrieve the session with its payment intent."""
        with _reachable():
            return self._retrieve(provider_ref)

    def read_callback(self, body: bytes, headers: Mapping[str, str], *, at: datetime) -> Notice:
        """Check `Stripe-Signature` over the raw bytes against each secret (two while rotating)."""
        signature = headers.get("stripe-signature", "")
        stamp = _STAMP.search(signature)
        if stamp is None or abs(at.timestamp() - int(stamp.group(1))) > TOLERANCE.total_seconds():
            raise CallbackForged(provider=self.name, reason="timestamp")
        if not any(_signed_with(secret, body, signature) for secret in self._secrets):
            raise CallbackForged(provider=self.name, reason="signature")
        try:
            return self.reread(body)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, Refused):
            raise CallbackForged(provider=self.name, reason="body") from None

    def reread(self, body: bytes) -> Notice:
        """Which object the event is about; its state is never taken from here."""
        return _notice(json.loads(body))

    def settlements(self, *, since: datetime) -> list[SettlementReport]:
        """Payouts created since then, each with its balance transactions (automatic payouts only)."""
        with _reachable():
            payouts = self._client.v1.payouts.list(
                {"created": {"gte": int(since.timestamp())}, "limit": 100}
            )
            return [self._report(payout) for payout in payouts.auto_paging_iter()]

    def _retrieve(self, provider_ref: str) -> ProviderPayment:
        params: Any = {"expand": ["payment_intent"]}
        return _payment(self._client.v1.checkout.sessions.retrieve(provider_ref, params))

    def _report(self, payout: stripe.Payout) -> SettlementReport:
        transactions = self._client.v1.balance_transactions.list(
            {"payout": payout.id, "limit": 100, "expand": ["data.source"]}
        )
        items = []
        for row in transactions.auto_paging_iter():
            if row.type in {"charge", "payment", "refund", "payment_refund"}:
                currency = row.currency.upper()
                kind = "refund" if row.type.endswith("refund") else "payment"
                gross, fee = Money(row.amount, currency), Money(row.fee, currency)
                intent, handle = _intent_of(row.source), _handle_of(row.source)
                items.append(SettledItem(kind, intent, gross, fee, handle))
        arrival = datetime.fromtimestamp(payout.arrival_date, tz=UTC)
        net = Money(payout.amount, payout.currency.upper())
        return SettlementReport(payout.id, arrival, net, items)


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except stripe.StripeError as failure:
        raise ProviderUnreachable(
            provider="stripe",
            status=failure.http_status,
            reason=failure.code or type(failure).__name__,
        ) from failure


def _signed_with(secret: str, body: bytes, signature: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(body, signature, secret))
    except (stripe.SignatureVerificationError, UnicodeDecodeError, TypeError):
        return False  # TypeError: a header that is not ASCII cannot be compared


def _notice(event: dict[str, Any]) -> Notice:
    """Only what says which object to retrieve is taken from the event. Raises ValueError and the like."""
    subject = event["data"]["object"]
    kind = _word(event["type"])
    metadata = subject.get("metadata") or {}
    handle = metadata.get("charge") or subject.get("client_reference_id")
    is_session = kind.startswith("checkout.session.")
    about = "other"
    if is_session or kind.startswith("payment_intent."):
        about = "payment"
    elif kind.startswith(("charge.refund", "refund.", "charge.dispute.")):
        about = "money_back"
    elif kind.startswith("payout."):
        about = "payout"
    return Notice(
        external_id=_word(event["id"]),
        type=kind,
        provider_ref=_word(subject["id"]) if is_session else None,
        handle=_word(handle) if handle else None,
        about=about,
        amount=_amount(subject),
    )


def _word(value: object) -> str:
    """An id or a type: short and printable, so that it can be stored. Raises ValueError."""
    if isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable():
        return value
    raise ValueError("not an id")


def _amount(subject: Mapping[str, Any]) -> Money | None:
    minor, currency = subject.get("amount"), subject.get("currency")
    if minor is None or currency is None:
        return None
    if type(minor) is not int or abs(minor) > MOST_BIGINT:
        raise ValueError("not an amount in minor units")
    return Money(minor, _word(currency).upper())


def _payment(session: CheckoutSession) -> ProviderPayment:
    return ProviderPayment(
        provider_ref=session.id,
        handle=session.client_reference_id,
        state=_state(session),
        amount=Money(session.amount_total or 0, (session.currency or "uzs").upper()),
        payment_ref=_id_of(session.payment_intent),
    )


def _state(session: CheckoutSession) -> ProviderState:
    if session.payment_status == "paid":
        return ProviderState.PAID
    if session.status == "expired":
        return ProviderState.EXPIRED
    if session.status == "open":
        return ProviderState.OPEN
    intent = session.payment_intent
    if isinstance(intent, stripe.PaymentIntent) and intent.status in {
        "requires_payment_method",
        "canceled",
    }:
        return ProviderState.DECLINED  # an asynchronous payment that did not go through
    return ProviderState.PROCESSING


def _intent_of(source: Any) -> str:  # noqa: ANN401 - an id, or the expanded charge or refund
    if isinstance(source, str):
        return source
    return _id_of(source.payment_intent) or ""


def _handle_of(source: Any) -> str | None:  # noqa: ANN401
    """Our charge: its name stands in the payment intent's metadata, which Stripe's charges copy."""
    metadata = None if isinstance(source, str) else source.metadata
    return metadata["charge"] if metadata and "charge" in metadata else None


def _id_of(intent: "str | stripe.PaymentIntent | None") -> str | None:
    return intent.id if isinstance(intent, stripe.PaymentIntent) else intent

"""What every payment provider can be asked; nothing of any one provider is known above this."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from foundation.errors import Refusal
from ledger.money import Money


class ProviderUnreachable(Refusal):
    """The payment provider does not answer now; your card was not asked for anything."""

    status = 503


class CallbackForged(Refusal):
    """This message was not signed by the provider."""

    status = 400


class ProviderState(StrEnum):
    """What a provider says of an attempt, in our words."""

    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    DECLINED = "declined"
    EXPIRED = "expired"


@dataclass(frozen=True)
class CheckoutRequest:
    """What a provider is asked for; `handle` names our charge and is the idempotency key."""

    handle: str
    reference: str
    amount: Money
    description: str
    language: str
    return_url: str
    created_at: datetime


@dataclass(frozen=True)
class OpenedCheckout:
    """Where to send the payer, and the provider's name for the attempt (None: it will tell us)."""

    url: str
    provider_ref: str | None


@dataclass(frozen=True)
class ProviderPayment:
    """The present state of an attempt, read from the provider itself.

    `payment_ref` names the payment in the provider's settlement reports, once there is one.
    """

    provider_ref: str
    handle: str | None
    state: ProviderState
    amount: Money | None
    payment_ref: str | None = None


@dataclass(frozen=True)
class Notice:
    """A verified callback: its own id, its type, and what it is about."""

    external_id: str
    type: str
    provider_ref: str | None = None
    handle: str | None = None
    about: str = "other"
    amount: Money | None = None


@dataclass(frozen=True)
class SettledItem:
    """One line of a settlement report: a payment, or a refund with negative amounts.

    `handle` is our charge, where the provider has kept its name beside the payment.
    """

    kind: str
    payment_ref: str
    gross: Money
    fee: Money
    handle: str | None = None


@dataclass(frozen=True)
class SettlementReport:
    """A provider's payout: what it will send to the bank, and of what it consists."""

    payout_id: str
    arrival: datetime
    net: Money
    items: Sequence[SettledItem]


class Gateway(Protocol):
    """A payment provider."""

    name: str
    can_be_asked: bool
    """Whether `ask` has an answer; a provider that only ever calls us has none."""

    def open_checkout(self, request: CheckoutRequest) -> OpenedCheckout:
        """Ask for a hosted payment page; asking again is the same page. Raises ProviderUnreachable."""
        ...

    def close_checkout(self, provider_ref: str) -> ProviderPayment:
        """Give an attempt up and say what became of it. Raises ProviderUnreachable."""
        ...

    def ask(self, provider_ref: str) -> ProviderPayment | None:
        """What the provider says now; None when it cannot be asked. Raises ProviderUnreachable."""
        ...

    def read_callback(self, body: bytes, headers: Mapping[str, str], *, at: datetime) -> Notice:
        """Verify a callback on its raw bytes. Raises CallbackForged."""
        ...

    def reread(self, body: bytes) -> Notice:
        """Read a callback again that was verified when it was stored."""
        ...

    def settlements(self, *, since: datetime) -> list[SettlementReport]:
        """The payouts announced since then. Raises ProviderUnreachable."""
        ...


Gateways = Mapping[str, Gateway]

"""One payment of a citizen, by state: we are checking, a receipt, or not paid."""

from dataclasses import dataclass
from datetime import datetime

from ledger.money import Money

STEPS = ("sent", "provider", "agency", "receipt")


@dataclass(frozen=True)
class Moment:
    """Something that happened to a payment; `what` is a word of WORDS["payment_event"]."""

    what: str
    at: datetime
    amount: Money | None = None


@dataclass(frozen=True)
class CheckingPage:
    """`checking.html`: we do not know the outcome yet and say so.

    `step` is the one of STEPS that is under way. `provider_url` leads back to the provider's page
    while the payer has something to do there. `refreshes` is False when the reader stopped it
    (`?wait=no`); else the answer carries a Refresh header.
    """

    url: str
    bill_reference: str
    agency: str
    service: str
    amount: Money
    provider: str
    step: str
    started_at: datetime
    checked_at: datetime
    provider_url: str | None = None
    can_cancel: bool = False
    refreshes: bool = True

    @property
    def steps(self) -> tuple[tuple[str, str], ...]:
        """Each step with its place: done, now or next."""
        now = STEPS.index(self.step)
        place = ["done"] * now + ["now"] + ["next"] * (len(STEPS) - now - 1)
        return tuple(zip(STEPS, place, strict=True))


@dataclass(frozen=True)
class ReceiptPage:
    """`receipt.html`: the money has arrived.

    `state` is valid, voided (cancelled or reversed at `voided_at`) or credit: it arrived for a bill
    that was no longer open, and `credit_reason` says why, a word of WORDS["credit_reason"].
    `sealing` says how far its evidence is, a word of WORDS["sealing"]; at `proof_url` is its proof.
    """

    number: str
    state: str
    bill_reference: str
    agency: str
    service: str
    payer: str
    amount: Money
    provider: str
    paid_at: datetime
    timeline: tuple[Moment, ...] = ()
    voided_at: datetime | None = None
    credit_reason: str | None = None
    sealing: str = "waiting"
    proof_url: str | None = None


@dataclass(frozen=True)
class NotPaidPage:
    """`not_paid.html`: this attempt has ended without money, for good.

    `outcome` is declined, cancelled or expired; `bill_open` tells whether the bill can be paid now.
    """

    outcome: str
    bill_reference: str
    agency: str
    service: str
    amount: Money
    provider: str
    ended_at: datetime
    bill_open: bool
    code: str


@dataclass(frozen=True)
class ProviderUnreachablePage:
    """`provider_unreachable.html`: the provider did not answer before it asked for anything."""

    bill_reference: str
    amount: Money
    provider: str
    code: str

"""A provider in memory for tests: it acts at once, and may be told to fail before or after acting."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from ledger.money import Money
from payments.gateways.protocol import (
    CallbackForged,
    CheckoutRequest,
    Notice,
    OpenedCheckout,
    ProviderPayment,
    ProviderState,
    ProviderUnreachable,
    SettlementReport,
)


class PowerCut(BaseException):
    """Our process is gone at this point: nothing after it is done."""


@dataclass
class StubGateway:
    """One attempt for each handle, as a provider with idempotency keys has it."""

    name: str = "stripe"
    can_be_asked: bool = True
    requests: list[CheckoutRequest] = field(default_factory=list)
    attempts: dict[str, ProviderPayment] = field(default_factory=dict)
    reports: list[SettlementReport] = field(default_factory=list)
    before_acting: Callable[[], None] = lambda: None
    after_acting: Callable[[], None] = lambda: None
    asked: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def open_checkout(self, request: CheckoutRequest) -> OpenedCheckout:
        self.before_acting()
        ref = f"cs_{request.handle}"
        with self.lock:
            self.requests.append(request)
            opened = ProviderPayment(ref, request.handle, ProviderState.OPEN, request.amount)
            self.attempts.setdefault(ref, opened)
        self.after_acting()
        return OpenedCheckout(f"https://pay.example/{ref}", ref)

    def close_checkout(self, provider_ref: str) -> ProviderPayment:
        self.before_acting()
        if self.attempts[provider_ref].state is ProviderState.OPEN:
            self.says(provider_ref, ProviderState.EXPIRED)
        self.after_acting()
        return self.attempts[provider_ref]

    def ask(self, provider_ref: str) -> ProviderPayment | None:
        self.before_acting()
        self.asked.append(provider_ref)
        return self.attempts.get(provider_ref) if self.can_be_asked else None

    def read_callback(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        at: datetime,  # noqa: ARG002 - the protocol's name; this provider stamps nothing
    ) -> Notice:
        if headers.get("signature") != "right":
            raise CallbackForged(provider=self.name)
        return self.reread(body)

    def reread(self, body: bytes) -> Notice:
        """The body is the handle; "!" in it makes the reader fail as no reader should."""
        handle = body.decode()
        if "!" in handle:
            raise ZeroDivisionError(f"poison \x00 {handle}")
        return Notice(f"evt_{handle}", "payment.changed", handle=handle, about="payment")

    def settlements(self, *, since: datetime) -> list[SettlementReport]:  # noqa: ARG002 - all of them
        self.before_acting()
        return list(self.reports)

    def says(
        self, provider_ref: str, state: ProviderState, amount: Money | None = None
    ) -> ProviderPayment:
        """From now on the attempt is in this state; a paid one has a payment reference."""
        known = self.attempts[provider_ref]
        payment = f"pi_{provider_ref}" if state is ProviderState.PAID else None
        now = ProviderPayment(provider_ref, known.handle, state, amount or known.amount, payment)
        self.attempts[provider_ref] = now
        return now


def unreachable() -> None:
    raise ProviderUnreachable(provider="stripe")


def power_cut() -> None:
    raise PowerCut

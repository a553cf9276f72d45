"""The provider and its settings: addresses, keys, fee rules and accounts, all given from outside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor

from payments.gateways.sandbox.store import Store

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FeeRule:
    """What a provider keeps of one payment: `rate` of it and a fixed part in its own minor units."""

    rate: Fraction
    fixed_minor: int
    source: str

    def fee_minor(self, gross_minor: int) -> int:
        """The fee of one payment, rounded half up to the minor unit, never more than the payment."""
        exact = self.rate * gross_minor + self.fixed_minor
        return min(floor(exact + Fraction(1, 2)), gross_minor)


# A fee is not given back when the payment is refunded: both providers keep it, and so do their twins.
STRIPE_FEE = FeeRule(
    Fraction(29, 1000),
    fixed_minor=100_00,
    source="the sandbox's own figures of 21 November 2026, not Stripe's price list",
)
PAYME_FEE = FeeRule(
    Fraction(1, 100),
    fixed_minor=0,
    source="the sandbox's own figure of 21 November 2026, not Payme's price list",
)


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """Everything the provider is told; it reads no environment and no clock of its own."""

    base_url: str
    clock: Callable[[], datetime]
    stripe_secret_key: str
    stripe_webhook_url: str
    stripe_webhook_secret: str
    payme_endpoint_url: str
    payme_key: str
    payme_merchant: str
    # ISO code -> our operator's 20-digit account; a payout needs an account in its currency.
    collection_accounts: Mapping[str, str]
    payme_login: str = "Paycom"
    account_holder: str = "Mizon"
    bank_name: str = "Sandbox Bank"
    bank_code: str = "00014"
    stripe_fee: FeeRule = STRIPE_FEE
    payme_fee: FeeRule = PAYME_FEE
    opening_minor: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Provider:
    """What every part of the twin is given: the settings, and a memory that outlives the process."""

    settings: ProviderSettings
    store: Store

    def now(self) -> datetime:
        """The present instant, by the clock of the settings."""
        return self.settings.clock()

    def now_ms(self) -> int:
        """The present instant in milliseconds since 1970, as Payme counts."""
        return milliseconds(self.now())


def milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970, without passing through a float."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def seconds(at: datetime) -> int:
    """Whole seconds since 1970, as Stripe counts."""
    return (at - EPOCH) // timedelta(seconds=1)

"""Money: integer minor units with a currency; parse and show it, never through float."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Self

from foundation.errors import Refused
from ledger.currencies import CURRENCIES


class CurrencyUnknown(Refused):
    """This currency is not one Mizon keeps books in."""


class AmountMalformed(Refused):
    """This is not an amount of money in this currency."""


class CurrenciesDiffer(Refused):
    """Amounts in two currencies cannot be added or compared."""


def exponent_of(currency: str) -> int:
    """How many decimals the currency has (UZS 2, JPY 0). Raises CurrencyUnknown."""
    if currency not in CURRENCIES:
        raise CurrencyUnknown(currency=currency)
    return CURRENCIES[currency][1]


def numeric_code(currency: str) -> int:
    """The ISO 4217 numeric code (UZS 860). Raises CurrencyUnknown."""
    exponent_of(currency)
    return CURRENCIES[currency][0]


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`minor` units of `currency`: Money(12_50, "EUR") is twelve euros fifty."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent_of(self.currency)

    @classmethod
    def of(cls, amount: str | Decimal, currency: str) -> Self:
        """Read a plain decimal ("1250.00"); decimals the currency lacks are refused.

        Raises AmountMalformed and CurrencyUnknown.
        """
        places = exponent_of(currency)
        text = str(amount)
        digits = text.removeprefix("-").replace(".", "", 1)
        if not (digits.isascii() and digits.isdigit()):
            raise AmountMalformed(amount=text, currency=currency)
        scaled = Fraction(Decimal(text)) * 10**places
        if scaled.denominator != 1:
            raise AmountMalformed(amount=text, currency=currency, decimals=places)
        return cls(int(scaled), currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        return self.minor >= self._same(other)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise CurrenciesDiffer(left=self.currency, right=other.currency)
        return other.minor

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, exactly: Decimal("12.50")."""
        return Decimal(self.minor).scaleb(-exponent_of(self.currency))

    def __str__(self) -> str:
        return f"{self.decimal:f} {self.currency}"


def UZS(amount: str | Decimal) -> Money:  # noqa: N802 - reads as a unit: UZS("50000.00")
    """Soʻm as people write them: UZS("50000.00")."""
    return Money.of(amount, "UZS")

"""Money: exact to the minor unit, one currency at a time, refused rather than rounded."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.currencies import CODES, CURRENCIES
from ledger.money import (
    UZS,
    AmountMalformed,
    CurrenciesDiffer,
    CurrencyUnknown,
    Money,
    exponent_of,
    numeric_code,
)

# What the ledger's bigint holds.
MINOR = st.integers(min_value=-(2**63), max_value=2**63 - 1)
CURRENCY = st.sampled_from(sorted(CURRENCIES))


@pytest.mark.parametrize(
    "written",
    [
        "",
        ".",
        "-",
        "--1",
        "1,50",
        "1 000",
        "1_000",
        "1e3",
        "1.2.3",
        "0x10",
        "NaN",
        "Infinity",
        "+5",
        " 5",
        "5\n",
        "٥",
        "५.५",
        "1\u00a0000",
        "5 UZS",
        "\x00",
    ],
)
def test_what_is_not_a_plain_decimal_is_refused(written):
    with pytest.raises(AmountMalformed):
        Money.of(written, "UZS")


@pytest.mark.parametrize(
    ("written", "currency"),
    [("0.001", "UZS"), ("1.5", "JPY"), ("0.0001", "KWD"), ("10.005", "EUR"), ("0.5", "XOF")],
)
def test_decimals_that_the_currency_has_not_are_refused_and_never_rounded(written, currency):
    with pytest.raises(AmountMalformed):
        Money.of(written, currency)


@pytest.mark.parametrize("currency", ["", "uzs", "UZ", "XXX", "XAU", "ZZZ", "UZS ", "860"])
def test_a_currency_without_books_is_refused(currency):
    with pytest.raises(CurrencyUnknown):
        Money(1, currency)
    with pytest.raises(CurrencyUnknown):
        numeric_code(currency)


@pytest.mark.parametrize("operator", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_two_currencies_are_never_added_nor_compared(operator):
    with pytest.raises(CurrenciesDiffer):
        getattr(UZS("1"), operator)(Money(1_00, "EUR"))


def test_equal_figures_of_two_currencies_are_not_equal_money():
    assert Money(1_00, "UZS") != Money(1_00, "EUR")


def test_money_cannot_be_changed():
    with pytest.raises(AttributeError):
        UZS("1").minor = 2


@pytest.mark.parametrize(
    ("written", "currency", "minor"),
    [
        ("1250.00", "UZS", 1250_00),
        ("1250.5", "UZS", 1250_50),
        (".05", "UZS", 5),
        ("7.", "UZS", 7_00),
        ("-0.01", "UZS", -1),
        ("1.500", "UZS", 1_50),
        ("5", "JPY", 5),
        ("0.001", "KWD", 1),
        ("1.0001", "CLF", 1_0001),
        (Decimal("12.50"), "EUR", 12_50),
        ("92233720368547758.07", "UZS", 2**63 - 1),
    ],
)
def test_an_amount_is_read_to_the_last_minor_unit(written, currency, minor):
    assert Money.of(written, currency) == Money(minor, currency)


def test_a_long_row_of_digits_is_read_exactly():
    assert Money.of("9" * 60 + ".99", "UZS").minor == 10**62 - 1


@settings(max_examples=200)
@given(minor=MINOR, currency=CURRENCY)
def test_what_is_shown_can_be_read_again_and_is_the_same(minor, currency):
    money = Money(minor, currency)
    figure, code = str(money).split(" ")

    assert Money.of(figure, code) == money
    assert Fraction(money.decimal) * 10 ** exponent_of(currency) == minor


@settings(max_examples=200)
@given(left=MINOR, right=MINOR, currency=CURRENCY)
def test_sums_and_order_are_those_of_whole_numbers(left, right, currency):
    one, other = Money(left, currency), Money(right, currency)

    assert (one + other).minor == left + right
    assert (one - other) + other == one
    assert (one < other, one <= other) == (left < right, left <= right)
    assert (one > other, one >= other) == (left > right, left >= right)


def test_every_currency_has_a_number_of_its_own():
    assert len(CODES) == len(CURRENCIES)
    assert numeric_code("UZS") == 860
    assert (exponent_of("UZS"), exponent_of("JPY"), exponent_of("KWD")) == (2, 0, 3)
    assert all(len(code) == 3 and code.isupper() for code in CURRENCIES)

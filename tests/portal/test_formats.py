from datetime import UTC, date, datetime

import pytest

from ledger.money import Money
from portal import formats
from portal.languages import Language

UZ, CYRL, RU, EN = Language


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        (UZ, "1 250 000,05 soʻm"),
        (CYRL, "1 250 000,05 сўм"),
        (RU, "1 250 000,05 сум"),
        (EN, "1,250,000.05 UZS"),
    ],
)
def test_money_is_written_as_each_language_writes_it(language, shown):
    amount = Money(1_250_000_05, "UZS")
    assert formats.money(amount, language).replace("\N{NO-BREAK SPACE}", " ") == shown


def test_no_sum_can_break_over_two_lines():
    assert " " not in formats.money(Money(-1_250_000_05, "UZS"), RU)


def test_money_is_exact_beyond_what_a_float_can_hold():
    assert formats.figure(Money(9_007_199_254_740_993_01, "UZS"), EN) == "9,007,199,254,740,993.01"


def test_a_negative_sum_has_a_true_minus_and_zero_has_none():
    assert formats.figure(Money(-5, "UZS"), EN) == "\N{MINUS SIGN}0.05"
    assert formats.figure(Money(0, "UZS"), EN) == "0.00"


def test_another_currency_shows_its_code():
    assert formats.money(Money(12_50, "EUR"), UZ) == "12,50\N{NO-BREAK SPACE}EUR"


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        (UZ, "2026-yil 9-mart"),
        (CYRL, "2026 йил 9 март"),
        (RU, "9 марта 2026 года"),
        (EN, "9 March 2026"),
    ],
)
def test_the_month_is_always_in_words(language, shown):
    assert formats.day(date(2026, 3, 9), language).replace("\N{NO-BREAK SPACE}", " ") == shown


@pytest.mark.parametrize("language", Language)
def test_every_language_has_twelve_different_months(language):
    assert len(set(formats.FORMATS[language].months.split())) == 12


def test_a_moment_is_told_by_the_clock_of_tashkent():
    evening = datetime(2026, 12, 31, 20, 30, tzinfo=UTC)
    shown = formats.moment(evening, EN).replace("\N{NO-BREAK SPACE}", " ")
    assert shown == "1 January 2027, 01:30"


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        formats.clock(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake itself


def test_a_reference_is_read_in_groups_of_four():
    assert formats.reference("10100007000000000178") == "1010 0007 0000 0000 0178"

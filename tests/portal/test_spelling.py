import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import UZS, Money
from portal.languages import Language
from portal.spelling import NUMERALS, in_words, spelled


@pytest.mark.parametrize(
    ("amount", "language", "words"),
    [
        ("1250000.00", Language.UZ, "bir million ikki yuz ellik ming soʻm 00 tiyin"),
        ("1250000.00", Language.UZ_CYRL, "бир миллион икки юз эллик минг сўм 00 тийин"),
        ("1250000.00", Language.EN, "one million two hundred fifty thousand soʻm 00 tiyin"),
        ("2001.05", Language.RU, "две тысячи один сум 05 тийин"),
        ("21012.40", Language.RU, "двадцать одна тысяча двенадцать сум 40 тийин"),
        ("111000", Language.RU, "сто одиннадцать тысяч сум 00 тийин"),
        ("3000000000", Language.RU, "три миллиарда сум 00 тийин"),
        ("0.99", Language.EN, "zero soʻm 99 tiyin"),
        ("42", Language.EN, "forty-two soʻm 00 tiyin"),
    ],
)
def test_a_sum_is_spelled_out(amount, language, words):
    assert in_words(UZS(amount), language) == words


def test_what_has_no_words_here_is_left_in_figures():
    assert in_words(Money(12_50, "EUR"), Language.UZ) == ""
    assert in_words(Money(-1, "UZS"), Language.UZ) == ""


@given(st.sampled_from(list(NUMERALS.values())), st.integers(0, 10**17), st.integers(0, 10**17))
def test_two_different_numbers_never_sound_alike(numerals, one, other):
    assert (spelled(one, numerals) == spelled(other, numerals)) == (one == other)

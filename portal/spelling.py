"""Spell a sum out in words, so that a slipped digit is noticed before it is paid.

"bir million ikki yuz ellik ming soʻm 00 tiyin". Tiyin stay figures, as on payment orders.
"""

from dataclasses import dataclass

from ledger.money import Money
from portal.languages import Language
from portal.transliteration import to_cyrillic

TIYIN_IN_SOM = 100


@dataclass(frozen=True)
class Numerals:
    """The number words of a language; each of `scales` (thousand, million, …) as `form_of` takes it."""

    to_nineteen: str
    tens: str
    hundreds: str
    scales: tuple[str, ...]
    joint: str = " "
    thousand_is_feminine: bool = False


UZBEK = Numerals(
    "nol bir ikki uch toʻrt besh olti yetti sakkiz toʻqqiz oʻn oʻn_bir oʻn_ikki oʻn_uch oʻn_toʻrt "
    "oʻn_besh oʻn_olti oʻn_yetti oʻn_sakkiz oʻn_toʻqqiz",
    "yigirma oʻttiz qirq ellik oltmish yetmish sakson toʻqson",
    "bir_yuz ikki_yuz uch_yuz toʻrt_yuz besh_yuz olti_yuz yetti_yuz sakkiz_yuz toʻqqiz_yuz",
    ("ming", "million", "milliard", "trillion", "kvadrillion"),
)
RUSSIAN = Numerals(
    "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать "
    "тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать",
    "двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто",
    "сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот",
    (
        "тысяча тысячи тысяч",
        "миллион миллиона миллионов",
        "миллиард миллиарда миллиардов",
        "триллион триллиона триллионов",
        "квадриллион квадриллиона квадриллионов",
    ),
    thousand_is_feminine=True,
)
ENGLISH = Numerals(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen",
    "twenty thirty forty fifty sixty seventy eighty ninety",
    "one_hundred two_hundred three_hundred four_hundred five_hundred six_hundred seven_hundred "
    "eight_hundred nine_hundred",
    ("thousand", "million", "billion", "trillion", "quadrillion"),
    joint="-",
)
FEMININE = {"один": "одна", "два": "две"}
ENDINGS = {
    Language.UZ: "soʻm {tiyin:02} tiyin",
    Language.RU: "сум {tiyin:02} тийин",
    Language.EN: "soʻm {tiyin:02} tiyin",
}
NUMERALS = {Language.UZ: UZBEK, Language.RU: RUSSIAN, Language.EN: ENGLISH}


def in_words(amount: Money, language: Language) -> str:
    """The sum in words, or "" for a currency that has none here or a sum below nothing."""
    if amount.currency != "UZS" or amount.minor < 0:
        return ""
    if language is Language.UZ_CYRL:
        return to_cyrillic(in_words(amount, Language.UZ))
    som, tiyin = divmod(amount.minor, TIYIN_IN_SOM)
    words = spelled(som, NUMERALS[language])
    return f"{words} {ENDINGS[language].format(tiyin=tiyin)}"


def spelled(number: int, numerals: Numerals) -> str:
    """A whole number in words, by groups of three digits."""
    if number == 0:
        return numerals.to_nineteen.split()[0]
    parts: list[str] = []
    for place, group in enumerate(groups_of(number)):
        if not group:
            continue
        feminine = place == 1 and numerals.thousand_is_feminine
        words = below_thousand(group, numerals, feminine=feminine)
        scale = form_of(group, numerals.scales[place - 1]) if place else ""
        parts.insert(0, f"{words} {scale}".strip())
    return " ".join(parts).replace("_", " ")


def groups_of(number: int) -> list[int]:
    """The three-digit groups of a number, the last first: 1250 is 250 and 1."""
    groups = []
    while number:
        number, group = divmod(number, 1000)
        groups.append(group)
    return groups


def below_thousand(number: int, numerals: Numerals, *, feminine: bool = False) -> str:
    """A number from 1 to 999 in words."""
    hundreds, rest = divmod(number, 100)
    words = [numerals.hundreds.split()[hundreds - 1]] if hundreds else []
    small = numerals.to_nineteen.split()
    if feminine:
        small = [FEMININE.get(word, word) for word in small]
    if rest >= 20:
        ten, one = numerals.tens.split()[rest // 10 - 2], rest % 10
        words.append(f"{ten}{numerals.joint}{small[one]}" if one else ten)
    elif rest:
        words.append(small[rest])
    return " ".join(words)


def form_of(number: int, forms: str) -> str:
    """The form that a number asks for: тысяча, тысячи, тысяч; where there is one, it serves all."""
    one, *more = forms.split()
    if not more or (number % 10 == 1 and number % 100 != 11):
        return one
    few, many = more
    return few if number % 10 in {2, 3, 4} and number % 100 not in {12, 13, 14} else many

"""Money, dates, times, references and counts as people write them in each language.

Own patterns, because the common tables glue "UZS1,234", shorten months and mix apostrophes. Every
gap inside a figure is a no-break space, so no sum is ever broken over two lines.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from foundation.clock import TASHKENT
from ledger.money import Money, exponent_of
from portal.languages import Language

GAP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Format:
    """How one language writes: thousands, decimals, the soʻm, its months, a date."""

    group: str
    point: str
    som: str
    months: str
    day: str

    def number(self, figure: Decimal | int, places: int) -> str:
        """An exact figure with grouped thousands: 1 250 000,00."""
        signs = str.maketrans({",": self.group, ".": self.point})
        digits = f"{abs(figure):,.{places}f}".translate(signs)
        return MINUS + digits if figure < 0 else digits


FORMATS = {
    Language.UZ: Format(
        group=GAP,
        point=",",
        som="soʻm",
        months="yanvar fevral mart aprel may iyun iyul avgust sentabr oktabr noyabr dekabr",
        day=f"{{year}}-yil{GAP}{{day}}-{{month}}",
    ),
    Language.UZ_CYRL: Format(
        group=GAP,
        point=",",
        som="сўм",
        months="январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь",
        day=f"{{year}}{GAP}йил {{day}}{GAP}{{month}}",
    ),
    Language.RU: Format(
        group=GAP,
        point=",",
        som="сум",
        months="января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
        day=f"{{day}}{GAP}{{month}} {{year}}{GAP}года",
    ),
    Language.EN: Format(
        group=",",
        point=".",
        som="UZS",
        months=(
            "January February March April May June July August September October November December"
        ),
        day=f"{{day}}{GAP}{{month}} {{year}}",
    ),
}


def money(amount: Money, language: Language) -> str:
    """1 250 000,00 soʻm; a currency other than the soʻm shows its code."""
    unit = FORMATS[language].som if amount.currency == "UZS" else amount.currency
    return f"{figure(amount, language)}{GAP}{unit}"


def figure(amount: Money, language: Language) -> str:
    """1 250 000,00: for columns whose head names the currency."""
    return FORMATS[language].number(amount.decimal, exponent_of(amount.currency))


def count(number: int, language: Language) -> str:
    """A whole number with grouped thousands: 12 345."""
    return FORMATS[language].number(number, 0)


def day(on: date, language: Language) -> str:
    """A date with its month in words: 12 March 2026, 2026-yil 12-mart."""
    form = FORMATS[language]
    month = form.months.split()[on.month - 1]
    return form.day.format(year=on.year, day=on.day, month=month)


def clock(at: datetime) -> str:
    """The time of day in Tashkent: 14:05."""
    return f"{in_tashkent(at):%H:%M}"


def moment(at: datetime, language: Language) -> str:
    """A date with its time in Tashkent: 12 March 2026, 14:05."""
    return f"{day(in_tashkent(at).date(), language)}, {clock(at)}"


def in_tashkent(at: datetime) -> datetime:
    """The instant on Tashkent's clock; an instant without a zone is a programming error."""
    if at.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return at.astimezone(TASHKENT)


def reference(digits: str) -> str:
    """A reference in groups of four, as it is read aloud: 1010 0007 0000 0000 0178."""
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))

"""Reports to write and read back: one of an accountant's, one in what hostile people type."""

from datetime import date

from ledger.money import UZS, Money
from portal.documents.report import Column, Report, Section
from portal.languages import Language
from tests.portal.samples.world import NOON

WORDS = {
    Language.UZ: ("Oylik hisobot", "Toʻlov maʼmuriyati: gʻazna", "Jami"),
    Language.UZ_CYRL: ("Ойлик ҳисобот", "ЎҚҒҲ ўқғҳ: Ғазна қўмитаси", "Жами"),
    Language.RU: ("Месячный отчёт", "Казначейство: счёт № 5, «Объём»", "Итого"),
    Language.EN: ("Monthly report", "Treasury: “settled” – 5 €", "Total"),
}
HOSTILE = (
    '=HYPERLINK("http://evil.example","pay")',
    "@SUM(A1)",
    "#panic() $x$ *b* _i_ `r` <l> @ref \\ [x] //",
    "\x00\x07\x1b[2J NUL",
    "half \ud800 of a pair \udfff",
    "turned \u202e\u2066around",
    "two\r\nlines\tand\u2028more",
    "_x000D_ <b>&amp;</b> ]]>",
    "e\u0301 и\u0306 \u0301\u0302 中文 العربية 😀",
    "W" * 5_000,
    "",
    " \u00a0 ",
)


def report(rows, *, columns=None, language=Language.UZ, sections=None, **words) -> Report:
    """A report of these rows in one section, or of these sections."""
    return Report(
        title=words.pop("title", "Oylik hisobot"),
        language=language,
        at=NOON,
        columns=columns or [Column("Sana"), Column("Mazmun"), Column("Summa", figures=True)],
        sections=sections if sections is not None else [Section("", rows)],
        **words,
    )


def monthly(language: Language, *, lines: int = 3) -> Report:
    """Two accounts with their entries and totals, in the words of a language."""
    title, name, total = WORDS[language]
    rows = [(date(2026, 3, 1 + day % 28), name, UZS("1250000.05")) for day in range(lines)]
    sum_of_rows = Money(1_250_000_05 * lines, "UZS")
    return report(
        (),
        sections=(Section(f"{code} {name}", rows, (total, None, sum_of_rows)) for code in (10, 20)),
        language=language,
        title=title,
        subtitles=(name, "UZS"),
        section_heading=name,
        notes=(f"{name}, 2026",),
    )


def hostile() -> Report:
    """What people type, in each place that takes words."""
    rows = [(text, text, text) for text in HOSTILE]
    sections = [Section(text, rows if text == HOSTILE[0] else ()) for text in HOSTILE]
    columns = [Column(text) for text in HOSTILE[:3]]
    return report(
        (), columns=columns, sections=sections, title=HOSTILE[4], subtitles=HOSTILE, notes=HOSTILE
    )

"""The reports of a book as documents: trial balance, general ledger, account statement.

Each says of itself whose book it is, which days, how far the book had come, who made it and when. Words
are looked up at once, figures as they are read: a long report leaves while it is still being made.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ledger.accounts import Account
from ledger.currencies import CODES
from ledger.reports.general_ledger import Entry
from ledger.reports.reading import Days, Reading
from ledger.reports.statements import Statement
from ledger.reports.trial_balance import AccountTurnover, ChartTotal, Figures, TrialBalance
from portal import formats
from portal.documents.report import Cell, Column, Report, Row, Section
from portal.languages import Language, translations
from portal.words import WORDS

Translate = Callable[[str], str]


@dataclass(frozen=True)
class About:
    """What a report of a book says of itself; `book` is the organisation's name, `by` who asked."""

    book: str
    days: Days
    reading: Reading
    language: Language
    by: str
    at: datetime

    def report(
        self, title: str, order: str, columns: list[Column], parts: Iterable[Section], of: str = ""
    ) -> Report:
        """The report with its title, what it is about, and at its end how it was made."""
        _ = translations(self.language).gettext
        first, last = (formats.day(day, self.language) for day in (self.days.first, self.days.last))
        return Report(
            title=title,
            language=self.language,
            at=self.at,
            columns=columns,
            sections=parts,
            subtitles=(
                self.book,
                _("From %(first)s to %(last)s.") % {"first": first, "last": last},
                order,
            ),
            section_heading=of,
            notes=self._notes(_),
        )

    def _notes(self, _: Translate) -> tuple[str, ...]:
        count, last = (
            formats.count(number, self.language)
            for number in (self.reading.transfers, self.reading.last_transfer)
        )
        when = formats.moment(self.at, self.language)
        return (
            _("Read in one moment: %(count)s transfers in this book, the last is No. %(last)s.")
            % {"count": count, "last": last},
            _("Made by %(name)s, %(when)s.") % {"name": self.by, "when": when},
        )

    def by_effective_date(self) -> str:
        """In which order, and what was known."""
        _ = translations(self.language).gettext
        known = formats.moment(self.days.known_at or self.at, self.language)
        return _("By day of effect, as known on %(when)s.") % {"when": known}


def trial_balance_document(about: About, parts: list[TrialBalance]) -> Report:
    """Six columns for each account; a number of several accounts, and each currency, with its sum."""
    _ = translations(about.language).gettext
    columns = [
        Column(_("Account")),
        Column(_("Currency")),
        Column(_("Opening debit"), figures=True),
        Column(_("Opening credit"), figures=True),
        Column(_("Debit turnover"), figures=True),
        Column(_("Credit turnover"), figures=True),
        Column(_("Closing debit"), figures=True),
        Column(_("Closing credit"), figures=True),
    ]

    def sections() -> Iterator[Section]:
        for part in parts:
            for number in part.numbers:
                yield _of_number(number, part.currency, _)
            yield Section(totals=(_("Total"), part.currency, *part.total.columns))

    title, order = _("Trial balance"), about.by_effective_date()
    return about.report(title, order, columns, sections(), _("Chart number"))


def general_ledger_document(
    about: About, accounts: Iterable[tuple[AccountTurnover, Iterable[Entry]]]
) -> Report:
    """Every account with its entries between what stood before and what stands after."""
    _ = translations(about.language).gettext
    kinds = _words("journal_kind", _)
    chart = _words("chart", _)
    opening, closing = _("Opening balance"), _("Turnover, closing balance")
    columns = [Column(_("Day")), Column(_("No."), figures=True), *_entry_columns(_)]

    def rows(entries: Iterable[Entry]) -> Iterator[Row]:
        for entry in entries:
            yield entry.effective, entry.seq, *_cells(entry, kinds)

    def sections() -> Iterator[Section]:
        for turnover, entries in accounts:
            yield Section(
                heading=_label(turnover.account, chart),
                opening=(None, None, opening, *[None] * 4, turnover.opening),
                rows=rows(entries),
                totals=(
                    *(None, None, closing, None, None),
                    *(turnover.debits, turnover.credits, turnover.closing),
                ),
            )

    title, order = _("General ledger"), about.by_effective_date()
    return about.report(title, order, columns, sections(), _("Account"))


def statement_document(about: About, statement: Statement, entries: Iterable[Entry]) -> Report:
    """One account's entries in the order in which they were written, with the balance each left."""
    _ = translations(about.language).gettext
    kinds = _words("journal_kind", _)
    columns = [
        Column(_("No."), figures=True),
        Column(_("Written")),
        Column(_("Day")),
        *_entry_columns(_),
    ]
    section = Section(
        opening=(None, None, None, _("Opening balance"), *[None] * 4, statement.opening),
        rows=(
            (entry.seq, entry.posted_at, entry.effective, *_cells(entry, kinds))
            for entry in entries
        ),
        totals=(
            *(None, None, None, _("Turnover, closing balance"), None, None),
            *(statement.debits, statement.credits, statement.closing),
        ),
    )
    label = _label(statement.account, _words("chart", _))
    title = _("Statement of account %(account)s") % {"account": label}
    return about.report(title, _("In the order of writing."), columns, [section])


def _of_number(number: ChartTotal, currency: str, _: Translate) -> Section:
    """The accounts of a chart number, and their sum where they are several."""

    def cells(name: str, figures: Figures) -> Row:
        return name, currency, *(money if money.minor else None for money in figures.columns)

    return Section(
        heading=f"{number.number} {_words('chart', _).get(number.number, '')}".strip(),
        rows=[cells(one.account.label, one.figures) for one in number.accounts],
        totals=cells(f"{_('Total')} {number.number}", number.total)
        if len(number.accounts) > 1
        else None,
    )


def _entry_columns(_: Translate) -> list[Column]:
    return [
        Column(_("Entry")),
        Column(_("Other account")),
        Column(_("Journal")),
        Column(_("Debit"), figures=True),
        Column(_("Credit"), figures=True),
        Column(_("Balance"), figures=True),
    ]


def _cells(entry: Entry, kinds: dict[str, str]) -> tuple[Cell, ...]:
    kind = entry.kind.name.lower()
    other = f"{entry.other_number} {entry.other_name}".strip()
    return kinds.get(kind, kind), other, entry.journal, entry.debit, entry.credit, entry.balance


def _label(account: Account, chart: dict[str, str]) -> str:
    """1210 stripe, UZS: Payment provider clearing."""
    title = chart.get(account.number, "")
    return f"{account.label}, {CODES[account.currency]}{': ' if title else ''}{title}"


def _words(kind: str, _: Translate) -> dict[str, str]:
    return {code: _(word) for code, word in WORDS[kind].items()}

"""Periods of a book: for who may close, ask or approve; none; and what a closing sealed."""

from datetime import date

from ledger.money import UZS, Money
from ledger.reports.trial_balance import Figures
from portal.languages import Language, pick
from portal.pages.staff.periods import (
    ClosingRow,
    Held,
    NextPeriod,
    PeriodRow,
    PeriodsPage,
    Reopening,
    ReopeningForm,
    SealedPage,
    SealedSection,
    StillOpen,
)
from tests.portal.samples.world import (
    AGENCY,
    BANK,
    BIG,
    CLEARING,
    LATER,
    NOON,
    OFFICER,
    REVENUE,
    Sample,
    mistake,
    sample,
)

HERE = "/staff/books/1/periods"
JANUARY = (date(2026, 1, 1), date(2026, 1, 31))
FEBRUARY = (date(2026, 2, 1), date(2026, 2, 28))
MARCH = (date(2026, 3, 1), date(2026, 3, 31))
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
OPEN = StillOpen(
    held=(Held(1, UZS("1250000.00")), Held(21, Money(7_500_00, "EUR"))),
    clearing=((CLEARING, BIG),),
)
NOTHING_OPEN = StillOpen((), ())
WHY = "Hisobot davridan keyin topilgan kvitansiya"


def closing(number: int) -> ClosingRow:
    url = f"{HERE}/2026-01-31/closings/{number}"
    return ClosingRow(url, number, LATER, "gulchehra", DIGEST)


def rows() -> tuple[PeriodRow, ...]:
    return (
        PeriodRow(*MARCH, "open"),
        PeriodRow(
            *FEBRUARY,
            "soft",
            moves=(
                ("open_again", f"{HERE}/a"),
                ("close", f"{HERE}/b"),
                ("close_softly", f"{HERE}/c"),
            ),
        ),
        PeriodRow(*JANUARY, "closed", closings=(closing(2), closing(1))),
    )


def periods(language: Language, reopening: Reopening, **more: object) -> Sample:
    view = PeriodsPage(
        staff=OFFICER,
        book=pick(AGENCY, language),
        trial_balance_url="/staff/books/1/trial-balance",
        periods=rows(),
        next=NextPeriod(*FEBRUARY, "soft", OPEN, "dilnoza", NOON),
        reopening=reopening,
        others=((pick(AGENCY, language), "/staff/books/2/periods"),),
        **more,
    )
    return "staff/periods.html", view


@sample("staff-periods")
def to_ask(language: Language) -> Sample:
    found = (mistake(ReopeningForm, "reason", "wrong"),)
    asked = Reopening(f"{HERE}/x", *JANUARY, may_ask=True, typed="ok")
    return periods(language, asked, mistakes=found)


@sample("staff-periods-asked")
def to_approve(language: Language) -> Sample:
    asked = Reopening(f"{HERE}/x", *JANUARY, "dilnoza", NOON, WHY, may_approve=True)
    return periods(language, asked)


@sample("staff-periods-own")
def own(language: Language) -> Sample:
    return periods(language, Reopening(f"{HERE}/x", *JANUARY, "dilnoza", NOON, WHY, own=True))


@sample("staff-periods-none")
def none(language: Language) -> Sample:
    view = PeriodsPage(OFFICER, pick(AGENCY, language), "/staff/books/1/trial-balance", ())
    return "staff/periods.html", view


def sealed_page(language: Language, **more: object) -> Sample:
    view = SealedPage(
        staff=OFFICER,
        book=pick(AGENCY, language),
        back_url=HERE,
        text_url=f"{HERE}/2026-01-31/closings/1/text",
        first_day=JANUARY[0],
        last_day=JANUARY[1],
        closing=closing(1),
        **more,
    )
    return "staff/period_closing.html", view


@sample("staff-period-closing")
def sealed(language: Language) -> Sample:
    nothing = UZS("0")
    bank = Figures(nothing, nothing, BIG, nothing, BIG, nothing)
    revenue = Figures(nothing, nothing, nothing, BIG, nothing, BIG)
    total = Figures.added((bank, revenue), "UZS")
    sections = (SealedSection("UZS", ((BANK, bank), (REVENUE, revenue)), total),)
    return sealed_page(
        language, open=OPEN, sections=sections, reopened_by="gulchehra", reopened_why=WHY
    )


@sample("staff-period-closing-empty")
def sealed_empty(language: Language) -> Sample:
    return sealed_page(language, open=NOTHING_OPEN, sections=())

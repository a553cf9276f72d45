"""The books' reports: a trial balance that holds, one that does not, a general ledger, wrong days."""

from datetime import date

from ledger.money import UZS, Money
from ledger.reports.reading import Reading
from ledger.reports.trial_balance import Figures
from portal.forms import Mistake
from portal.languages import Language, pick
from portal.pages.staff.books import (
    LAST_BEFORE_FIRST,
    BookFrame,
    DaysAsked,
    GeneralLedgerPage,
    LedgerAccount,
    LedgerEntry,
    TrialBalancePage,
    TrialRow,
    TrialSection,
)
from portal.pages.staff.frame import Account
from tests.portal.samples.world import (
    AGENCY,
    BANK,
    BIG,
    CLEARING,
    NOON,
    OFFICER,
    REVENUE,
    Sample,
    sample,
)

NOTHING = UZS("0")
MOVED = UZS("834500000.00")
DAYS = DaysAsked("2026-03-01", "2026-03-12", "2026-03-12T12:00")
WRONG = DaysAsked("2026-03-12", "2026-03-01", "", (Mistake("last_day", LAST_BEFORE_FIRST),))
LEDGER = "/staff/books/1/general-ledger?first_day=2026-03-01&last_day=2026-03-12"


def frame(language: Language, asked: DaysAsked = DAYS) -> BookFrame:
    others = ((pick(AGENCY, language), "/staff/books/2/trial-balance"),)
    return BookFrame(
        OFFICER, 1, pick(AGENCY, language), asked, NOON, Reading(1_204, 98_304), others
    )


def figures(*amounts: Money) -> Figures:
    return Figures(*amounts)


def trial(language: Language, difference: str) -> Sample:
    other = BIG - UZS(difference)
    bank = figures(BIG, NOTHING, MOVED, NOTHING, BIG + MOVED, NOTHING)
    clearing = figures(NOTHING, NOTHING, MOVED, MOVED, NOTHING, NOTHING)
    revenue = figures(NOTHING, other, NOTHING, MOVED, NOTHING, other + MOVED)
    total = Figures.added((bank, clearing, revenue), "UZS")
    stripe = Account("1210", "stripe", CLEARING.url)
    rows = (
        TrialRow("1110", bank, BANK, f"{LEDGER}&account=1"),
        TrialRow("1210", clearing, CLEARING, f"{LEDGER}&account=3"),
        TrialRow("1210", figures(*[NOTHING] * 6), stripe, f"{LEDGER}&account=4"),
        TrialRow("1210", clearing),
        TrialRow("4010", revenue, REVENUE, f"{LEDGER}&account=5"),
    )
    page = TrialBalancePage(frame(language), (TrialSection("UZS", rows, total),))
    return "staff/trial_balance.html", page


@sample("staff-trial-balance")
def trial_balance(language: Language) -> Sample:
    return trial(language, "0")


@sample("staff-trial-balance-broken")
def trial_balance_broken(language: Language) -> Sample:
    return trial(language, "0.01")


@sample("staff-trial-balance-empty")
def trial_balance_empty(language: Language) -> Sample:
    return "staff/trial_balance.html", TrialBalancePage(frame(language), ())


@sample("staff-trial-balance-mistyped")
def trial_balance_mistyped(language: Language) -> Sample:
    return "staff/trial_balance.html", TrialBalancePage(frame(language, WRONG), ())


def entry(seq: int, kind: str, other: Account, debit: str, credit: str) -> LedgerEntry:
    return LedgerEntry(
        url="/staff/books/1/journals/01993f2e-8c1d-7a52-b1f4-5d3c9a0b7e21",
        seq=seq,
        effective=date(2026, 3, 12),
        kind=kind,
        other=other,
        journal="charge 01993f2e-8c1d-7a52-b1f4-5d3c9a0b7e21:settled",
        debit=UZS(debit) if debit else None,
        credit=UZS(credit) if credit else None,
        balance=UZS("-400067890.12"),
    )


@sample("staff-general-ledger")
def general_ledger(language: Language) -> Sample:
    entries = (
        entry(1_204, "payment_confirmed", REVENUE, "1250000.00", ""),
        entry(1_205, "payout_settled", BANK, "", "834500000.00"),
    )
    shown = LedgerAccount(3, CLEARING, BIG, MOVED, MOVED, BIG, entries)
    accounts = (("3", "1210 payme, UZS"), ("5", "4010 registration, UZS"))
    page = GeneralLedgerPage(
        frame(language),
        accounts,
        shown,
        later=f"{LEDGER}&account=3&after=2026-03-12.1205",
        before=f"{LEDGER}&account=1",
        after=f"{LEDGER}&account=5",
    )
    return "staff/general_ledger.html", page


@sample("staff-general-ledger-still")
def general_ledger_still(language: Language) -> Sample:
    shown = LedgerAccount(3, CLEARING, BIG, NOTHING, NOTHING, BIG, ())
    page = GeneralLedgerPage(frame(language), (("3", "1210 payme, UZS"),), shown)
    return "staff/general_ledger.html", page


@sample("staff-general-ledger-empty")
def general_ledger_empty(language: Language) -> Sample:
    return "staff/general_ledger.html", GeneralLedgerPage(frame(language))


@sample("staff-general-ledger-mistyped")
def general_ledger_mistyped(language: Language) -> Sample:
    return "staff/general_ledger.html", GeneralLedgerPage(frame(language, WRONG))

"""The finance officer's pages: home, reconciliation, statements, differences."""

from datetime import date

from identity.sessions import SignInRefused
from ledger.money import UZS, Money
from portal.forms import Mistake
from portal.languages import Language
from portal.pages.staff.breaks import BreakPage, BreakRow, BreaksPage, Fact, Note
from portal.pages.staff.frame import Pages
from portal.pages.staff.home import HomePage, Need
from portal.pages.staff.reconciliation import (
    BankStatement,
    BreakGroup,
    Flow,
    Proof,
    Reason,
    ReconciliationPage,
    Run,
    Stage,
    StatementFile,
    StatementLine,
    StatementPage,
)
from portal.pages.staff.sign_in import SignInPage
from tests.portal.samples.world import (
    CHARGE,
    FLOW,
    LATER,
    NOON,
    NOTHING,
    OFFICER,
    REFERENCE,
    Sample,
    sample,
)


@sample("staff-sign-in")
def sign_in(_: Language) -> Sample:
    return "staff/sign_in.html", SignInPage(onward="/staff/breaks")


@sample("staff-sign-in-refused")
def sign_in_refused(_: Language) -> Sample:
    found = (Mistake.of(SignInRefused(), "login"),)
    return "staff/sign_in.html", SignInPage("dilnoza", mistakes=found)


@sample("staff-signed-out")
def signed_out(_: Language) -> Sample:
    return "staff/sign_in.html", SignInPage(signed_out=True)


@sample("staff-home")
def home(_: Language) -> Sample:
    kinds = ("breaks", "unmatched", "quarantined", "credits", "jobs", "proofs")
    needs = tuple(
        Need(kind, count, "/staff/breaks")
        for kind, count in zip(kinds, (12, 2, 1, 5, 21, 1), strict=True)
    )
    return "staff/home.html", HomePage(OFFICER, needs, FLOW, NOON, LATER, books_hold=True)


@sample("staff-home-empty")
def home_empty(_: Language) -> Sample:
    return "staff/home.html", HomePage(OFFICER, (), Flow(NOTHING, NOTHING, NOTHING), NOON)


@sample("staff-reconciliation")
def reconciliation(_: Language) -> Sample:
    view = ReconciliationPage(
        staff=OFFICER,
        as_of=NOON,
        flow=FLOW,
        matched=Stage(1_043, Money(834_500_000_00, "UZS")),
        unmatched=Stage(2, UZS("310000.00")),
        breaks=(
            BreakGroup("paid_twice", (1, 0, 2, 0, 1), UZS("5000000.00")),
            BreakGroup("unidentified", (0, 1, 0, 0, 0), UZS("310000.00")),
        ),
        proofs=(
            Proof("balances", holds=True, examined=4_120),
            Proof("trial-balance", holds=False, examined=12, difference="org 7, UZS, 100"),
        ),
        runs=(
            Run(NOON, 144, 3, holds=True, by="system:reconcile"),
            Run(LATER, 0, 0, holds=False, by="staff:dilnoza"),
        ),
        files=(
            StatementFile("/staff/statements/9", "camt053_2026-03-12.xml", NOON, "accepted", 144),
            StatementFile("/staff/statements/8", "camt053_2026-03-11.xml", NOON, "quarantined", 12),
        ),
    )
    return "staff/reconciliation.html", view


@sample("staff-reconciliation-empty")
def reconciliation_empty(_: Language) -> Sample:
    view = ReconciliationPage(
        staff=OFFICER,
        as_of=NOON,
        flow=Flow(NOTHING, NOTHING, NOTHING),
        matched=NOTHING,
        unmatched=NOTHING,
        breaks=(),
        proofs=(),
        runs=(),
        files=(),
        mistakes=(Mistake("file", "Choose a file"),),
    )
    return "staff/reconciliation.html", view


@sample("staff-statement")
def statement(_: Language) -> Sample:
    def line(seq: int, state: str, amount: str, url: str | None = None) -> StatementLine:
        purpose = f"{REFERENCE} 08101~4014228603304123430937093~201423281~199"
        return StatementLine(seq, date(2026, 3, 12), UZS(amount), "PAYME LLC", purpose, state, url)

    account = BankStatement(
        account="20208000505703819001",
        opening=UZS("10000000.00"),
        closing=UZS("844500000.00"),
        verdict="accepted",
        entries=4,
        lines=(
            line(1, "matched", "834500000.00", "/staff/payments/7"),
            line(2, "suspense", "310000.00", "/staff/breaks/1"),
            line(3, "unmatched", "-12500.50"),
            line(4, "shown", "5000.00"),
        ),
    )
    view = StatementPage(
        staff=OFFICER,
        name="camt053_2026-03-12.xml",
        format="camt.053.001.08",
        received_at=NOON,
        verdict="accepted",
        reasons=(),
        statements=(account,),
        repeated=True,
        pages=Pages(older="/staff/statements/9?after=4"),
    )
    return "staff/statement.html", view


@sample("staff-statement-quarantined")
def statement_quarantined(_: Language) -> Sample:
    account = BankStatement(
        account="20208000505703819001",
        opening=UZS("10000000.00"),
        closing=None,
        verdict="quarantined",
        entries=0,
        reasons=(Reason("unbalanced", "10000000.00 + 5000.00 ≠ 10005001.00"),),
    )
    view = StatementPage(
        staff=OFFICER,
        name="a-very-long-file-name-of-a-bank-statement-that-never-ends_2026-03-12.xml",
        format="",
        received_at=NOON,
        verdict="quarantined",
        reasons=(Reason("date-gap"),),
        statements=(account,),
    )
    return "staff/statement.html", view


def break_row(number: int, type: str, state: str) -> BreakRow:
    return BreakRow(
        url=f"/staff/breaks/{number}",
        type=type,
        state=state,
        subject=CHARGE,
        amount=UZS("1250000.00"),
        opened_at=NOON,
        age_days=number,
    )


@sample("staff-breaks")
def breaks(_: Language) -> Sample:
    rows = (
        break_row(1, "paid_twice", "open"),
        break_row(2, "unidentified", "open"),
        break_row(5, "amount", "resolved"),
    )
    types = ("paid_twice", "unidentified", "amount")
    pages = Pages(newer="/staff/breaks?before=1", older="/staff/breaks?after=5")
    return "staff/breaks.html", BreaksPage(OFFICER, rows, 3, types, pages=pages)


@sample("staff-breaks-filtered-empty")
def breaks_filtered(_: Language) -> Sample:
    return "staff/breaks.html", BreaksPage(OFFICER, (), 3, ("amount",), type="amount")


@sample("staff-breaks-empty")
def breaks_empty(_: Language) -> Sample:
    return "staff/breaks.html", BreaksPage(OFFICER, (), 0, ())


def break_view(state: str, **more: object) -> Sample:
    view = BreakPage(
        staff=OFFICER,
        url="/staff/breaks/1",
        type="paid_twice",
        state=state,
        opened_at=NOON,
        facts=(
            Fact("asked", UZS("1250000.00")),
            Fact("handle", CHARGE, f"/staff/payments/{CHARGE}"),
            Fact("booking_date", LATER),
            Fact("why", "no_key"),
            Fact("provider", "payme"),
        ),
        notes=(Note("opened", "system:reconcile", NOON),),
        **more,
    )
    return "staff/break.html", view


@sample("staff-break")
def break_open(_: Language) -> Sample:
    found = (Mistake("resolution", "Write it in 10 characters or more"),)
    return break_view("open", resolution="ok", mistakes=found)


@sample("staff-break-resolved")
def break_resolved(_: Language) -> Sample:
    return break_view("resolved")

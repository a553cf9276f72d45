"""A view for every template in every state that it can show, with long names and large sums."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from identity.sessions import SignInRefused
from ledger.money import UZS, Money
from portal.forms import Mistake
from portal.languages import Language, pick
from portal.pages.bills import Attempt, BillPage, MethodForm
from portal.pages.payments import (
    CheckingPage,
    Moment,
    NotPaidPage,
    ProviderUnreachablePage,
    ReceiptPage,
)
from portal.pages.problems import ProblemPage
from portal.pages.staff.bills import BillRow, BillsPage, NewBillForm, NewBillPage, ServiceOption
from portal.pages.staff.books import (
    AccountEntry,
    AccountPage,
    TrialBalancePage,
    TrialRow,
    TrialSection,
)
from portal.pages.staff.breaks import BreakPage, BreakRow, BreaksPage, Fact, Note
from portal.pages.staff.frame import Account, Pages, Staff
from portal.pages.staff.home import HomePage, Need
from portal.pages.staff.jobs import JobRow, JobsPage
from portal.pages.staff.payments import BankLine, PaymentPage, TraceEvent, TransferLine
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
from portal.pages.start import REFERENCE_MISTYPED, StartPage

REFERENCE = "10100007000000000178"
CHARGE = "7-01993f2e-8c1d-7a52-b1f4-5d3c9a0b7e21"
NOON = datetime(2026, 3, 12, 7, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 12, 7, 4, tzinfo=UTC)
BIG = Money(1_234_567_890_12, "UZS")

AGENCY = {
    "uz": "Yashnobod tumani Davlat xizmatlari markazi",
    "ru": "Центр государственных услуг Яшнабадского района",
    "en": "Public Service Centre of Yashnobod district",
}
SERVICE = {
    "uz": "Yuridik shaxsni davlat roʻyxatidan oʻtkazish",
    "ru": "Государственная регистрация юридического лица",
    "en": "State registration of a company",
}
LAW = {
    "uz": "Vazirlar Mahkamasining 2017-yil 9-fevraldagi 66-son qarori",
    "ru": "Постановление Кабинета Министров № 66 от 9 февраля 2017 года",
    "en": "Cabinet resolution No. 66 of 9 February 2017",
}

Sample = tuple[str, object]
SAMPLES: dict[str, Callable[[Language], Sample]] = {}


def sample(name: str) -> Callable[[Callable[[Language], Sample]], Callable[[Language], Sample]]:
    def keep(build: Callable[[Language], Sample]) -> Callable[[Language], Sample]:
        SAMPLES[name] = build
        return build

    return keep


def the_bill(language: Language) -> dict[str, str]:
    return {
        "agency": pick(AGENCY, language),
        "service": pick(SERVICE, language),
        "bill_reference": REFERENCE,
    }


def mistake(form: type, field: str, kind: str = "missing") -> Mistake:
    return Mistake(field, form.sentences[field][kind])


# Citizens


@sample("start")
def start(_: Language) -> Sample:
    return "start.html", StartPage()


@sample("start-mistyped")
def start_mistyped(_: Language) -> Sample:
    found = (Mistake("reference", REFERENCE_MISTYPED),)
    return "start.html", StartPage("1010 0007 0000 0000 0179", found)


def bill(language: Language, state: str, **more: object) -> Sample:
    view = BillPage(
        reference=REFERENCE,
        state=state,
        agency=pick(AGENCY, language),
        service=pick(SERVICE, language),
        payer="A*** K***",
        law=pick(LAW, language),
        amount=UZS("1250000.00"),
        fee=UZS("0.00"),
        due=date(2026, 3, 27),
        **more,
    )
    return "bill.html", view


@sample("bill-open")
def bill_open(language: Language) -> Sample:
    return bill(language, "open", providers=("payme", "stripe"), chosen="payme")


@sample("bill-no-choice")
def bill_no_choice(language: Language) -> Sample:
    found = (mistake(MethodForm, "provider"),)
    return bill(language, "open", providers=("payme", "stripe"), mistakes=found)


@sample("bill-busy")
def bill_busy(language: Language) -> Sample:
    attempt = Attempt(f"/payments/{CHARGE}", "payme", NOON, can_cancel=True)
    return bill(language, "busy", attempt=attempt)


@sample("bill-paid")
def bill_paid(language: Language) -> Sample:
    return bill(language, "paid", settled_on=date(2026, 3, 12))


@sample("bill-expired")
def bill_expired(language: Language) -> Sample:
    return bill(language, "expired", settled_on=date(2026, 3, 27))


@sample("bill-cancelled")
def bill_cancelled(language: Language) -> Sample:
    return bill(language, "cancelled", settled_on=date(2026, 3, 20))


def checking_view(language: Language, **more: object) -> Sample:
    view = CheckingPage(
        url=f"/payments/{CHARGE}",
        amount=UZS("1250000.00"),
        provider="payme",
        started_at=NOON,
        checked_at=LATER,
        **the_bill(language),
        **more,
    )
    return "checking.html", view


@sample("checking")
def checking(language: Language) -> Sample:
    return checking_view(language, step="provider")


@sample("checking-still")
def checking_still(language: Language) -> Sample:
    page = "https://checkout.example/pay"
    return checking_view(
        language, step="sent", provider_url=page, can_cancel=True, refresh_seconds=None
    )


def receipt_view(language: Language, state: str, **more: object) -> Sample:
    view = ReceiptPage(
        number="1010-2026-0000042",
        state=state,
        payer="A*** K***",
        amount=UZS("1250000.00"),
        provider="payme",
        paid_at=LATER,
        **the_bill(language),
        **more,
    )
    return "receipt.html", view


@sample("receipt")
def receipt(language: Language) -> Sample:
    moments = (Moment("created", NOON), Moment("sent", NOON), Moment("settled", LATER, BIG))
    return receipt_view(language, "valid", timeline=moments)


@sample("receipt-voided")
def receipt_voided(language: Language) -> Sample:
    moments = (Moment("settled", NOON), Moment("reversed", LATER))
    return receipt_view(language, "voided", voided_at=LATER, timeline=moments)


@sample("receipt-credit")
def receipt_credit(language: Language) -> Sample:
    return receipt_view(language, "credit", credit_reason="paid")


def not_paid(language: Language, outcome: str, *, bill_open: bool) -> Sample:
    view = NotPaidPage(
        outcome=outcome,
        amount=UZS("1250000.00"),
        provider="payme",
        ended_at=LATER,
        bill_open=bill_open,
        code=CHARGE,
        **the_bill(language),
    )
    return "not_paid.html", view


@sample("not-paid-declined")
def not_paid_declined(language: Language) -> Sample:
    return not_paid(language, "declined", bill_open=True)


@sample("not-paid-cancelled")
def not_paid_cancelled(language: Language) -> Sample:
    return not_paid(language, "cancelled", bill_open=True)


@sample("not-paid-expired")
def not_paid_expired(language: Language) -> Sample:
    return not_paid(language, "expired", bill_open=False)


@sample("provider-unreachable")
def provider_unreachable(_: Language) -> Sample:
    view = ProviderUnreachablePage(REFERENCE, UZS("1250000.00"), "stripe", code="8F2C-41D7")
    return "provider_unreachable.html", view


def problem(status: int) -> Callable[[Language], Sample]:
    money = "unknown" if status >= 500 else "untouched"
    return lambda _: ("problem.html", ProblemPage(status, code="8F2C-41D7", money=money))


SAMPLES |= {f"problem-{status}": problem(status) for status in (403, 404, 409, 422, 429, 500, 503)}


@sample("problem-with-bill")
def problem_with_bill(_: Language) -> Sample:
    return "problem.html", ProblemPage(
        409, "8F2C-41D7", sentence="This bill is already paid.", bill_reference=REFERENCE
    )


# Staff

OFFICER = Staff(
    "Dilnoza Rahimova",
    "finance_officer",
    1,
    ("home", "reconciliation", "breaks", "bills", "books", "jobs"),
)
CLERK = Staff("Otabek Joʻrayev", "agency_clerk", 7, ("bills",))
FLOW = Flow(
    received=Stage(1_204, BIG),
    settled=Stage(1_187, Money(1_134_567_890_12, "UZS")),
    banked=Stage(1_043, Money(834_500_000_00, "UZS")),
)
NOTHING = Stage(0, UZS("0"))
CLEARING = Account("1210", "payme", "/staff/books/1/accounts/3")
REVENUE = Account("4010", "registration", "/staff/books/1/accounts/5")
BANK = Account("1110", "23402000300100001010", "/staff/books/1/accounts/1")


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
        mistakes=(Mistake("statement", "Choose a file"),),
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


@sample("staff-bills")
def bills(language: Language) -> Sample:
    rows = tuple(
        BillRow(
            reference=REFERENCE,
            url=f"/bills/{REFERENCE}",
            payer="Aziza Karimova",
            service=pick(SERVICE, language),
            amount=UZS("1250000.00"),
            state=state,
            due=date(2026, 3, 27),
        )
        for state in ("open", "busy", "paid", "expired", "cancelled")
    )
    return "staff/bills.html", BillsPage(CLERK, rows, issued=REFERENCE)


@sample("staff-bills-none-found")
def bills_none_found(_: Language) -> Sample:
    return "staff/bills.html", BillsPage(CLERK, (), query="Karimova", state="paid")


@sample("staff-bills-empty")
def bills_empty(_: Language) -> Sample:
    return "staff/bills.html", BillsPage(CLERK, ())


@sample("staff-bill-new")
def bill_new(language: Language) -> Sample:
    services = (ServiceOption("0007", pick(SERVICE, language), UZS("1250000.00")),)
    found = (
        mistake(NewBillForm, "service"),
        mistake(NewBillForm, "payer_name"),
        mistake(NewBillForm, "amount", "wrong"),
    )
    typed = {"amount": "a lot"}
    return "staff/bill_new.html", NewBillPage(CLERK, services, typed, found)


@sample("staff-payment")
def payment(language: Language) -> Sample:
    view = PaymentPage(
        staff=OFFICER,
        id=CHARGE,
        state="settled",
        bill_url=f"/bills/{REFERENCE}",
        payer="Aziza Karimova",
        amount=UZS("1250000.00"),
        provider="payme",
        provider_id="65f1c0a2b7e84d0012ab34cd",
        receipt_number="1010-2026-0000042",
        events=(
            TraceEvent(NOON, "citizen", "created"),
            TraceEvent(NOON, "provider", "called", "CreateTransaction"),
            TraceEvent(LATER, "ledger", "posted", "payment_confirmed", "/staff/books/1/accounts/3"),
            TraceEvent(LATER, "bank", "banked", "camt053_2026-03-12.xml"),
        ),
        transfers=(TransferLine("payment_confirmed", CLEARING, REVENUE, UZS("1250000.00")),),
        bank_line=BankLine(
            "/staff/statements/9", "20208000505703819001", date(2026, 3, 13), UZS("834500000.00")
        ),
        **the_bill(language),
    )
    return "staff/payment.html", view


@sample("staff-payment-pending")
def payment_pending(language: Language) -> Sample:
    view = PaymentPage(
        staff=OFFICER,
        id=CHARGE,
        state="pending",
        bill_url=f"/bills/{REFERENCE}",
        payer="Aziza Karimova",
        amount=UZS("1250000.00"),
        provider="stripe",
        provider_id="",
        receipt_number=None,
        events=(TraceEvent(NOON, "citizen", "created"),),
        **the_bill(language),
    )
    return "staff/payment.html", view


def trial(language: Language, difference: str) -> Sample:
    total, other = BIG, BIG - UZS(difference)
    rows = (
        TrialRow(BANK, UZS("834500000.00"), UZS("0"), UZS("834500000.00"), None),
        TrialRow(CLEARING, total, UZS("834500000.00"), total - UZS("834500000.00"), None),
        TrialRow(REVENUE, UZS("0"), other, None, other),
    )
    section = TrialSection("UZS", rows, total, other, total, other)
    return "staff/trial_balance.html", TrialBalancePage(
        OFFICER, pick(AGENCY, language), NOON, (section,)
    )


@sample("staff-trial-balance")
def trial_balance(language: Language) -> Sample:
    return trial(language, "0")


@sample("staff-trial-balance-broken")
def trial_balance_broken(language: Language) -> Sample:
    return trial(language, "0.01")


@sample("staff-trial-balance-empty")
def trial_balance_empty(language: Language) -> Sample:
    return "staff/trial_balance.html", TrialBalancePage(OFFICER, pick(AGENCY, language), NOON, ())


def account_view(language: Language, entries: tuple[AccountEntry, ...], pages: Pages) -> Sample:
    view = AccountPage(
        staff=OFFICER,
        book=pick(AGENCY, language),
        book_url="/staff/books/1/trial-balance",
        account=CLEARING,
        side="debit",
        balance=UZS("400067890.12"),
        entries=entries,
        pages=pages,
    )
    return "staff/account.html", view


@sample("staff-account")
def account(language: Language) -> Sample:
    def entry(seq: int, kind: str, other: Account, debit: str, credit: str) -> AccountEntry:
        return AccountEntry(
            seq=seq,
            effective=date(2026, 3, 12),
            kind=kind,
            other=other,
            debit=UZS(debit) if debit else None,
            credit=UZS(credit) if credit else None,
            balance=UZS("400067890.12"),
        )

    entries = (
        entry(1_205, "payout_settled", BANK, "", "834500000.00"),
        entry(1_204, "payment_confirmed", REVENUE, "1250000.00", ""),
    )
    return account_view(language, entries, Pages(older="/staff/books/1/accounts/3?before=1204"))


@sample("staff-account-empty")
def account_empty(language: Language) -> Sample:
    return account_view(language, (), Pages())


@sample("staff-jobs")
def jobs(_: Language) -> Sample:
    rows = (
        JobRow("reconcile", LATER, NOON, "done", 1),
        JobRow("expire_bills", LATER, NOON, "failed", 5, "OperationalError: server closed"),
        JobRow("prove", LATER),
    )
    return "staff/jobs.html", JobsPage(OFFICER, NOON, rows)


@sample("staff-jobs-empty")
def jobs_empty(_: Language) -> Sample:
    return "staff/jobs.html", JobsPage(OFFICER, NOON, ())


def build(name: str, language: Language) -> Sample:
    return SAMPLES[name](language)


def templates_shown() -> Mapping[str, str]:
    return {build(name, Language.EN)[0]: name for name in SAMPLES}

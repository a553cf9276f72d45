"""Staff pages about records: bills, payments, books, jobs."""

from datetime import date

from ledger.money import UZS
from portal.languages import Language, pick
from portal.pages.staff.bills import BillRow, BillsPage, NewBillForm, NewBillPage, ServiceOption
from portal.pages.staff.jobs import JobRow, JobsPage
from portal.pages.staff.payments import BankLine, PaymentPage, TraceEvent, TransferLine
from tests.portal.samples.world import (
    CHARGE,
    CLEARING,
    CLERK,
    LATER,
    NOON,
    OFFICER,
    REFERENCE,
    REVENUE,
    SERVICE,
    Sample,
    mistake,
    sample,
    the_bill,
)


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
            can_cancel=state in {"open", "expired"},
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


@sample("staff-jobs")
def jobs(_: Language) -> Sample:
    rows = (
        JobRow("reconcile", LATER, NOON, "done", 1),
        JobRow("expire_bills", LATER, NOON, "failed", 5, "OperationalError: server closed"),
        JobRow("prove_books", LATER),
    )
    return "staff/jobs.html", JobsPage(OFFICER, NOON, rows)


@sample("staff-jobs-empty")
def jobs_empty(_: Language) -> Sample:
    return "staff/jobs.html", JobsPage(OFFICER, NOON, ())

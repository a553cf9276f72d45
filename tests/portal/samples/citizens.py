"""A citizen's pages, in every state."""

from collections.abc import Callable
from datetime import date

from ledger.money import UZS
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
from portal.pages.start import REFERENCE_MISTYPED, StartPage
from tests.portal.samples.world import (
    AGENCY,
    BIG,
    CHARGE,
    LATER,
    LAW,
    NOON,
    REFERENCE,
    SAMPLES,
    SERVICE,
    Sample,
    mistake,
    sample,
    the_bill,
)


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
    return checking_view(language, step="sent", provider_url=page, can_cancel=True, refreshes=False)


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

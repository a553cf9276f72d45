"""Journey 1 and 2: a citizen pays a bill by card, however the provider behaves."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from foundation.clock import now
from payments.bills import BillState, cancel_bill
from payments.charges import ChargeState
from payments.checkout import resolve_open_charges
from payments.references import with_check_digits
from tests.given import CLERK
from tests.journeys.books import attempts, bill_now, posted
from tests.journeys.people import CHECKING, path_of

pytestmark = pytest.mark.xdist_group("town")

LATER = timedelta(minutes=2)
LONG_AGO = timedelta(days=40)


@pytest.fixture
def settled_once(desk):
    """The bill is paid by one charge, which was posted once, in full."""

    def check(bill):
        settled = [one for one in attempts(desk.database, bill.reference) if one.settled_at]
        assert [(one.state, one.applied) for one in settled] == [("settled", "bill")]
        assert sum(part.minor for part in posted(desk.database, settled[0])) == bill.amount_minor
        assert bill_now(desk.database, bill.reference).state == BillState.PAID

    return check


def test_from_the_box_to_the_receipt(citizen, new_bill, settled_once):
    bill = new_bill()
    assert citizen.open("/").heading == "Pay a bill or fee"
    typed = " ".join(bill.reference[place : place + 4] for place in range(0, 20, 4))
    page = citizen.follow(citizen.send("/bills", reference=typed))
    assert page.heading == "Check your bill"
    assert "412,000.00 UZS" in page.text
    assert page.facts["Payer"] == "A*** K***"
    receipt = citizen.outcome(citizen.pay(bill))
    assert (receipt.heading, receipt.facts["Payment reference"]) == ("Paid", typed)
    assert receipt.receipt.startswith("2020-")
    settled_once(bill)
    assert citizen.open(f"/bills/{bill.reference}").heading == "This bill is paid"
    again = citizen.send(f"/bills/{bill.reference}/payments", provider="stripe")
    assert (again.status, again.heading) == (409, "This bill is paid")


@pytest.mark.parametrize("behaviour", ["duplicates", "before_redirect"])
def test_a_webhook_that_is_repeated_or_early_settles_once(
    citizen, new_bill, settled_once, behaviour
):
    bill = new_bill()
    assert citizen.outcome(citizen.pay(bill, behaviour=behaviour)).heading == "Paid"
    settled_once(bill)


def test_news_that_comes_late_ends_right_all_the_same(citizen, new_bill, settled_once, desk):
    """A late webhook, a lost answer and two slow debits, all at once, as each takes its seconds."""
    late, lost, slow, failing = (new_bill() for _ in range(4))
    of_late = citizen.pay(late, behaviour="delayed")
    assert citizen.choose(citizen.start(lost), behaviour="answer_lost").status == 502
    of_lost = f"/payments/{attempts(desk.database, lost.reference)[0].handle}"
    of_slow, of_failing = (
        path_of(citizen.choose(citizen.start(bill), outcome).answer.headers["location"])
        for bill, outcome in ((slow, "pay_later"), (failing, "fail_later"))
    )
    for payment in (of_late, of_lost, of_slow, of_failing):
        waiting = citizen.open(payment)
        assert (waiting.heading, waiting.answer.headers["refresh"]) == (CHECKING, "3")
    assert "refresh" not in citizen.open(waiting.address("Stop refreshing")).answer.headers
    assert citizen.open(f"/bills/{lost.reference}").heading == "A payment of this bill is under way"
    for bill, payment in ((late, of_late), (slow, of_slow), (lost, of_lost)):
        assert citizen.outcome(payment).heading == "Paid"
        settled_once(bill)
    assert citizen.outcome(of_failing).heading == "The payment was declined"
    assert bill_now(desk.database, failing.reference).state == BillState.OPEN


def test_a_webhook_that_never_comes_is_made_up_for_by_asking(citizen, new_bill, settled_once, desk):
    bill = new_bill()
    payment = citizen.pay(bill, behaviour="no_webhook")
    assert citizen.open(payment).heading == CHECKING
    resolve_open_charges(desk, at=now() + LATER)
    receipt = citizen.open(payment)
    assert receipt.heading == "Paid"
    assert "Outcome learned by asking the provider" in receipt.text
    settled_once(bill)


def test_a_declined_card_may_be_followed_by_another(citizen, new_bill, settled_once, desk):
    bill = new_bill()
    provider_page = citizen.start(bill)
    assert citizen.choose(provider_page, "decline").status == 402
    assert attempts(desk.database, bill.reference)[0].state == ChargeState.PENDING
    assert citizen.outcome(citizen.pay(bill)).heading == "Paid"
    settled_once(bill)


def test_who_leaves_the_provider_may_go_back_to_it(citizen, new_bill, settled_once):
    bill = new_bill()
    left = citizen.choose(citizen.start(bill), "cancel")
    waiting = citizen.follow(left)
    assert waiting.heading == CHECKING
    paid = citizen.choose(waiting.address("Back to the provider's page"))
    assert citizen.outcome(path_of(paid.answer.headers["location"])).heading == "Paid"
    settled_once(bill)


def test_who_leaves_the_provider_may_give_up_and_pay_another_way(citizen, new_bill, settled_once):
    bill = new_bill()
    provider_page = citizen.start(bill)
    waiting = citizen.follow(citizen.choose(provider_page, "cancel"))
    ended = citizen.follow(citizen.send(waiting.address("Cancel this payment")))
    assert ended.heading == "The payment was cancelled"
    assert citizen.open(provider_page).status == 410  # nobody can pay there any more
    page = citizen.open(ended.address("Pay another way"))
    assert page.heading == "Check your bill"
    assert citizen.outcome(citizen.pay(bill, "payme")).heading == "Paid"
    settled_once(bill)


def test_cancelling_what_is_paid_already_shows_the_receipt(citizen, new_bill, settled_once):
    bill = new_bill()
    payment = citizen.pay(bill, behaviour="no_webhook")
    cancelled = citizen.send(f"{path_of(payment).partition('?')[0]}/cancellation")
    assert citizen.follow(cancelled).heading == "Paid"
    settled_once(bill)


def test_a_form_sent_again_or_twice_at_once_leads_to_one_page(citizen, new_bill, desk):
    bill = new_bill()
    with ThreadPoolExecutor(8) as browsers:
        pages = set(browsers.map(lambda _: citizen.start(bill), range(8)))
    assert len(pages | {citizen.start(bill)}) == 1
    assert len(attempts(desk.database, bill.reference)) == 1


def test_another_provider_waits_while_one_is_paying(citizen, new_bill):
    bill = new_bill()
    provider_page = citizen.start(bill)
    busy = citizen.send(f"/bills/{bill.reference}/payments", provider="payme")
    assert (busy.status, busy.heading) == (409, "A payment of this bill is under way")
    onward = citizen.open(busy.address("Continue this payment"))
    assert onward.address("Back to the provider's page") == provider_page
    ended = citizen.follow(citizen.send(busy.address("Cancel this payment")))
    assert ended.heading == "The payment was cancelled"


def test_a_reference_that_nobody_has_or_that_was_mistyped(citizen, new_bill):
    digits = new_bill().reference
    swapped = (
        digits[:18] + digits[19] + digits[18] if digits[18] != digits[19] else f"9{digits[1:]}"
    )
    for typed, status, sentence in (
        (
            with_check_digits("202000019999999999"),
            404,
            "We have no bill with this payment reference",
        ),
        (swapped, 422, "One digit seems to be wrong"),
        ("hello", 422, "The payment reference has 20 digits and nothing else"),
        ("", 422, "Enter the payment reference"),
    ):
        page = citizen.send("/bills", reference=typed)
        assert (page.status, page.heading) == (status, "Pay a bill or fee")
        assert sentence in page.mistake("reference")
        assert page.tree.xpath("string(//input[@id='reference']/@value)") == typed


def test_an_expired_bill_and_a_cancelled_one_cannot_be_paid(citizen, new_bill, desk):
    expired, cancelled = new_bill(at=now() - LONG_AGO), new_bill()
    with desk.database.transaction() as session:
        cancel_bill(session, cancelled.reference, by=CLERK, at=now())
    for bill, heading in (
        (expired, "The time to pay this bill has passed"),
        (cancelled, "This bill has been cancelled"),
    ):
        assert citizen.open(f"/bills/{bill.reference}").heading == heading
        refused = citizen.send(f"/bills/{bill.reference}/payments", provider="stripe")
        assert (refused.status, refused.heading) == (409, heading)
        assert attempts(desk.database, bill.reference) == []


def test_money_for_a_bill_that_was_cancelled_meanwhile_is_kept_for_the_payer(
    citizen, new_bill, desk
):
    bill = new_bill()
    provider_page = citizen.start(bill)
    with desk.database.transaction() as session:
        cancel_bill(session, bill.reference, by=CLERK, at=now())
    paid = citizen.choose(provider_page)
    page = citizen.outcome(path_of(paid.answer.headers["location"]))
    assert page.heading == "Your money has arrived and waits for you"
    assert "This bill had been cancelled." in page.text


@pytest.mark.parametrize("data", [{}, {"provider": ""}, {"provider": "cash"}, {"provider": "bank"}])
def test_a_way_to_pay_that_is_not_offered_is_asked_for_again(citizen, new_bill, data):
    bill = new_bill()
    page = citizen.send(f"/bills/{bill.reference}/payments", **data)
    assert (page.status, page.heading) == (422, "Check your bill")
    assert page.mistake("provider")


@pytest.mark.parametrize(
    "address",
    ["/bills/1", "/bills/20200001%00", "/payments/x", "/payments/2-0", f"/payments/2-{'0' * 36}",
     "/payments/999999999-01900000-0000-7000-8000-000000000000", "/nowhere", "/bills", "/static/x"],
)  # fmt: skip
def test_an_address_that_leads_nowhere_says_so(citizen, address):
    assert citizen.open(address).status in {404, 405, 422}

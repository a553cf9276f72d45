"""Paying on Payme's page: it calls us, and the answer to each call is the answer to its repeat."""

from datetime import timedelta

import pytest

from foundation.clock import now
from payments.bills import BillState
from payments.charges import ChargeState
from payments.checkout import resolve_open_charges
from tests.journeys.books import attempts, bill_now, posted
from tests.journeys.people import path_of

pytestmark = pytest.mark.xdist_group("town")

HOURS = timedelta(hours=2)


@pytest.mark.parametrize("behaviour", ["normal", "answer_lost"])
def test_a_bill_is_paid_once_even_when_payme_repeats_every_call(citizen, new_bill, desk, behaviour):
    bill = new_bill()
    payment = citizen.pay(bill, "payme", behaviour)
    receipt = citizen.open(
        payment
    )  # Payme waits for our answer, so there is nothing to wait for here
    assert (receipt.heading, receipt.facts["Way to pay"]) == ("Paid", "Uzcard or Humo card (Payme)")
    charge = attempts(desk.database, bill.reference)[0]
    assert sum(part.minor for part in posted(desk.database, charge)) == bill.amount_minor
    assert bill_now(desk.database, bill.reference).state == BillState.PAID


def test_the_same_link_opened_again_leads_to_the_receipt(citizen, new_bill):
    bill = new_bill()
    link = citizen.start(bill, "payme")
    payment = path_of(citizen.choose(link).answer.headers["location"])
    again = citizen.open(link)
    assert (again.status, path_of(again.answer.headers["location"])) == (303, payment)
    assert citizen.choose(link).status == 303


def test_a_link_from_yesterday_cannot_pay_a_bill_twice(citizen, new_bill, desk):
    bill = new_bill()
    link = citizen.start(bill, "payme")
    citizen.outcome(citizen.pay(bill))  # by card: Payme had not heard of this payer yet
    refused = citizen.choose(link)
    assert refused.status == 409
    assert "-31051" in refused.text
    assert [one.state for one in attempts(desk.database, bill.reference)] == [
        "settled",
        "cancelled",
    ]


def test_payme_must_wait_while_a_card_payment_is_under_way(citizen, new_bill):
    bill = new_bill()
    link = citizen.start(bill, "payme")
    card = citizen.start(bill)
    refused = citizen.choose(link)
    assert refused.status == 409
    assert "-31052" in refused.text
    assert (
        citizen.outcome(path_of(citizen.choose(card).answer.headers["location"])).heading == "Paid"
    )


@pytest.mark.parametrize(
    ("outcome", "behaviour"), [("decline", ""), ("pay", "cancel_after_create")]
)
def test_what_payme_gives_up_can_be_paid_another_way(citizen, new_bill, desk, outcome, behaviour):
    bill = new_bill()
    called_off = citizen.choose(citizen.start(bill, "payme"), outcome, behaviour)
    assert called_off.status == 402
    charge = attempts(desk.database, bill.reference)[0]
    assert (charge.state, posted(desk.database, charge)) == (ChargeState.CANCELLED, [])
    ended = citizen.open(f"/payments/{charge.handle}")
    assert ended.heading == "The payment was cancelled"
    assert citizen.outcome(citizen.pay(bill)).heading == "Paid"


def test_who_turns_back_at_payme_may_return_there_or_pay_another_way(citizen, new_bill, desk):
    bill = new_bill()
    link = citizen.start(bill, "payme")
    waiting = citizen.follow(citizen.choose(link, "cancel"))
    assert waiting.heading == "We are checking your payment"
    assert waiting.address("Back to the provider's page") == link
    page = citizen.open(f"/bills/{bill.reference}")
    assert page.heading == "Check your bill"  # a link nobody has used does not keep the bill
    ended = citizen.follow(citizen.send(waiting.address("Cancel this payment")))
    assert ended.heading == "The payment was cancelled"
    assert citizen.outcome(citizen.pay(bill)).heading == "Paid"


def test_who_pays_by_a_link_that_we_had_given_up_comes_back_to_a_receipt(citizen, new_bill, desk):
    bill = new_bill()
    link = citizen.start(bill, "payme")
    resolve_open_charges(desk, at=now() + HOURS)
    given_up = attempts(desk.database, bill.reference)[0]
    assert (
        citizen.open(f"/payments/{given_up.handle}").heading == "The time for this payment ran out"
    )
    back = citizen.follow(citizen.choose(link))
    assert citizen.follow(back).heading == "Paid"


def test_a_payment_that_payme_takes_back_voids_the_receipt_and_the_bill_is_owed_again(
    citizen, new_bill, desk
):
    bill = new_bill()
    page = citizen.choose(citizen.start(bill, "payme"), behaviour="refund_after_perform")
    charge = attempts(desk.database, bill.reference)[0]
    assert page.status == 303
    receipt = citizen.open(f"/payments/{charge.handle}")
    assert receipt.heading == "This receipt is no longer valid"
    assert receipt.receipt
    assert charge.state == ChargeState.REVERSED
    assert posted(desk.database, charge, "reversed") == posted(desk.database, charge)
    assert bill_now(desk.database, bill.reference).state == BillState.OPEN
    second = citizen.outcome(citizen.pay(bill))
    assert second.heading == "Paid"
    assert second.receipt != receipt.receipt

"""Payouts: posted once, when the bank shows what the provider announced and our books know."""

import pytest

from ledger.money import UZS
from payments.bills import BillState
from payments.breaks import BreakState
from payments.charges import find_charge, lock_charge, reverse_charge, settle_charge
from payments.checkout import start_checkout
from payments.gateways.protocol import ProviderState, SettledItem
from tests.given import NOON, OTHER_AGENCY, STRIPE
from tests.payments.reconciliation.desk import Desk, line, payment, refund
from tests.payments.stub import unreachable

FEE = "412000.00"


def reverse(desk: Desk, charge) -> None:
    with desk.db.transaction() as session:
        locked = lock_charge(session, charge.handle)
        reverse_charge(session, locked, reason="refunded", by=STRIPE, at=NOON)


def test_a_payout_with_an_item_nobody_knows_is_not_posted(desk):
    known = desk.paid(UZS("100"))
    stranger = SettledItem("payment", "pi_stranger", UZS("50"), UZS("1"))
    desk.announce("po_0001", payment(known, "2"), stranger)

    assert desk.matched(line("147.00", "po_0001")) == {"reports": 1, "breaks": 1}
    assert desk.breaks() == [("payout_differs", "147.00 UZS")]
    assert desk.operator() == {}
    assert desk.agency() == {"1210": "100.00"}


def test_a_payout_of_a_payment_that_our_books_have_otherwise_is_not_posted(desk):
    charge = desk.paid(UZS("100"))
    wrong = SettledItem("payment", charge.payment_ref, UZS("99"), UZS("1"))
    desk.announce("po_0001", wrong)
    refunded = SettledItem("refund", charge.payment_ref, UZS("-100"), UZS("0"))
    desk.announce("po_0002", payment(desk.paid(UZS("300"))), refunded)

    counts = desk.matched(line("98.00", "po_0001"), line("200.00", "po_0002"))
    assert counts == {"reports": 2, "breaks": 2}
    assert desk.lines() == ["break", "break"]


def test_a_report_that_does_not_add_up_is_a_break_before_any_money_comes(desk):
    desk.announce("po_0001", payment(desk.paid(UZS("100")), "2"), net=UZS("97"))
    assert desk.matched() == {"reports": 1}
    assert desk.breaks() == [("payout_differs", "97.00 UZS")]

    assert desk.matched(line("97.00", "po_0001")) == {"breaks": 1}
    assert desk.agency() == {"1210": "100.00"}


def test_a_payout_that_arrives_with_another_amount_is_not_posted(desk):
    desk.announce("po_0001", payment(desk.paid(UZS("100")), "2"))

    assert desk.matched(line("97.99", "po_0001")) == {"reports": 1, "breaks": 1}
    assert desk.operator() == {}


@pytest.mark.parametrize("in_one_statement", [True, False])
def test_a_payout_that_the_bank_shows_twice_is_posted_once(desk, in_one_statement):
    desk.announce("po_0001", payment(desk.paid(UZS("100")), "2"))
    shown = [line("98.00", "po_0001"), line("98.00", "po_0001")]
    if in_one_statement:
        assert desk.matched(*shown) == {"reports": 1, "payouts": 1, "breaks": 1}
    else:
        assert desk.matched(shown[0]) == {"reports": 1, "payouts": 1}
        assert desk.matched(shown[1]) == {"breaks": 1}

    assert desk.breaks() == [("payout_differs", "98.00 UZS")]
    assert desk.operator() == {"bank": "98.00", "2220 2": "98.00"}


def test_a_payout_is_split_among_agencies_and_both_books_meet(desk):
    mine, also_mine = desk.paid(UZS("100")), desk.paid(UZS("50"))
    theirs = desk.paid(UZS("30"), OTHER_AGENCY)
    items = payment(mine, "3.00"), payment(theirs, "0.90"), payment(also_mine, "1.50")
    assert desk.announce("po_0001", *items) == UZS("174.60")

    assert desk.matched(line("174.60", "STRIPE po_0001")) == {"reports": 1, "payouts": 1}
    assert desk.operator() == {"bank": "174.60", "2220 2": "145.50", "2220 3": "29.10"}
    assert desk.agency() == {"1330": "145.50", "5110": "4.50"}
    assert desk.agency(OTHER_AGENCY) == {"1330": "29.10", "5110": "0.90"}
    assert desk.breaks() == []


def test_a_payment_and_its_refund_in_one_payout_leave_only_the_fee(desk):
    back = desk.paid(UZS("100"))
    reverse(desk, back)
    desk.announce("po_0001", payment(back, "3"), refund(back), payment(desk.paid(UZS("10"))))

    assert desk.matched(line("7.00", "po_0001")) == {"reports": 1, "payouts": 1}
    assert desk.agency() == {"1330": "7.00", "5110": "3.00"}


def test_a_payout_whose_refunds_outweigh_its_payments_goes_out_of_the_bank(desk):
    charge = desk.paid(UZS("100"))
    desk.announce("po_0001", payment(charge, "3"))
    desk.matched(line("97.00", "po_0001"))
    reverse(desk, charge)
    assert desk.agency() == {"1210": "-100.00", "1330": "97.00", "5110": "3.00"}

    desk.announce("po_0002", refund(charge))
    assert desk.matched(line("-100.00", "po_0002")) == {"reports": 1, "payouts": 1}
    assert desk.agency() == {"1330": "-3.00", "5110": "3.00"}
    assert desk.operator() == {"bank": "-3.00", "2220 2": "-3.00"}


def test_a_payment_whose_callback_never_came_is_found_in_the_report(desk):
    bill = desk.given.open_bill()
    handle, _ = start_checkout(desk.till, bill.reference, provider="stripe", language="uz", at=NOON)
    paid = desk.provider.says(f"cs_{handle}", ProviderState.PAID)
    item = SettledItem("payment", paid.payment_ref, UZS(FEE), UZS("0"), str(handle))
    desk.announce("po_0001", item)

    counts = desk.matched(line(FEE, "po_0001"))
    assert counts == {"reports": 1, "found_by_asking": 1, "payouts": 1}
    assert desk.given.bill(bill).state == BillState.PAID


def test_a_report_that_names_payments_of_others_harms_nobody(desk):
    foreign = desk.given.pending_charge(desk.given.open_bill(), "payme")
    items = [
        SettledItem("payment", f"pi_{n}", UZS("1"), UZS("0"), handle)
        for n, handle in enumerate(["nonsense", str(foreign.handle), None])
    ]
    desk.announce("po_0001", *items)

    assert desk.matched(line("3.00", "po_0001")) == {"reports": 1, "breaks": 1}
    with desk.db.transaction() as session:
        assert find_charge(session, foreign.handle).payment_ref == foreign.payment_ref


def test_a_payout_that_reaches_the_bank_before_its_report_is_matched_when_the_report_comes(desk):
    charge = desk.paid(UZS("100"))
    desk.provider.before_acting = unreachable
    assert desk.matched(line("97.00", "po_0001")) == {"unreachable": 1, "suspense": 1}
    assert desk.operator() == {"bank": "97.00", "2310": "97.00"}

    desk.provider.before_acting = lambda: None
    desk.announce("po_0001", payment(charge, "3"))
    assert desk.matched() == {"reports": 1, "payouts": 1}
    assert desk.operator() == {"bank": "97.00", "2220 2": "97.00"}
    assert desk.lines() == ["matched"]
    assert desk.breaks() == []
    assert desk.breaks(BreakState.RESOLVED) == [("unidentified", "97.00 UZS")]


def test_a_payout_whose_item_was_settled_late_is_matched_by_the_next_run(desk):
    charge = desk.given.pending_charge(desk.given.open_bill())
    desk.announce("po_0001", payment(charge))
    assert desk.matched(line(FEE, "po_0001")) == {"reports": 1, "breaks": 1}
    assert desk.matched() == {}, "nothing has changed, so nothing is done or told again"

    with desk.db.transaction() as session:
        locked = lock_charge(session, charge.handle)
        settle_charge(session, locked, confirmed=UZS(FEE), by=STRIPE, at=NOON)
    assert desk.matched() == {"payouts": 1}
    assert desk.operator() == {"bank": FEE, "2220 2": FEE}
    assert desk.breaks() == []

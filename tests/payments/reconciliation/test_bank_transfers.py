"""Bank transfers: the exact sum pays its bill, any other is the payer's credit, the rest waits."""

import pytest

from payments.bills import BillState, cancel_bill
from payments.charges import ChargeState, lock_charge, settle_charge
from payments.references import show, with_check_digits
from tests.given import CLERK, NOON, OTHER_AGENCY, STRIPE
from tests.payments.reconciliation import camt
from tests.payments.reconciliation.desk import line, statement
from tests.superuser import as_superuser, rows

FEE = "412000.00"


@pytest.mark.parametrize(
    "write", [str, show, lambda ref: f"Toʻlov {ref} pasport", lambda ref: f"08101~{ref}~x"]
)
def test_a_bank_transfer_of_the_exact_sum_pays_its_bill(desk, write):
    bill = desk.given.open_bill()

    assert desk.matched(line(FEE, write(bill.reference))) == {"bank_transfers": 1}
    assert desk.given.bill(bill).state == BillState.PAID
    assert desk.operator() == {"bank": FEE, "2220 2": FEE}
    assert desk.agency() == {"1330": FEE}
    assert desk.breaks() == []
    assert rows(desk.db.url, "SELECT number FROM payments.receipt") == [("2020-2026-0000001",)]


@pytest.mark.parametrize("amount", ["411999.99", "412000.01", "0.01"])
def test_a_bank_transfer_of_another_sum_is_the_payers_credit_and_leaves_the_bill_open(desk, amount):
    bill = desk.given.open_bill()

    assert desk.matched(line(amount, bill.reference)) == {"bank_transfers": 1}
    assert desk.given.bill(bill).state == BillState.OPEN
    assert desk.agency() == {"1330": amount, "2320": amount}
    assert desk.breaks() == [("amount", f"{amount} UZS")]


def test_a_bank_transfer_for_a_bill_that_is_paid_is_the_payers_credit(desk):
    bill = desk.given.open_bill()
    desk.given.settled_charge(bill)

    assert desk.matched(line(FEE, bill.reference)) == {"bank_transfers": 1}
    assert desk.agency() == {"1210": FEE, "1330": FEE, "2320": FEE}
    assert desk.breaks() == [("paid_twice", f"{FEE} UZS")]


def test_a_bank_transfer_for_a_cancelled_bill_is_the_payers_credit(desk):
    bill = desk.given.open_bill()
    with desk.db.transaction() as session:
        cancel_bill(session, bill.reference, by=CLERK, at=NOON)

    assert desk.matched(line(FEE, bill.reference)) == {"bank_transfers": 1}
    assert desk.breaks() == [("late", f"{FEE} UZS")]


def test_a_bank_transfer_for_an_expired_bill_pays_it(desk):
    bill = desk.given.open_bill()
    as_superuser(
        desk.db.url, "UPDATE payments.bill SET state = 'expired', expires_at = :at", at=NOON
    )

    assert desk.matched(line(FEE, bill.reference)) == {"bank_transfers": 1}
    assert desk.given.bill(bill).state == BillState.PAID


def test_of_two_transfers_for_one_bill_the_second_is_credit(desk):
    bill = desk.given.open_bill()
    counts = desk.matched(line(FEE, bill.reference), line(FEE, bill.reference))

    assert counts == {"bank_transfers": 2}
    assert desk.agency() == {"1330": "824000.00", "2320": FEE}
    assert desk.breaks() == [("paid_twice", f"{FEE} UZS")]


def test_a_card_payment_that_settles_after_the_bank_transfer_is_credit(desk):
    bill = desk.given.open_bill()
    charge = desk.given.pending_charge(bill)
    desk.matched(line(FEE, bill.reference))
    with desk.db.transaction() as session:
        locked = lock_charge(session, charge.handle)
        settle_charge(session, locked, confirmed=locked.amount, by=STRIPE, at=NOON)
        assert locked.state == ChargeState.SETTLED

    assert desk.agency() == {"1210": FEE, "1330": FEE, "2320": FEE}
    desk.given.proves()


def test_each_payment_of_a_batch_pays_its_own_bill(desk):
    mine, theirs = desk.given.open_bill(), desk.given.open_bill(org_id=OTHER_AGENCY)
    parts = [
        f"<AmtDtls><TxAmt>{camt.amount(amount, 'UZS')}</TxAmt></AmtDtls>"
        f"<RmtInf><Ustrd>{bill.reference}</Ustrd></RmtInf>"
        for amount, bill in (("412000.00", mine), ("206000.00", theirs))
    ]
    batch = camt.entry(
        "618000.00",
        currency="UZS",
        dates="<BookgDt><Dt>2026-11-20</Dt></BookgDt>",
        inside=camt.details(*parts),
    )

    assert desk.matched(batch) == {"bank_transfers": 2}
    assert desk.operator() == {"bank": "618000.00", "2220 2": FEE, "2220 3": "206000.00"}
    assert desk.lines() == ["batch", "matched", "matched"]


@pytest.mark.parametrize(
    "purpose",
    [
        "toʻlov",
        "",
        with_check_digits("202000010000000001"),
        with_check_digits("999900010000000001"),
        "20200001000000000001",
        "٢" * 20,
        f"{with_check_digits('202000010000000001')} {with_check_digits('303000010000000001')}",
    ],
)
def test_money_that_names_no_bill_waits_on_2310_for_a_person(desk, purpose):
    assert desk.matched(line("77.00", purpose)) == {"suspense": 1}
    assert desk.operator() == {"bank": "77.00", "2310": "77.00"}
    assert desk.breaks() == [("unidentified", "77.00 UZS")]


def test_money_that_went_out_is_shown_and_not_posted(desk):
    bill = desk.given.open_bill()

    assert desk.matched(line("-5.00", f"bank charge {bill.reference}")) == {"breaks": 1}
    assert desk.operator() == {}
    assert desk.breaks() == [("debit_unexplained", "-5.00 UZS")]


def test_a_line_that_the_books_cannot_take_does_not_stop_its_neighbours(desk):
    bill, other = desk.given.open_bill(), desk.given.open_bill()
    huge = f"{10**14}.00"
    counts = desk.matched(
        line(huge, "more than one transfer holds"),
        line(huge, other.reference),
        line(FEE, bill.reference),
    )

    assert counts == {"bank_transfers": 1, "breaks": 2}
    assert [kind for kind, _ in desk.breaks()] == ["missing_in_ledger"] * 2
    assert desk.given.bill(bill).state == BillState.PAID
    assert desk.given.bill(other).state == BillState.OPEN


def test_pending_money_is_not_posted(desk):
    bill = desk.given.open_bill()
    pending = line(FEE, bill.reference, status="<Sts><Cd>PDNG</Cd></Sts>")

    assert desk.matched(pending) == {}
    assert desk.operator() == {}


def test_what_is_quarantined_is_not_posted(desk):
    bill = desk.given.open_bill()
    off = statement(line(FEE, bill.reference)).replace(">412000.00<", ">412000.01<", 1)
    assert desk.take(camt.document(off)).verdict == "quarantined"

    assert desk.matched() == {}
    assert desk.operator() == {}

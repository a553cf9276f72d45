"""Reconciling: payouts, bank transfers and the rest, posted once, and everything proved afterwards."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ledger.money import UZS
from payments.bills import BillState, cancel_bill
from payments.breaks import BreakState
from payments.charges import ChargeState, find_charge, lock_charge, reverse_charge, settle_charge
from payments.checkout import start_checkout
from payments.gateways.protocol import ProviderState, SettledItem
from payments.reconciliation.run import recent_runs
from payments.references import show, with_check_digits
from service.demo.town import OPERATOR
from tests.given import AGENCY, CLERK, NOON, OTHER_AGENCY, STRIPE
from tests.payments.reconciliation import camt
from tests.payments.reconciliation.desk import Desk, line, payment, refund, statement
from tests.payments.stub import unreachable
from tests.superuser import as_superuser, rows

FEE = "412000.00"


def reverse(desk: Desk, charge) -> None:
    with desk.db.transaction() as session:
        locked = lock_charge(session, charge.handle)
        reverse_charge(session, locked, reason="refunded", by=STRIPE, at=NOON)


# --- payouts ----------------------------------------------------------------------------------


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


# --- bank transfers ---------------------------------------------------------------------------


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


# --- what nobody understands ------------------------------------------------------------------


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


# --- again, and at once -----------------------------------------------------------------------


def a_busy_day(desk: Desk) -> None:
    desk.announce("po_0001", payment(desk.paid(UZS("100")), "3"))
    bill = desk.given.open_bill()
    desk.booked(
        line("97.00", "po_0001"),
        line(FEE, bill.reference),
        line("7.00", "toʻlov"),
        line("-1.00", "bank charge"),
    )


DAY_S_WORK = {"reports": 1, "payouts": 1, "bank_transfers": 1, "suspense": 1, "breaks": 1}


def test_running_again_finds_nothing_to_do(desk):
    a_busy_day(desk)

    assert desk.matched() == DAY_S_WORK
    before = desk.operator(), desk.breaks()
    assert desk.matched() == {}
    assert (desk.operator(), desk.breaks()) == before
    with desk.db.transaction() as session:
        assert len(recent_runs(session, OPERATOR)) == 2


def test_runs_at_once_do_the_work_once(desk):
    a_busy_day(desk)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: desk.reconcile(), range(4)))

    for name, count in DAY_S_WORK.items():
        assert sum(run.counts[name] for run in runs) == count, name
    assert desk.operator() == {"bank": "412104.00", "2220 2": "412097.00", "2310": "7.00"}
    desk.given.proves()


def test_payments_that_settle_while_a_run_is_posting_never_stand_in_its_way(desk):
    bills = [desk.given.open_bill() for _ in range(16)]
    charges = [desk.given.pending_charge(bill) for bill in bills]
    desk.booked(*(line(FEE, bill.reference) for bill in bills))

    def settle(charge) -> None:
        with desk.db.transaction() as session:
            locked = lock_charge(session, charge.handle)
            settle_charge(session, locked, confirmed=locked.amount, by=STRIPE, at=NOON)

    with ThreadPoolExecutor(5) as pool:
        run = pool.submit(desk.reconcile)
        list(pool.map(settle, reversed(charges)))
    assert run.result().counts["bank_transfers"] == 16
    assert {desk.given.bill(bill).state for bill in bills} == {"paid"}
    assert len(desk.breaks()) == 16, "each bill was paid twice"
    desk.given.proves()


def test_a_run_keeps_what_it_found_and_what_was_proved(desk):
    desk.matched(line("7.00", "toʻlov"))
    desk.reconcile(at=NOON + timedelta(hours=1))

    with desk.db.transaction() as session:
        newest, first = recent_runs(session, OPERATOR)
    assert (first.counts["suspense"], newest.counts["suspense"]) == (1, 0)
    assert first.by == "staff:finance"
    assert {check["name"] for check in first.proof} >= {"charges", "bank", "balances"}
    assert all(check["difference"] is None for check in first.proof)
    assert first.at == NOON
    assert AGENCY

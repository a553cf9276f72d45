"""A reconciliation run: once, again, and many at once, with everything proved afterwards."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from ledger.money import UZS
from payments.charges import lock_charge, settle_charge
from payments.reconciliation.run import recent_runs
from service.demo.town import OPERATOR
from tests.given import NOON, STRIPE
from tests.payments.reconciliation.desk import Desk, line, payment

FEE = "412000.00"


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
    assert {check["name"] for check in first.proof} >= {"bank", "due-to-due-from", "trial-balance"}
    assert all(check["difference"] is None for check in first.proof)
    assert first.at == NOON

"""The inbox: a callback is kept once, worked once, tried again for days, and then shown to a person."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from foundation.clock import now
from foundation.ids import new_id
from ledger.accounts import AccountKey
from ledger.chart import PROVIDER_CLEARING
from ledger.lane import Lane
from ledger.money import UZS
from ledger.shutting import shut_book
from payments.bills import BillState
from payments.callbacks import inbox
from payments.callbacks.dispatch import work_callbacks
from payments.callbacks.inbox import PAUSES
from payments.charges import ChargeState, Handle
from tests.given import AGENCY, CLERK, OTHER_AGENCY
from tests.payments.callbacks.conftest import event
from tests.superuser import rows

CLEARING = AccountKey(PROVIDER_CLEARING, "stripe", "UZS")
FEE = UZS("412000")
NOTHING = {"handled": 0, "ignored": 0, "put_back": 0}


def test_ten_deliveries_at_once_are_one_row(desk):
    told = event()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: desk.deliver(told), range(10)))

    assert [answer.status_code for answer in answers] == [200] * 10
    assert sum(answer.json()["new"] for answer in answers) == 1
    assert desk.inbox() == [("stored", 10)]


def test_a_delivery_after_the_event_was_worked_changes_nothing(desk):
    bill = desk.bill()
    charge, told = desk.paid(bill)
    for one in told * 2:
        desk.deliver(one)
    desk.work()
    for one in told:
        assert desk.deliver(one).json() == {"received": True, "new": False}

    assert desk.work() == NOTHING
    assert desk.charge(charge.handle).state == ChargeState.SETTLED
    assert desk.given.balance(AGENCY, CLEARING) == FEE
    desk.given.proves()


def test_an_event_of_an_unknown_payment_is_tried_for_days_and_then_shown_to_a_person(desk):
    stranger = Handle(AGENCY, new_id())
    desk.deliver(event(client_reference_id=str(stranger)))
    for attempt in range(len(PAUSES)):
        assert desk.work()["put_back"] == 1, attempt
        assert desk.inbox() == [("stored", 1)]
    assert desk.breaks() == []

    assert desk.work()["put_back"] == 1
    assert desk.inbox() == [("parked", 1)]
    assert desk.work() == NOTHING
    assert desk.breaks() == ["callback"]


def test_pauses_between_attempts_grow_to_a_day(desk):
    desk.deliver(event(client_reference_id=str(Handle(AGENCY, new_id()))))
    waits = []
    for _ in PAUSES:
        desk.work()
        query = (
            "SELECT extract(epoch FROM next_attempt_at - clock_timestamp()) FROM payments.callback"
        )
        waits.append(float(rows(desk.db.url, query)[0][0]))

    for wait, pause in zip(waits, PAUSES, strict=True):
        assert pause.total_seconds() - 1 < wait <= pause.total_seconds()


def test_a_poison_callback_does_not_stop_its_neighbours(desk):
    bill = desk.bill()
    charge, told = desk.paid(bill)
    with desk.db.transaction() as session:
        for name in ("a!", "b!"):
            notice = desk.stub.reread(name.removesuffix("!").encode())
            inbox.store(session, "stub", notice, name.encode(), at=now())
        notice = desk.stub.reread(b"c")
        inbox.store(session, "gone", notice, b"c", at=now())
    for one in told:
        desk.deliver(one)

    assert desk.work() == {"handled": 2, "ignored": 1, "put_back": 3}
    assert desk.charge(charge.handle).state == ChargeState.SETTLED
    told = dict(rows(desk.db.url, "SELECT body, error FROM payments.callback WHERE error > ''"))
    assert told[b"a!"] == "ZeroDivisionError: poison  a!"
    assert told[b"c"].startswith("KeyError")


def test_a_callback_whose_worker_died_is_worked_by_the_next_when_its_lease_ends(desk):
    bill = desk.bill()
    _, told = desk.paid(bill)
    for one in told:
        desk.deliver(one)
    with desk.db.transaction() as session:
        assert len(inbox.claim(session)) == 3  # and the process is gone

    assert work_callbacks(desk.till, at=now()) == NOTHING
    assert desk.work() == {"handled": 2, "ignored": 1, "put_back": 0}
    assert desk.given.bill(bill).state == BillState.PAID


def test_many_workers_at_once_settle_each_payment_once(desk):
    bills = [desk.bill() for _ in range(3)]
    for bill in bills:
        for one in desk.paid(bill)[1]:
            desk.deliver(one)
    with ThreadPoolExecutor(6) as pool:
        counts = list(pool.map(lambda _: work_callbacks(desk.till, at=now(), limit=2), range(12)))

    assert sum(count["handled"] for count in counts) == 6
    assert {desk.given.bill(bill).state for bill in bills} == {"paid"}
    assert desk.given.balance(AGENCY, CLEARING).minor == 3 * FEE.minor
    desk.given.proves()


def test_callbacks_that_share_a_commit_do_not_hurt_each_other(desk):
    good, shut = desk.bill(), desk.given.open_bill(org_id=OTHER_AGENCY, at=now())
    for bill in (good, shut):
        for one in desk.paid(bill)[1]:
            desk.deliver(one)
    with desk.db.transaction() as session:
        shut_book(session, OTHER_AGENCY, why="balances differ", by=CLERK, at=now())
    lane = Lane(desk.db)
    counts = work_callbacks(replace(desk.till, lane=lane), at=now())
    lane.close()

    assert (
        counts["put_back"] == 2
    )  # two events tell that the payment of the shut book's bill arrived
    assert desk.given.bill(good).state == BillState.PAID
    assert desk.given.bill(shut).state != BillState.PAID
    desk.given.proves()


def test_what_a_slow_worker_puts_back_stays_finished(desk):
    _, told = desk.paid(desk.bill())
    desk.deliver(told[-1])
    with desk.db.transaction() as session:
        (slow,) = inbox.claim(session)
    desk.work()
    with desk.db.transaction() as session:
        slow.attempts = len(PAUSES) + 1
        session.expunge_all()
        inbox.put_back(session, slow, error="too slow")

    assert desk.inbox() == [("handled", 1)]


def test_money_given_back_at_the_provider_is_shown_to_a_person_and_posts_nothing(desk):
    charge, told = desk.paid(desk.bill())
    for one in told:
        desk.deliver(one)
    desk.work()
    back = event(
        "charge.refunded",
        object="charge",
        metadata={"charge": str(charge.handle)},
        amount=FEE.minor,
        currency="uzs",
    )
    desk.deliver(back)

    assert desk.work()["handled"] == 1
    assert desk.breaks() == ["state"]
    assert desk.charge(charge.handle).state == ChargeState.SETTLED
    desk.given.proves()


@pytest.mark.parametrize("type", ["payout.paid", "charge.succeeded", "customer.created", "ping"])
def test_events_that_need_nothing_done_are_kept_and_ignored(desk, type):
    desk.deliver(event(type))

    assert desk.work()["ignored"] == 1
    assert desk.inbox() == [("ignored", 1)]

"""A book that is shut: nothing new is begun in it, what arrives waits, and nothing is lost."""

import json
from datetime import timedelta

import pytest

from foundation.clock import now
from identity.actor import Actor, system_actor
from ledger.accounts import AccountKey
from ledger.chart import PROVIDER_CLEARING
from ledger.money import UZS
from ledger.posting import BookShut
from ledger.shutting import approve_opening, request_opening, shut_book
from payments.bills import BillState
from payments.callbacks.inbox import PAUSE_WHILE_SHUT, PAUSES
from payments.callbacks.payme.server import answer
from payments.charges import ChargeState
from payments.checkout import cancel_checkout, resolve_open_charges
from payments.reconciliation.proving import prove_books
from tests.given import AGENCY, NOON, OTHER_AGENCY, Given
from tests.payments.callbacks.payme import GATEWAY, RIGHT, about, asked, new
from tests.superuser import rows

CLEARING = AccountKey(PROVIDER_CLEARING, "stripe", "UZS")
NIGHT = system_actor("prove_books")


def shut(given: Given, book: int = AGENCY) -> None:
    with given.database.transaction() as session:
        assert shut_book(session, book, why="balances: stored 1", by=NIGHT, at=NOON)


def opened(given: Given, book: int = AGENCY) -> None:
    """Proved, asked for, and opened by another person."""
    assert not prove_books(given.database, by=NIGHT, at=NOON).broken
    asker, approver = Actor("staff", "karima"), Actor("staff", "botir")
    with given.database.transaction() as session:
        request_opening(session, book, reason="nothing was wrong with it", by=asker, at=NOON)
        approve_opening(session, book, by=approver, at=NOON)


def test_no_payment_is_begun_that_could_not_be_entered(desk):
    bill = desk.bill()
    shut(desk.given)

    with pytest.raises(BookShut) as refusal:
        desk.begin(bill)
    assert refusal.value.status == 409
    assert rows(desk.db.url, "SELECT count(*) FROM payments.charge") == [(0,)]
    opened(desk.given)
    desk.begin(bill)


def test_another_agencys_bills_are_paid_as_ever(desk):
    shut(desk.given, OTHER_AGENCY)
    bill = desk.bill()
    for told in desk.paid(bill)[1]:
        desk.deliver(told)
    desk.work()

    assert desk.given.bill(bill).state == BillState.PAID


def test_a_callback_waits_for_its_book_however_long_and_is_settled_when_it_opens(desk):
    bill = desk.bill()
    charge, told = desk.paid(bill)
    for one in told:
        assert desk.deliver(one).status_code == 200
    shut(desk.given)

    for _ in range(len(PAUSES) + 3):
        counts = desk.work()
        assert counts["handled"] == 0
    kept = "SELECT DISTINCT state, attempts, error FROM payments.callback WHERE state <> 'ignored'"
    waiting = rows(desk.db.url, kept)
    assert [(state, attempts) for state, attempts, _ in waiting] == [("stored", 0)]
    assert str(BookShut(org_id=AGENCY)) in waiting[0][2]
    assert desk.breaks() == []
    again_at = "SELECT max(next_attempt_at) - clock_timestamp() FROM payments.callback"
    assert timedelta() < rows(desk.db.url, again_at)[0][0] <= PAUSE_WHILE_SHUT

    opened(desk.given)
    desk.work()
    assert desk.given.bill(bill).state == BillState.PAID
    assert desk.charge(charge.handle).state == ChargeState.SETTLED
    assert desk.given.balance(AGENCY, CLEARING) == UZS("412000")
    desk.given.proves()


def test_what_is_found_by_asking_waits_too_and_keeps_no_other_payment_waiting(desk):
    waiting, other = desk.bill(), desk.given.open_bill(org_id=OTHER_AGENCY, at=now())
    charges = [desk.paid(bill)[0] for bill in (waiting, other)]
    shut(desk.given)
    later = now() + timedelta(minutes=5)

    counts = resolve_open_charges(desk.till, at=later)
    assert (counts["settled"], counts["asked"]) == (1, 1)
    assert desk.given.bill(other).state == BillState.PAID
    assert desk.charge(charges[0].handle).state == ChargeState.PENDING

    opened(desk.given)
    assert resolve_open_charges(desk.till, at=later)["settled"] == 1
    desk.given.proves()


def test_a_payer_who_gives_up_what_was_paid_is_told_and_changes_nothing(desk):
    charge, _ = desk.paid(desk.bill())
    shut(desk.given)

    with pytest.raises(BookShut):
        cancel_checkout(desk.till, charge.handle, by=Actor("payer", "online"), at=now())
    assert desk.charge(charge.handle).state == ChargeState.PENDING


def test_payme_is_told_before_the_payer_is_debited(payme, bill, given):
    shut(given)

    assert payme.error("CheckPerformTransaction", **about(bill)) == -31055
    assert payme.error("CreateTransaction", **asked(bill, new())) == -31055
    opened(given)
    payme.performed(bill)


def test_payme_calls_again_for_what_was_begun_before_and_nothing_is_lost(
    payme, bill, given, caplog
):
    made = payme.create(bill)
    shut(given)

    for _ in range(2):
        assert code_of(payme, "PerformTransaction", id=made) == -32400
    assert payme.state(made) == (1, None)
    assert payme.create(bill, made) == made, "the repeat is answered as the first was"
    assert caplog.records == [], "nothing is broken here"

    opened(given)
    payme.result("PerformTransaction", id=made)
    assert given.bill(bill).state == BillState.PAID
    given.proves()


def test_payme_calls_again_for_money_that_it_gives_back(payme, bill, given):
    made = payme.performed(bill)
    shut(given)

    assert code_of(payme, "CancelTransaction", id=made, reason=5) == -32400
    assert payme.state(made) == (2, None)
    opened(given)
    payme.result("CancelTransaction", id=made, reason=5)
    assert payme.state(made) == (-2, 5)
    given.proves()


def code_of(payme, method: str, **params) -> int:
    body = json.dumps({"method": method, "params": params, "id": 1}).encode()
    return answer(payme.database, GATEWAY, body, RIGHT, at=NOON)["error"]["code"]

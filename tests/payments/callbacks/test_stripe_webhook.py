"""Stripe's webhooks: only what Stripe signed just now is kept, once; and any order ends the same."""

import json
import random
from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy.exc import OperationalError

from foundation.clock import now
from identity.actor import system_actor
from ledger.accounts import AccountKey
from ledger.chart import PAYER_CREDIT, PROVIDER_CLEARING
from ledger.money import UZS
from payments.bills import BillState
from payments.callbacks.endpoint import MOST_BYTES
from payments.charges import ChargeState, charges_of
from payments.gateways.protocol import CallbackForged
from payments.reconciliation.run import reconcile
from tests.given import AGENCY
from tests.payments.callbacks.conftest import ROTATED_SECRET, event, signed
from tests.payments.gateways.conftest import WEBHOOK_SECRET
from tests.superuser import as_superuser, rows

CLEARING = AccountKey(PROVIDER_CLEARING, "stripe", "UZS")
CREDIT = AccountKey(PAYER_CREDIT, "", "UZS")
FEE = UZS("412000")


EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "checkout.session.completed",
    "data": {"object": {"id": "cs_1", "object": "checkout.session"}},
}
BODY = json.dumps(EVENT).encode()


def right() -> str:
    return signed(BODY)["Stripe-Signature"]


def stamp() -> str:
    return right().partition(",")[0]


HEADERS = {
    "none": lambda: None,
    "empty": lambda: "",
    "nothing in it": lambda: "t=,v1=",
    "only a stamp": stamp,
    "no value": lambda: f"{stamp()},v1",
    "an empty value": lambda: f"{stamp()},v1=",
    "not ASCII": lambda: f"{stamp()},v1=é",
    "zeros": lambda: f"{stamp()},v1=" + "0" * 64,
    "another scheme": lambda: right().replace("v1=", "v0="),
    "another name": lambda: right().replace("t=", "T="),
    "no stamp": lambda: right().partition(",")[2],
    "a stamp beyond time": lambda: "t=99999999999999999999,v1=00",
    "a stamp before time": lambda: "t=-1,v1=00",
    "a stamp that is a fraction": lambda: "t=1e9,v1=00",
    "another secret": lambda: signed(BODY, "whsec_of_somebody_else")["Stripe-Signature"],
    "of another body": lambda: signed(BODY + b" ")["Stripe-Signature"],
    "commas": lambda: "," * 5000,
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_message_that_stripe_did_not_sign_is_refused_and_not_kept(shut_door, header):
    told = header()
    headers = {} if told is None else {"Stripe-Signature": told.encode("latin-1")}
    answer = shut_door.post("/callbacks/stripe", content=BODY, headers=headers)

    assert (answer.status_code, answer.json()) == (400, {"type": "callback-forged"})


def test_a_body_that_was_written_anew_no_longer_fits_its_signature(shut_door):
    pretty = json.dumps(json.loads(BODY), indent=1).encode()
    answer = shut_door.post("/callbacks/stripe", content=pretty, headers=signed(BODY))

    assert answer.status_code == 400


@pytest.mark.parametrize("seconds", [-86_400, -310, 310, 86_400])
def test_a_stamp_of_another_time_is_refused_although_the_signature_is_right(shut_door, seconds):
    headers = signed(BODY, at=now() + timedelta(seconds=seconds))
    answer = shut_door.post("/callbacks/stripe", content=BODY, headers=headers)

    assert answer.status_code == 400


def test_what_is_signed_is_not_confirmed_while_it_cannot_be_kept(shut_door):
    with pytest.raises(OperationalError):  # the application answers 503, and Stripe calls again
        shut_door.post("/callbacks/stripe", content=BODY, headers=signed(BODY))


@pytest.mark.parametrize(("seconds", "passes"), [(-301, 0), (-300, 1), (300, 1), (301, 0)])
def test_the_tolerance_is_five_minutes_both_ways(stripe_gateway, seconds, passes):
    at = now().replace(microsecond=0)
    header = {"stripe-signature": signed(BODY, at=at + timedelta(seconds=seconds)).popitem()[1]}
    if passes:
        assert stripe_gateway.read_callback(BODY, header, at=at).external_id
        return
    with pytest.raises(CallbackForged):
        stripe_gateway.read_callback(BODY, header, at=at)


def test_while_the_secret_is_rotated_both_are_good_and_no_third(desk):
    assert desk.deliver(event(), WEBHOOK_SECRET).status_code == 200
    assert desk.deliver(event(), ROTATED_SECRET).status_code == 200
    assert desk.deliver(event(), "whsec_before_that").status_code == 400
    assert len(desk.inbox()) == 2


def about(**subject: object) -> dict[str, object]:
    """An event about such an object."""
    return EVENT | {"data": {"object": {"id": "cs_1"} | subject}}


NO_EVENTS = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"event"',
    b"1e400",
    b"\xff\xfe",
    b"{}" * 2,
    b"[" * 100_000,
    {"id": "evt_1"},
    EVENT | {"data": None},
    EVENT | {"data": {"object": []}},
    EVENT | {"id": None},
    EVENT | {"id": 7},
    EVENT | {"id": {"a": 1}},
    EVENT | {"id": ""},
    EVENT | {"id": "evt_\x00"},
    EVENT | {"id": "evt_\ud800"},
    EVENT | {"id": "e" * 100_000},
    EVENT | {"type": ["x"]},
    EVENT | {"type": "x\x00"},
    about(id=None),
    about(metadata=[1]),
    about(metadata={"charge": {"a": 1}}),
    about(metadata={"charge": "2-\x00"}),
    about(amount=1.5, currency="uzs"),
    about(amount=True, currency="uzs"),
    about(amount=2**63, currency="uzs"),
    about(amount=1, currency="zzz"),
    about(amount=float("inf"), currency="uzs"),
    b'{"id": "evt_1", "type": "x", "data": {"object": {"amount": 1e999, "currency": "uzs"}}}',
    b'{"id": "e", "type": "x", "data": {"object": {"amount": ' + b"9" * 5000 + b"}}}",
]


@pytest.mark.parametrize("told", NO_EVENTS, ids=range(len(NO_EVENTS)))
def test_a_signed_body_that_is_no_event_is_refused_and_not_kept(shut_door, told):
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    answer = shut_door.post("/callbacks/stripe", content=body, headers=signed(body))

    assert answer.status_code == 400


def test_a_body_larger_than_any_event_is_not_even_read_to_its_end(shut_door):
    body = b"x" * (MOST_BYTES + 1)
    answer = shut_door.post("/callbacks/stripe", content=body, headers=signed(body))

    assert answer.status_code == 413


def test_only_known_providers_have_a_door_and_only_for_post(shut_door):
    assert shut_door.post("/callbacks/click", content=BODY).status_code == 404
    assert shut_door.post("/callbacks/" + "x" * 5000, content=BODY).status_code == 404
    assert shut_door.get("/callbacks/stripe").status_code == 405


PAID = ("charge.succeeded", "payment_intent.succeeded", "checkout.session.completed")


@pytest.mark.parametrize("order", list(permutations(PAID)))
def test_events_of_one_payment_end_the_same_in_every_order(desk, order):
    bill = desk.bill()
    charge, told = desk.paid(bill)
    by_type = {one["type"]: one for one in told}
    assert set(by_type) == set(PAID)
    for name in order:
        desk.deliver(by_type[name])
        desk.work()

    settled = desk.charge(charge.handle)
    assert (settled.state, settled.applied) == ("settled", "bill")
    assert settled.payment_ref.startswith("pi_")
    assert desk.given.bill(bill).state == BillState.PAID
    assert rows(desk.db.url, "SELECT count(*) FROM payments.receipt") == [(1,)]
    assert desk.inbox() == [("handled", 1), ("handled", 1), ("ignored", 1)]
    desk.given.proves()


def test_a_card_declined_and_then_paid_is_paid_whatever_comes_first(desk):
    for seed in range(3):
        bill = desk.bill()
        charge = desk.begin(bill)
        desk.pay(charge, "decline")
        desk.pay(charge)
        told = desk.events(charge)
        assert len(told) == 5
        random.Random(seed).shuffle(told)
        for one in told:
            desk.deliver(one)
        desk.work()
        assert desk.given.bill(bill).state == BillState.PAID
    assert desk.given.balance(AGENCY, CLEARING).minor == 3 * FEE.minor
    desk.given.proves()


def test_a_declined_card_leaves_the_attempt_open_for_another_card(desk):
    charge = desk.begin(desk.bill())
    desk.pay(charge, "decline")
    for one in desk.events(charge):
        desk.deliver(one)
    desk.work()

    assert desk.charge(charge.handle).state == ChargeState.PENDING


def test_an_event_is_believed_only_as_far_as_the_provider_confirms_it(desk):
    charge = desk.begin(desk.bill())
    lie = event(
        id=charge.provider_ref,
        client_reference_id=str(charge.handle),
        payment_status="paid",
        amount_total=1,
    )
    desk.deliver(lie)

    assert desk.work()["handled"] == 1
    assert desk.charge(charge.handle).state == ChargeState.PENDING


def test_an_event_that_mixes_two_payments_up_settles_neither(desk):
    bills = desk.bill(), desk.bill()
    paid, _ = desk.paid(bills[0])
    waiting = desk.begin(bills[1])
    desk.deliver(event(id=paid.provider_ref, client_reference_id=str(waiting.handle)))

    assert desk.work()["put_back"] == 1
    assert {desk.given.bill(bill).state for bill in bills} == {"open"}


def test_money_for_an_expired_bill_pays_it(desk):
    bill = desk.bill()
    charge, told = desk.paid(bill)
    as_superuser(
        desk.db.url,
        "UPDATE payments.bill SET expires_at = now() - interval '1 day', state = 'expired'",
        "UPDATE payments.charge SET state = 'expired', closed_at = now()",
    )
    for one in told:
        desk.deliver(one)
    desk.work()

    assert desk.charge(charge.handle).state == ChargeState.SETTLED
    assert desk.given.bill(bill).state == BillState.PAID
    desk.given.proves()


def test_a_bill_paid_at_two_providers_keeps_the_second_money_as_credit(desk):
    bill = desk.bill()
    charge, told = desk.paid(bill)
    as_superuser(desk.db.url, "UPDATE payments.charge SET state = 'cancelled', closed_at = now()")
    desk.given.settled_charge(bill, provider="payme", at=now())
    for one in told * 2:
        desk.deliver(one)
    desk.work()

    assert desk.charge(charge.handle).applied == "credit"
    assert desk.given.balance(AGENCY, CREDIT) == FEE
    assert desk.breaks() == ["paid_twice"]
    with desk.db.transaction() as session:
        assert sorted(one.state for one in charges_of(session, bill)) == ["settled", "settled"]
    desk.given.proves()


def test_a_bank_debit_is_settled_when_the_bank_has_answered_and_not_before(desk):
    charge = desk.begin(desk.bill())
    desk.pay(charge, "pay_later")
    for one in desk.events(charge):
        desk.deliver(one)
    desk.work()

    assert desk.charge(charge.handle).state == ChargeState.PENDING


def test_a_payment_that_is_paid_out_before_we_heard_of_it_is_settled_by_reconciling(desk):
    bill = desk.bill()
    charge = desk.begin(bill)
    desk.pay(charge)
    desk.browser.post("/settlement", json={"provider": "stripe"})
    assert desk.charge(charge.handle).payment_ref is None

    run = reconcile(desk.till, by=system_actor("reconcile"), at=now())
    assert run.counts["found_by_asking"] == 1
    assert desk.given.bill(bill).state == BillState.PAID
    desk.given.proves()

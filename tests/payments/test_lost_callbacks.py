"""Attempts of which nobody tells us: the provider is asked, and what was never sent is given up."""

from datetime import timedelta

import pytest

from foundation.clock import now
from ledger.money import UZS
from payments.bills import BillState
from payments.breaks import BreakState, breaks_in
from payments.callbacks import inbox
from payments.callbacks.dispatch import work_callbacks
from payments.charges import (
    ChargeState,
    Handle,
    find_charge,
)
from payments.checkout import (
    ASK_AFTER,
    resolve_open_charges,
)
from payments.gateways.protocol import ProviderState, ProviderUnreachable
from tests.given import NOON
from tests.payments.attempts import (
    MUCH_LATER,
    SOON,
    attempts,
    charge_of,
    events,
    ref,
    start,
)
from tests.payments.stub import PowerCut, power_cut, unreachable


def test_a_payment_whose_callback_never_came_is_found_by_asking(till, provider, given):
    bill = given.open_bill()
    handle, _ = start(till, bill)
    provider.says(ref(handle), ProviderState.PAID)

    assert resolve_open_charges(till, at=NOON + ASK_AFTER)["settled"] == 0, "too early to ask"
    assert resolve_open_charges(till, at=SOON)["settled"] == 1
    assert resolve_open_charges(till, at=SOON)["settled"] == 0
    assert given.bill(bill).state == BillState.PAID
    assert events(till, handle) == ["created", "sent", "settled", "found_by_asking"]
    given.proves()


def test_a_paid_attempt_is_found_behind_a_hundred_abandoned_ones(till, provider, given):
    for _ in range(6):
        given.pending_charge(given.open_bill(), "payme", at=NOON - timedelta(hours=1))
    handle, _ = start(till, given.open_bill())
    provider.says(ref(handle), ProviderState.PAID)

    counts = resolve_open_charges(till, at=SOON, limit=3)
    assert counts == {"asked": 0, "settled": 1, "closed": 0, "unreachable": 0}


def test_abandoned_attempts_that_may_be_asked_take_turns(till, provider, given):
    handles = [start(till, given.open_bill())[0] for _ in range(4)]
    for _ in range(60):
        resolve_open_charges(till, at=SOON, limit=1)

    assert set(provider.asked) == {ref(handle) for handle in handles}


def test_a_provider_that_is_away_leaves_everything_as_it_is(till, provider, given):
    handles = [start(till, given.open_bill())[0] for _ in range(2)]
    provider.before_acting = unreachable

    assert resolve_open_charges(till, at=MUCH_LATER)["unreachable"] == 2
    assert {charge_of(till, handle).state for handle in handles} == {"pending"}


def test_an_attempt_its_provider_never_had_is_given_up_after_half_an_hour(till, provider, given):
    bill = given.open_bill()
    provider.before_acting = unreachable
    with pytest.raises(ProviderUnreachable):
        start(till, bill)
    early = resolve_open_charges(till, at=MUCH_LATER - timedelta(seconds=1))
    assert early["closed"] == 0

    assert resolve_open_charges(till, at=MUCH_LATER)["closed"] == 1
    assert attempts(till, bill) == ["expired"]


def test_money_for_an_attempt_that_was_thought_never_sent_still_pays_the_bill(
    till, provider, given
):
    bill = given.open_bill()
    provider.after_acting = power_cut
    with pytest.raises(PowerCut):
        start(till, bill)
    provider.after_acting = lambda: None
    resolve_open_charges(till, at=MUCH_LATER)
    (request,) = provider.requests
    handle = Handle.parse(request.handle)
    provider.says(ref(handle), ProviderState.PAID)
    cancelled = charge_of(till, handle)
    assert cancelled.state == ChargeState.EXPIRED

    with till.database.transaction() as session:
        find_charge(session, handle).provider_ref = ref(handle)
        notice = provider.reread(request.handle.encode())
        inbox.store(session, "stripe", notice, request.handle.encode(), at=now())
    assert work_callbacks(till, at=NOON)["handled"] == 1
    assert given.bill(bill).state == BillState.PAID
    given.proves()


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (ProviderState.OPEN, ChargeState.PENDING),
        (ProviderState.PROCESSING, ChargeState.PENDING),
        (ProviderState.DECLINED, ChargeState.DECLINED),
        (ProviderState.EXPIRED, ChargeState.EXPIRED),
        (ProviderState.PAID, ChargeState.SETTLED),
    ],
)
def test_what_the_provider_says_is_what_the_charge_becomes(till, provider, given, said, state):
    handle, _ = start(till, given.open_bill())
    provider.says(ref(handle), said)
    resolve_open_charges(till, at=SOON)

    assert charge_of(till, handle).state == state


def test_a_sum_that_the_provider_took_otherwise_is_kept_as_credit(till, provider, given):
    bill = given.open_bill()
    handle, _ = start(till, bill)
    provider.says(ref(handle), ProviderState.PAID, UZS("1"))
    resolve_open_charges(till, at=SOON)

    assert charge_of(till, handle).applied == "credit"
    with till.database.transaction() as session:
        assert [one.kind for one in breaks_in(session, BreakState.OPEN)] == ["amount"]
    given.proves()

"""Starting a payment: written down, asked, written down again; a crash anywhere is finished by the next."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from foundation.clock import now
from identity.actor import PAYER
from payments.bills import BillAlreadyPaid, BillNotFound, BillState
from payments.callbacks import inbox
from payments.callbacks.dispatch import work_callbacks
from payments.charges import (
    BillBusy,
    ChargeNotFound,
    ChargeState,
    Handle,
    charges_of,
    find_charge,
)
from payments.checkout import (
    ProviderUnknown,
    Till,
    cancel_checkout,
    resolve_open_charges,
    start_checkout,
)
from payments.gateways.protocol import ProviderState, ProviderUnreachable
from payments.references import ReferenceMalformed, with_check_digits
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


def test_an_unreachable_provider_leaves_an_attempt_that_the_next_request_finishes(
    till, provider, given
):
    bill = given.open_bill()
    provider.before_acting = unreachable
    with pytest.raises(ProviderUnreachable):
        start(till, bill)
    assert attempts(till, bill) == ["created"]

    provider.before_acting = lambda: None
    handle, url = start(till, bill, at=NOON + timedelta(minutes=5))
    assert attempts(till, bill) == ["pending"]
    assert charge_of(till, handle).checkout_url == url
    assert [request.handle for request in provider.requests] == [str(handle)]


def test_a_crash_after_the_provider_acted_is_finished_with_the_same_request(till, provider, given):
    bill = given.open_bill()
    provider.after_acting = power_cut
    with pytest.raises(PowerCut):
        start(till, bill)
    assert attempts(till, bill) == ["created"]

    provider.after_acting = lambda: None
    later = NOON + timedelta(minutes=5)
    start_checkout(till, bill.reference, provider="stripe", language="ru", at=later)
    first, again = provider.requests
    assert first == again, "the same idempotency key must come with the same parameters"
    assert len(provider.attempts) == 1
    assert attempts(till, bill) == ["pending"]


def test_a_crash_before_the_provider_was_asked_is_finished_by_the_next_request(
    till, provider, given
):
    bill = given.open_bill()
    provider.before_acting = power_cut
    with pytest.raises(PowerCut):
        start(till, bill)
    provider.before_acting = lambda: None

    handle, _ = start(till, bill)
    assert events(till, handle) == ["created", "sent"]


def test_the_provider_is_asked_outside_of_any_transaction(till, provider, given):
    bill = given.open_bill()
    seen: list[str] = []

    def look() -> None:
        with till.database.transaction() as session:  # would wait for a lock held by the caller
            (charge,) = charges_of(session, bill)
            find_charge(session, charge.handle)
            seen.append(charge.state)

    provider.before_acting = look
    start(till, bill)
    assert seen == ["created"], "the attempt is committed before the provider hears of it"


def test_a_repeated_form_leads_to_the_same_page_and_asks_the_provider_once(till, provider, given):
    bill = given.open_bill()
    first = start(till, bill)
    again = start(till, bill, at=NOON + timedelta(minutes=10))

    assert again == first
    assert len(provider.requests) == 1
    assert attempts(till, bill) == ["pending"]


def test_a_form_sent_by_many_fingers_at_once_leads_to_one_page(till, provider, given):
    bill = given.open_bill()
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: start(till, bill), range(8)))

    assert len(found) == 1
    assert len({request.handle for request in provider.requests}) == 1
    assert attempts(till, bill) == ["pending"]


def test_a_way_to_pay_that_is_not_offered_is_refused(till, given):
    bill = given.open_bill()
    for name in ("", "bank", "click", "\x00"):
        with pytest.raises(ProviderUnknown):
            start(till, bill, provider=name)
    assert attempts(till, bill) == []


def test_what_is_not_owed_cannot_be_started(till, given):
    bill = given.open_bill()
    given.settled_charge(bill)
    with pytest.raises(BillAlreadyPaid):
        start(till, bill)
    unknown = with_check_digits("202000010000000001")
    with pytest.raises(BillNotFound):
        start_checkout(till, unknown, provider="stripe", language="uz", at=NOON)
    with pytest.raises(ReferenceMalformed):
        start_checkout(till, "1", provider="stripe", language="uz", at=NOON)


def test_another_provider_must_wait_until_the_first_was_given_up(till, given):
    bill = given.open_bill()
    handle, _ = start(till, bill)
    with pytest.raises(BillBusy):
        start(till, bill, provider="payme")

    cancel_checkout(till, handle, by=PAYER, at=NOON)
    start(till, bill, provider="payme")
    assert attempts(till, bill) == ["created", "cancelled"]


def test_a_callback_that_comes_before_our_own_commit_waits_and_then_settles(till, provider, given):
    bill = given.open_bill()
    counts = []

    def callback_overtakes_us() -> None:
        (request,) = provider.requests
        provider.says(f"cs_{request.handle}", ProviderState.PAID)
        with till.database.transaction() as session:
            notice = provider.reread(request.handle.encode())
            inbox.store(session, "stripe", notice, request.handle.encode(), at=now())
        counts.append(work_callbacks(till, at=NOON))

    provider.after_acting = callback_overtakes_us
    handle, url = start(till, bill)
    assert counts == [{"handled": 0, "ignored": 0, "put_back": 1}]
    assert charge_of(till, handle).state == ChargeState.PENDING
    assert url

    wake_inbox(till)
    assert work_callbacks(till, at=NOON)["handled"] == 1
    assert given.bill(bill).state == BillState.PAID
    given.proves()


def wake_inbox(till: Till) -> None:
    """No pause of a callback that was put back lasts any longer."""
    with till.database.transaction() as session:
        session.connection().exec_driver_sql(
            "UPDATE payments.callback SET next_attempt_at = clock_timestamp()"
        )


def test_money_that_came_while_we_asked_is_not_undone_by_the_answer(till, provider, given):
    bill = given.open_bill()

    def settled_meanwhile() -> None:
        provider.after_acting = lambda: None
        (request,) = provider.requests
        provider.says(f"cs_{request.handle}", ProviderState.PAID)
        handle = Handle.parse(request.handle)
        with till.database.transaction() as session:
            find_charge(session, handle).provider_ref = ref(handle)
        resolve_open_charges(till, at=SOON)

    provider.after_acting = settled_meanwhile
    handle, _ = start(till, bill)
    assert charge_of(till, handle).state == ChargeState.SETTLED
    assert events(till, handle).count("settled") == 1
    given.proves()


def test_giving_up_what_was_paid_meanwhile_settles_it(till, provider, given):
    bill = given.open_bill()
    handle, _ = start(till, bill)
    provider.says(ref(handle), ProviderState.PAID)

    assert cancel_checkout(till, handle, by=PAYER, at=NOON).state == ChargeState.SETTLED
    assert given.bill(bill).state == BillState.PAID
    given.proves()


def test_an_attempt_stays_open_while_its_provider_cannot_be_told_to_stop(till, provider, given):
    handle, _ = start(till, given.open_bill())
    provider.before_acting = unreachable
    with pytest.raises(ProviderUnreachable):
        cancel_checkout(till, handle, by=PAYER, at=NOON)

    assert charge_of(till, handle).state == ChargeState.PENDING


def test_a_crash_after_the_provider_gave_up_is_found_out_by_asking(till, provider, given):
    bill = given.open_bill()
    handle, _ = start(till, bill)
    provider.after_acting = power_cut
    with pytest.raises(PowerCut):
        cancel_checkout(till, handle, by=PAYER, at=NOON)
    provider.after_acting = lambda: None

    assert resolve_open_charges(till, at=SOON)["closed"] == 1
    assert charge_of(till, handle).state == ChargeState.EXPIRED


def test_giving_up_twice_and_giving_up_a_paid_attempt_change_nothing(till, provider, given):
    handle, _ = start(till, given.open_bill())
    first = cancel_checkout(till, handle, by=PAYER, at=NOON)
    again = cancel_checkout(till, handle, by=PAYER, at=SOON)
    assert (first.state, again.closed_at) == (ChargeState.CANCELLED, NOON)

    paid = given.settled_charge(given.open_bill())
    assert cancel_checkout(till, paid.handle, by=PAYER, at=NOON).state == ChargeState.SETTLED
    with pytest.raises(ChargeNotFound):
        cancel_checkout(till, Handle(3, paid.id), by=PAYER, at=NOON)


def test_an_attempt_at_a_provider_that_is_no_longer_configured_is_not_given_up_blindly(
    db, till, given
):
    handle, _ = start(till, given.open_bill())
    without = Till(db, {}, "https://mizon.example")
    with pytest.raises(ProviderUnreachable):
        cancel_checkout(without, handle, by=PAYER, at=NOON)
    assert resolve_open_charges(without, at=MUCH_LATER)["closed"] == 0
    assert charge_of(till, handle).state == ChargeState.PENDING


def test_paymes_page_is_only_a_link_and_no_attempt_is_known_there_yet(till, given):
    bill = given.open_bill()
    handle, url = start(till, bill, provider="payme")

    assert url.startswith("https://checkout.paycom.uz/")
    assert charge_of(till, handle).state == ChargeState.CREATED
    assert start(till, bill, provider="payme") == (handle, url)
    cancelled = cancel_checkout(till, handle, by=PAYER, at=NOON)
    assert cancelled.state == ChargeState.CANCELLED


def test_the_provider_is_told_what_to_charge_and_where_to_return_to(till, provider, given):
    bill = given.open_bill()
    handle, _ = start_checkout(till, bill.reference, provider="stripe", language="ru", at=NOON)

    (request,) = provider.requests
    assert request.amount == bill.amount
    assert request.reference == bill.reference
    assert request.description == "Выдача биометрического паспорта"
    assert request.return_url.partition("?")[0] == f"https://mizon.example/payments/{handle}"

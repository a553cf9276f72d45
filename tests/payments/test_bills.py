"""Bills: issued once by the agency's own clerk, expired by the clock, never owed after being cancelled."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from foundation.history import events_of
from foundation.ids import new_id
from foundation.states import IllegalMove
from identity.actor import PAYER, Actor
from identity.parties import OrganisationNotFound
from identity.roles import Role
from ledger.money import UZS, AmountMalformed, Money
from payments.bills import (
    Bill,
    BillAlreadyPaid,
    BillCancelled,
    BillExpired,
    BillIdReused,
    BillNotFound,
    BillState,
    IssueNotAllowed,
    PayerNameMissing,
    bills_of,
    cancel_bill,
    expire_bills,
    find_bill,
    issue_bill,
    lock_bill_by_id,
    masked,
    refuse_unpayable,
)
from payments.references import ReferenceMalformed, show, with_check_digits
from payments.registry.services import ServiceNotFound, ServiceVersion
from tests.given import AGENCY, CLERK, NOON, OFFICER, OTHER_AGENCY

FEE = UZS("412000")
STRANGER = Actor("staff", "stranger", grants=frozenset({(Role.AGENCY_CLERK, OTHER_AGENCY)}))
LATER = NOON + timedelta(days=40)


def issue(db, **changes) -> Bill:
    asked = {
        "org_id": AGENCY,
        "id": new_id(),
        "service_code": "0001",
        "payer_name": "Aziza Karimova",
        "by": CLERK,
        "at": NOON,
    } | changes
    with db.transaction() as session:
        return issue_bill(session, asked.pop("org_id"), **asked)


def cancel(db, bill: Bill, by: Actor = CLERK) -> Bill:
    with db.transaction() as session:
        return cancel_bill(session, bill.reference, by=by, at=NOON)


def history(db, bill: Bill) -> list[tuple[str, str]]:
    with db.transaction() as session:
        return [(event.what, event.by) for event in events_of(session, bill)]


@pytest.mark.parametrize("by", [STRANGER, OFFICER, PAYER], ids=str)
def test_only_a_clerk_of_the_agency_issues_and_cancels_its_bills(db, given, by):
    with pytest.raises(IssueNotAllowed):
        issue(db, by=by)
    bill = given.open_bill()
    with pytest.raises(IssueNotAllowed):
        cancel(db, bill, by=by)

    assert given.bill(bill).state == BillState.OPEN


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "A",
        "\u00a0A\u00a0",
        "A" * 201,
        "Aziza\x00Karimova",
        "Aziza \ud800",
        "Aziza \u202eK",
    ],
)
def test_a_bill_without_a_name_that_can_be_printed_is_refused(db, name):
    with pytest.raises(PayerNameMissing):
        issue(db, payer_name=name)


@pytest.mark.parametrize(
    "amount", [UZS("0"), UZS("-1"), Money(10**15 + 1, "UZS"), Money(412_000_00, "EUR")]
)
def test_an_amount_that_could_never_be_booked_is_refused_before_it_is_asked_for(db, amount):
    with pytest.raises(AmountMalformed):
        issue(db, amount=amount)


def test_a_service_or_an_agency_that_is_not_there_is_refused(db):
    everywhere = Actor("staff", "clerk", grants=frozenset({(Role.AGENCY_CLERK, 99)}))
    with pytest.raises(ServiceNotFound):
        issue(db, service_code="9999")
    with pytest.raises(ServiceNotFound):
        issue(db, at=datetime(1999, 12, 31, tzinfo=UTC))
    with pytest.raises(OrganisationNotFound):
        issue(db, org_id=99, by=everywhere)


def test_asking_twice_with_one_id_is_one_bill(db):
    id = new_id()  # noqa: A001
    first, again = issue(db, id=id), issue(db, id=id, payer_name=" Aziza  Karimova ")

    assert again.reference == first.reference
    assert len(history(db, first)) == 1


@pytest.mark.parametrize(
    "change",
    [{"service_code": "0002"}, {"amount": UZS("1")}, {"payer_name": "Jasur Toʻxtayev"}],
    ids=lambda change: next(iter(change)),
)
def test_another_request_under_a_known_id_is_a_conflict(db, change):
    id = new_id()  # noqa: A001
    issue(db, id=id)
    with pytest.raises(BillIdReused):
        issue(db, id=id, **change)


def test_the_same_request_after_the_fee_has_changed_still_finds_its_bill(db):
    id = new_id()  # noqa: A001
    first = issue(db, id=id)
    with db.transaction() as session:
        dear = session.get_one(ServiceVersion, (AGENCY, "0001", 1))
        session.add(
            ServiceVersion(
                org_id=AGENCY,
                service_code="0001",
                version=2,
                valid_from=date(2026, 11, 21),
                fee_minor=500_000_00,
                currency="UZS",
                days_to_pay=10,
                legal_basis=dear.legal_basis,
                split=dear.split,
            )
        )

    tomorrow = NOON + timedelta(days=1)
    assert issue(db, id=id, at=tomorrow).amount == first.amount == FEE
    assert issue(db, at=tomorrow).amount == UZS("500000")


def test_one_id_asked_for_by_many_at_once_is_one_bill(db):
    id = new_id()  # noqa: A001

    def ask(_: int) -> str | None:
        try:
            return issue(db, id=id).reference
        except Exception as refusal:  # noqa: BLE001 - a lost race may only fail, never issue twice
            return type(refusal).__name__ if "Integrity" not in type(refusal).__name__ else None

    with ThreadPoolExecutor(6) as pool:
        told = set(pool.map(ask, range(12))) - {None}
    assert len(told) == 1
    with db.transaction() as session:
        assert [bill.id for bill in bills_of(session, None)] == [id]


def test_a_bill_is_due_after_its_days_and_expires_when_that_day_ends_in_tashkent(db):
    late_evening = datetime(2026, 11, 20, 18, 59, tzinfo=UTC)  # 23:59 in Tashkent
    bill = issue(db, at=late_evening)

    assert bill.due_on == date(2026, 12, 20)
    assert bill.expires_at.astimezone(UTC) == datetime(2026, 12, 20, 19, 0, tzinfo=UTC)
    assert issue(db, at=late_evening + timedelta(minutes=1)).due_on == date(2026, 12, 21)


def test_a_bill_is_expired_by_the_clock_before_any_job_has_run(db, given):
    bill = given.open_bill()
    just_before = bill.expires_at - timedelta(microseconds=1)

    assert bill.state_at(just_before) is BillState.OPEN
    assert bill.state_at(bill.expires_at) is BillState.EXPIRED
    refuse_unpayable(bill, just_before)
    with pytest.raises(BillExpired):
        refuse_unpayable(bill, bill.expires_at)


def test_the_job_writes_down_what_the_clock_has_decided_once(db, given):
    bill, young = given.open_bill(), given.open_bill(at=LATER)
    with db.transaction() as session:
        assert expire_bills(session, at=LATER) == 1
    with db.transaction() as session:
        assert expire_bills(session, at=LATER) == 0

    assert given.bill(bill).state == BillState.EXPIRED
    assert given.bill(young).state == BillState.OPEN
    assert history(db, bill)[-1] == ("expired", "system:expire_bills")


def test_the_job_does_not_wait_for_a_bill_that_is_being_paid(db, given):
    paying, other = given.open_bill(), given.open_bill()
    with db.transaction() as session:
        lock_bill_by_id(session, AGENCY, paying.id)
        with db.transaction() as job:
            assert expire_bills(job, at=LATER) == 1

    assert given.bill(other).state == BillState.EXPIRED
    assert given.bill(paying).state == BillState.OPEN


def test_a_paid_bill_is_neither_cancelled_nor_expired_nor_paid_again(db, given):
    bill = given.open_bill()
    given.settled_charge(bill)
    with pytest.raises(IllegalMove):
        cancel(db, bill)
    with db.transaction() as session:
        assert expire_bills(session, at=LATER) == 0

    with pytest.raises(BillAlreadyPaid):
        refuse_unpayable(given.bill(bill), NOON)


def test_a_cancelled_bill_is_owed_no_more_and_cancelled_only_once(db, given):
    bill = given.open_bill()
    cancel(db, bill)
    cancel(db, bill)

    with pytest.raises(BillCancelled):
        refuse_unpayable(given.bill(bill), LATER)
    assert [what for what, _ in history(db, bill)] == ["issued", "cancelled"]


@pytest.mark.parametrize(
    "reference",
    [
        with_check_digits("999900010000000001"),
        with_check_digits("202000010000000001"),
        with_check_digits("000100010000000001"),
    ],
    ids=["no such agency", "no such bill", "the operator"],
)
def test_a_valid_reference_of_no_bill_is_not_found(db, reference):
    with pytest.raises(BillNotFound), db.transaction() as session:
        find_bill(session, reference)


def test_a_mistyped_reference_is_told_apart_from_an_unknown_one(db):
    with pytest.raises(ReferenceMalformed), db.transaction() as session:
        find_bill(session, "20200001000000000001")


def test_a_bill_is_found_by_its_reference_as_printed(db, given):
    bill = given.open_bill()
    with db.transaction() as session:
        assert find_bill(session, show(bill.reference)).id == bill.id


def test_an_agency_sees_its_own_bills_only_newest_first(db, given):
    old, new = given.open_bill(at=NOON), given.open_bill(at=NOON + timedelta(hours=1))
    foreign = given.open_bill(org_id=OTHER_AGENCY)

    with db.transaction() as session:
        assert [b.id for b in bills_of(session, frozenset({AGENCY}))] == [new.id, old.id]
        assert bills_of(session, frozenset()) == []
        assert {b.id for b in bills_of(session, None)} == {old.id, new.id, foreign.id}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Aziza Karimova", "A*** K***"),
        ("Oʻtkir", "O***"),
        ("Li Wu Xi Ma", "L*** W*** X***"),
        ("", ""),
    ],
)
def test_a_stranger_sees_only_first_letters(name, shown):
    assert masked(name) == shown


def test_issuing_posts_nothing(db, given):
    bill = given.open_bill()

    assert bill.amount == FEE
    assert bill.reference.startswith("20200001")
    assert history(db, bill) == [("issued", "staff:clerk")]
    given.proves()

"""History: rows are added, in order, and never changed by anybody."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from foundation.history import events_of, record
from identity.actor import Actor
from ledger.money import UZS
from tests.superuser import as_superuser

NOON = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
CLERK = Actor("staff", "clerk")


@dataclass
class Licence:
    """Something that has a history."""

    __tablename__ = "licence"

    org_id: int = 2
    id: object = UUID("01930000-0000-7000-8000-000000000001")


@pytest.fixture
def written(empty):
    with empty.transaction() as session:
        record(session, Licence(), "issued", by=CLERK, at=NOON, number=7)
    return empty


@pytest.mark.parametrize(
    "statement", ["UPDATE history.event SET what = 'lost'", "DELETE FROM history.event"]
)
def test_the_service_cannot_change_what_happened(written, statement):
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        written.transaction() as session,
    ):
        session.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE history.event SET what = 'lost'",
        "DELETE FROM history.event",
        "TRUNCATE history.event",
    ],
)
def test_not_even_the_owner_changes_what_happened(written, empty_url, statement):
    with pytest.raises(ProgrammingError, match="append-only"):
        as_superuser(empty_url, statement)


def test_what_a_refused_operation_wrote_is_not_in_the_history(empty):
    def fails() -> None:
        with empty.transaction() as session:
            record(session, Licence(), "issued", by=CLERK, at=NOON)
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()

    with empty.transaction() as session:
        assert events_of(session, Licence()) == []


def test_events_of_one_transaction_are_told_in_the_order_they_were_written(empty):
    steps = [f"step {n}" for n in range(200)]
    with empty.transaction() as session:
        for step in steps:
            record(session, Licence(), step, by=CLERK, at=NOON)

    with empty.transaction() as session:
        assert [event.what for event in events_of(session, Licence())] == steps


def test_another_organisations_record_of_the_same_id_has_its_own_history(written):
    with written.transaction() as session:
        assert events_of(session, Licence(org_id=3)) == []
        assert events_of(session, Licence(id=8)) == []


def test_an_event_says_what_happened_by_whom_when_and_its_facts_as_plain_values(empty):
    facts = {"amount": UZS("12.50"), "share": Decimal("0.1"), "day": date(2026, 11, 20), "no": None}
    with empty.transaction() as session:
        record(session, Licence(), "issued", by=CLERK, at=NOON, paid=True, **facts)

    with empty.transaction() as session:
        (event,) = events_of(session, Licence())
    assert (event.what, event.by, event.at) == ("issued", "staff:clerk", NOON)
    assert event.facts == {
        "paid": True,
        "amount": "12.50 UZS",
        "share": "0.1",
        "day": "2026-11-20",
        "no": None,
    }

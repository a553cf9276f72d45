"""Shutting a book and opening it again: nothing is posted meanwhile, and nobody opens it alone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from foundation.database import Database
from foundation.errors import Refusal
from foundation.history import Event
from foundation.ids import new_id
from identity.actor import Actor, system_actor
from ledger.accounts import ReasonMissing
from ledger.books import prove, take_snapshot, transfers_by_book
from ledger.journals import Outcome, Transfer
from ledger.money import UZS
from ledger.periods.moves import SamePerson
from ledger.posting import BookShut
from ledger.proof_results import (
    ProofRow,
    checks_of,
    keep_proof,
    last_of_each_book,
    last_proof,
    recent_proofs,
)
from ledger.shutting import (
    BookNotProved,
    BookNotShut,
    OpeningAsked,
    OpeningNotAsked,
    approve_opening,
    books_shut,
    request_opening,
    shut_book,
    shutting_of,
    takes_postings,
)
from tests.ledger.desk import CLEARING, INCOME, KEEPER, NOON, Desk
from tests.superuser import as_superuser, rows

OTHER = Actor("staff", "botir")
NIGHT = system_actor("prove_books")
REASON = "a row was changed by hand; it was put back"


@pytest.fixture
def desk(empty: Database) -> Desk:
    desk = Desk(empty).open()
    for book in (1, 2):
        assert pays(desk, book) is Outcome.POSTED
    return desk


def pays(desk: Desk, book: int = 1) -> Outcome:
    return desk.does(Transfer(CLEARING, INCOME, UZS("1")), org_id=book)


def shut(desk: Desk, book: int = 1) -> bool:
    with desk.database.transaction() as session:
        return shut_book(session, book, why="balances: stored 1", by=NIGHT, at=NOON)


def proved(desk: Desk, *, shut: tuple[int, ...] = ()) -> ProofRow:
    """A proof of everything, kept."""
    with desk.database.transaction() as session:
        snapshot = take_snapshot(session)
        checks, transfers = list(prove(session)), transfers_by_book(session)
    with desk.database.transaction() as session:
        return keep_proof(
            session,
            1,
            new_id(),
            by=NIGHT,
            snapshot=snapshot,
            checks=checks,
            transfers=transfers,
            shut=shut,
        )


def asked(desk: Desk, by: Actor = KEEPER, reason: str = REASON) -> None:
    with desk.database.transaction() as session:
        request_opening(session, 1, reason=reason, by=by, at=NOON)


def opened(desk: Desk, by: Actor = OTHER) -> None:
    with desk.database.transaction() as session:
        approve_opening(session, 1, by=by, at=NOON)


def refused(desk: Desk, act, *args) -> type[Refusal]:
    with pytest.raises(Refusal) as refusal:
        act(desk, *args)
    return refusal.type


def test_a_shut_book_takes_nothing_and_its_neighbour_goes_on(desk):
    assert shut(desk)

    with pytest.raises(BookShut):
        pays(desk)
    assert pays(desk, 2) is Outcome.POSTED
    assert desk.balance(CLEARING) == "1.00"
    with desk.database.transaction() as session:
        assert not takes_postings(session, 1)
        assert takes_postings(session, 2)
        assert not takes_postings(session, 99)


def test_a_book_is_shut_once_and_keeps_its_first_reason(desk):
    assert shut(desk)
    assert not shut(desk)
    assert not shut(desk, 99)

    with desk.database.transaction() as session:
        (kept,) = books_shut(session)
    assert (kept.org_id, kept.why, kept.shut_by) == (1, "balances: stored 1", "system:prove_books")


def test_shutting_waits_for_the_postings_under_way_and_none_comes_after(desk):
    def pay_until_shut(_: int) -> int:
        for count in range(10_000):
            try:
                pays(desk)
            except BookShut:
                return count
        raise AssertionError("the book was never shut")

    with ThreadPoolExecutor(4) as pool:
        paying = [pool.submit(pay_until_shut, number) for number in range(3)]
        while desk.balance(CLEARING) < "9":
            pass
        shut(desk)
        posted = sum(one.result() for one in paying)
    assert desk.balance(CLEARING) == f"{posted + 1}.00"
    desk.proves()


def test_the_services_role_cannot_open_a_book_past_the_two_persons(desk, server, service_login):
    shut(desk)
    service = Database(server.url(service_login, desk.database.engine.url.database))
    for statement in (
        "SELECT ledger.set_book_state(1, 1::smallint)",
        "UPDATE ledger.book SET state = 1",
        "UPDATE ledger.shutting SET approved_by = 'me'",
        "DELETE FROM ledger.shutting",
        "INSERT INTO ledger.proof_book VALUES (1, gen_random_uuid(), now(), 1, '{}')",
    ):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            service.transaction() as session,
        ):
            session.execute(text(statement))
    service.close()


def test_an_open_book_cannot_be_opened_and_nobody_opens_what_nobody_asked_for(desk):
    assert refused(desk, asked) is BookNotShut
    assert refused(desk, opened) is BookNotShut
    shut(desk)
    proved(desk)
    assert refused(desk, opened) is OpeningNotAsked


def test_who_asks_gives_a_reason_and_asks_once(desk):
    shut(desk)
    assert refused(desk, asked, KEEPER, "   short   ") is ReasonMissing
    asked(desk)
    assert refused(desk, asked, OTHER) is OpeningAsked


def test_nobody_opens_a_book_alone(desk):
    shut(desk)
    proved(desk)
    asked(desk)

    assert refused(desk, opened, KEEPER) is SamePerson
    with pytest.raises(BookShut):
        pays(desk)


def test_a_proof_from_before_the_shutting_opens_nothing(desk):
    proved(desk)
    shut(desk)
    asked(desk)

    assert refused(desk, opened) is BookNotProved


def test_a_proof_that_speaks_against_the_book_opens_nothing_whatever_came_before_it(
    desk, empty_url
):
    shut(desk)
    asked(desk)
    proved(desk)
    change = "UPDATE ledger.account SET posted = posted {} 1 WHERE org_id = 1 AND number = '4010'"
    as_superuser(empty_url, change.format("+"))
    proved(desk)
    assert refused(desk, opened) is BookNotProved

    as_superuser(empty_url, change.format("-"))
    assert refused(desk, opened) is BookNotProved
    proved(desk)
    opened(desk)
    assert pays(desk) is Outcome.POSTED


def test_a_book_opened_by_two_persons_takes_postings_and_remembers_it(desk):
    shut(desk)
    asked(desk)
    proved(desk)
    opened(desk)

    assert pays(desk) is Outcome.POSTED
    with desk.database.transaction() as session:
        assert books_shut(session) == []
        with pytest.raises(BookNotShut):
            shutting_of(session, 1)
        query = select(Event).where(Event.subject == "shutting").order_by(Event.id)
        story = session.scalars(query).all()
        told = [(event.what, event.by) for event in story]
    assert told == [
        ("shut", "system:prove_books"),
        ("opening_requested", "staff:karima"),
        ("opened", "staff:botir"),
    ]
    assert story[1].facts == {"reason": REASON}
    assert shut(desk), "it can be shut again"


def test_a_kept_proof_says_what_was_found_in_which_book(desk, empty_url):
    as_superuser(
        empty_url,
        "UPDATE ledger.account SET posted = posted + 1 WHERE org_id = 2 AND number = '4010'",
    )
    first = proved(desk, shut=(2,))

    with desk.database.transaction() as session:
        checks = checks_of(session, first)
        said = {book.org_id: (book.transfers, book.broken) for book in last_of_each_book(session)}
        assert last_proof(session, 1).id == first.id
        assert last_proof(session, 2) is None
    assert (first.rules, first.broken, first.shut) == (len(checks), 2, [2])
    assert first.examined == sum(check.examined for check in checks)
    assert first.ended_at - first.started_at < timedelta(minutes=1)
    broken = {check.name: check for check in checks if check.difference}
    assert set(broken) == {"balances", "trial-balance"}
    assert broken["balances"].books == [2]
    assert broken["balances"].difference["org_id"] == 2
    assert said == {1: (1, []), 2: (1, ["balances", "trial-balance"])}


def test_the_newest_proofs_come_first(desk):
    made = [proved(desk).id for _ in range(3)]

    with desk.database.transaction() as session:
        assert [one.id for one in recent_proofs(session, 1, limit=2)] == made[:0:-1]


@pytest.mark.parametrize("table", ["proof", "proof_check", "proof_book"])
def test_a_kept_proof_is_never_changed(desk, empty_url, table):
    proved(desk)
    for statement in (f"DELETE FROM ledger.{table}", f"TRUNCATE ledger.{table} CASCADE"):
        with pytest.raises(ProgrammingError, match="append-only"):
            as_superuser(empty_url, statement)
    assert rows(empty_url, f"SELECT count(*) > 0 FROM ledger.{table}") == [(True,)]

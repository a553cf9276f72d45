"""Proving all books: what differs is named and kept; its own book is shut, and nothing sound ever is."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import NullPool, create_engine, text

from identity.actor import Actor, system_actor
from ledger.accounts import AccountKey
from ledger.books import Check
from ledger.chart import PAYER_CREDIT, PROVIDER_CLEARING, REVENUE, JournalKind
from ledger.evidence.sealing import seal_books
from ledger.journals import Journal, Transfer, capture, hold, journal_key
from ledger.money import UZS
from ledger.posting import BookShut, post
from ledger.proof_results import checks_of, last_of_each_book, last_proof, recent_proofs
from ledger.rule import Rule
from ledger.shutting import approve_opening, books_shut, request_opening
from payments.jobs import JOBS, BooksDiffer
from payments.reconciliation.proving import (
    QUICK_RULES,
    RULES,
    Proof,
    prove_books,
    prove_quickly,
)
from payments.reconciliation.run import last_run
from service.demo.town import OPERATOR
from tests.given import AGENCY, NOON, OTHER_AGENCY
from tests.payments.reconciliation.desk import Desk, line
from tests.superuser import as_superuser, rows

NIGHT = system_actor("prove_books")
CREDIT = AccountKey(PAYER_CREDIT, "", "UZS")
CLEARING = AccountKey(PROVIDER_CLEARING, "stripe", "UZS")
KIND = JournalKind.PAYMENT_CONFIRMED
INCOME = AccountKey(REVENUE, "local-budget", "UZS")
ONE_TIYIN_MORE = (
    "UPDATE ledger.account SET posted = posted + 1 WHERE org_id = {} AND number = '1210'"
)
NO_BALANCE_FITS = "UPDATE ledger.transfer SET debit_balance = debit_balance + 1 WHERE org_id = {}"
WAITS_FOR_US = """
SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))
"""


class PowerCut(BaseException):
    """Our process is gone."""


def damage(desk: Desk, statement: str, book: int = AGENCY) -> None:
    replica = "SET LOCAL session_replication_role = 'replica'"
    as_superuser(desk.db.url, replica, statement.format(book))


def proof_of(desk: Desk) -> Proof:
    return prove_books(desk.db, by=NIGHT, at=NOON)


def state(desk: Desk) -> dict[int, int]:
    return dict(rows(desk.db.url, "SELECT org_id, state FROM ledger.book ORDER BY 1"))


def test_the_book_that_does_not_agree_is_shut_and_its_neighbours_are_not(desk):
    desk.paid(UZS("100"))
    desk.paid(UZS("100"), OTHER_AGENCY)
    damage(desk, NO_BALANCE_FITS)

    proof = proof_of(desk)

    assert ([check.name for check in proof.broken], proof.shut) == (["running"], [AGENCY])
    assert state(desk) == {OPERATOR: 1, AGENCY: 2, OTHER_AGENCY: 1}
    with pytest.raises(BookShut):
        desk.paid(UZS("1"))
    desk.paid(UZS("1"), OTHER_AGENCY)
    with desk.db.transaction() as session:
        (shut,) = books_shut(session)
    assert shut.why.startswith("running: org_id 2, account ")
    assert shut.shut_by == "system:prove_books"


def test_a_difference_between_books_or_with_payments_is_shown_and_shuts_nothing(desk):
    desk.paid(UZS("100"))
    damage(desk, "UPDATE payments.charge SET confirmed_minor = confirmed_minor + 1")

    proof = proof_of(desk)

    broken = {check.name for check in proof.broken}
    assert broken == {"charges", "bills", "receipts", "provider-clearing"}
    assert (proof.differing, proof.shut, set(state(desk).values())) == ([], [], {1})
    with desk.db.transaction() as session:
        assert last_proof(session, OPERATOR).broken == len(broken)
        assert all(not book.broken for book in last_of_each_book(session))


def test_a_second_proof_names_the_difference_again_and_shuts_nothing_new(desk):
    desk.paid(UZS("100"))
    damage(desk, NO_BALANCE_FITS)

    first, second = proof_of(desk), proof_of(desk)

    assert (first.shut, second.shut) == ([AGENCY], [])
    assert first.differing == second.differing == [AGENCY]
    with desk.db.transaction() as session:
        assert [one.shut for one in recent_proofs(session, OPERATOR, limit=5)] == [[], [AGENCY]]
        assert len(books_shut(session)) == 1


def test_a_mended_book_is_opened_by_two_persons_after_a_new_proof(desk):
    desk.paid(UZS("100"))
    damage(desk, ONE_TIYIN_MORE)
    proof_of(desk)
    damage(desk, ONE_TIYIN_MORE.replace("+", "-"))
    assert not proof_of(desk).broken

    asker, approver = Actor("staff", "karima"), Actor("staff", "botir")
    with desk.db.transaction() as session:
        request_opening(session, AGENCY, reason="a hand-made change was undone", by=asker, at=NOON)
        approve_opening(session, AGENCY, by=approver, at=NOON)
    desk.paid(UZS("1"))
    desk.given.proves()


def cut_off(checks: Iterable[Check]) -> Iterator[Check]:
    for number, check in enumerate(checks):
        if number == 3:
            raise PowerCut
        yield check


def test_a_crash_in_the_middle_of_a_proof_leaves_nothing_of_it(desk):
    desk.paid(UZS("100"))
    damage(desk, NO_BALANCE_FITS)

    with pytest.raises(PowerCut):
        prove_books(desk.db, by=NIGHT, at=NOON, watch=cut_off)

    for table in ("proof", "proof_check", "proof_book", "shutting"):
        assert rows(desk.db.url, f"SELECT count(*) FROM ledger.{table}") == [(0,)], table


def test_a_crash_after_a_book_was_shut_leaves_it_shut_and_the_next_proof_tells_all(
    desk, monkeypatch
):
    desk.paid(UZS("100"))
    damage(desk, NO_BALANCE_FITS)
    with monkeypatch.context() as crash:

        def power_cut(*_: object, **__: object) -> None:
            raise PowerCut

        crash.setattr("payments.reconciliation.proving.keep_proof", power_cut)
        with pytest.raises(PowerCut):
            proof_of(desk)

    assert state(desk)[AGENCY] == 2
    assert rows(desk.db.url, "SELECT count(*) FROM ledger.proof_check") == [(0,)]
    proof = proof_of(desk)
    with desk.db.transaction() as session:
        kept = last_proof(session, OPERATOR)
        assert len(checks_of(session, kept)) == kept.rules == len(RULES)
    assert (kept.id, proof.differing, proof.shut) == (proof.id, [AGENCY], [])


def test_a_book_that_somebody_holds_is_shut_all_the_same_when_he_lets_go(desk):
    desk.paid(UZS("100"))
    damage(desk, NO_BALANCE_FITS)
    with (
        ThreadPoolExecutor(1) as pool,
        create_engine(desk.db.url, poolclass=NullPool).begin() as holder,
    ):
        holder.execute(text("SELECT FROM ledger.account WHERE org_id = 2 FOR UPDATE"))
        proving = pool.submit(proof_of, desk)
        while not holder.execute(text(WAITS_FOR_US)).scalar():
            assert not proving.done()
        holder.rollback()
        assert proving.result().shut == [AGENCY]


def keep_posting(desk: Desk, number: int, stop: threading.Event) -> int:
    """Payments to ever new payees, holds and captures in one of three books, until told to stop."""
    book, day = (AGENCY, OTHER_AGENCY, OPERATOR)[number % 3], NOON.date()
    for count in range(100_000):
        if stop.is_set():
            return count
        payee = AccountKey(REVENUE, f"payee {number}-{count % 20}", "UZS")
        kept = journal_key("test", f"{number}-{count}")
        lines = [
            Transfer(CLEARING, CREDIT, UZS("2")),
            Transfer(CLEARING, payee, UZS("3")),
            hold(kept, CREDIT, CLEARING, UZS("1")),
        ]
        with desk.db.transaction() as session:
            post(session, [Journal(book, "test", f"{number}-{count}", KIND, day, lines)])
            if count % 2:
                taken = [capture(kept, CREDIT, CLEARING, UZS("1"))]
                post(session, [Journal(book, "test", f"{number}-{count}-c", KIND, day, taken)])
    return 0


def keep_sealing(desk: Desk, stop: threading.Event) -> int:
    sealed = 0
    while not stop.is_set():
        sealed += seal_books(desk.db, most=50)
    return sealed


def test_a_sound_book_is_never_shut_however_much_is_posted_while_it_is_proved(desk):
    """Six post at once in three books, and a seventh seals."""
    stop = threading.Event()
    with ThreadPoolExecutor(7) as pool:
        sealing = pool.submit(keep_sealing, desk, stop)
        posting = [pool.submit(keep_posting, desk, number, stop) for number in range(6)]
        try:
            proofs = [proof_of(desk) for _ in range(10)]
        finally:
            stop.set()

    assert sum(one.result() for one in posting) > 50
    assert sealing.result() > 50
    # These payments were made behind the back of charges and statements, and only those may say so.
    assert [check for proof in proofs for check in proof.broken if check.rule.shuts] == []
    assert set(state(desk).values()) == {1}
    examined = [proof.checks[1].examined for proof in proofs]
    assert examined == sorted(examined)
    assert examined[0] < examined[-1]


def test_the_quick_rules_read_no_transfers_and_are_what_a_reconciliation_proves(desk):
    desk.paid(UZS("100"))
    desk.reconcile()

    assert {rule.name for rule in QUICK_RULES} == {
        "trial-balance",
        "due-to-due-from",
        "provider-clearing",
        "bank",
    }
    assert all("ledger.transfer" not in str(rule.broken) for rule in QUICK_RULES)
    with desk.db.transaction() as session:
        run = last_run(session, OPERATOR)
    assert [check["name"] for check in run.proof] == [rule.name for rule in QUICK_RULES]


def test_a_book_whose_balances_do_not_sum_to_nothing_is_shut_by_the_next_reconciliation(desk):
    desk.paid(UZS("100"))
    damage(desk, ONE_TIYIN_MORE)

    desk.reconcile()

    assert state(desk) == {OPERATOR: 1, AGENCY: 2, OTHER_AGENCY: 1}
    assert rows(desk.db.url, "SELECT count(*) FROM ledger.proof") == [(0,)]
    assert not prove_quickly(desk.db, by=NIGHT, at=NOON)[0].holds


def test_the_nightly_job_keeps_its_proof_and_fails_when_anything_differs(desk):
    job = next(job for job in JOBS if job.name == "prove_books")
    desk.booked(line("7.00", "toʻlov"))
    desk.reconcile()
    counts = job.run(desk.till, NOON)
    assert set(counts) == {rule.name for rule in RULES}

    damage(desk, ONE_TIYIN_MORE.replace("1210", "2310"), OPERATOR)
    with pytest.raises(BooksDiffer, match="balances: "):
        job.run(desk.till, NOON)
    with desk.db.transaction() as session:
        newest, first = recent_proofs(session, OPERATOR, limit=5)
    assert (first.broken, newest.broken, newest.shut) == (0, 2, [OPERATOR])


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_every_rule_names_the_book_of_each_fault(empty, rule: Rule):
    if callable(rule.broken):
        return
    with empty.transaction() as session:
        query = f"SELECT * FROM ({rule.broken}) AS fault LIMIT 0"
        plain = {"no_parameters": True}
        found = session.connection().exec_driver_sql(query, execution_options=plain)
        assert "org_id" in [column.name for column in found.cursor.description]

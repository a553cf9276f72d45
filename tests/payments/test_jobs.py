"""The schedule of payments: each job does its work on the real tables, and says when it could not."""

from datetime import timedelta
from time import sleep

import pytest

from foundation.clock import business_date, now
from foundation.ids import new_id
from foundation.jobs import last_runs, run_due
from ledger.accounts import AccountKey
from ledger.chart import BANK, PAYER_CREDIT, JournalKind
from ledger.journals import Journal, Transfer, hold
from ledger.money import UZS
from ledger.posting import post_all
from payments.bills import BillState
from payments.checkout import Till
from payments.jobs import JOBS, BooksDiffer
from tests.given import AGENCY, NOON, OTHER_AGENCY
from tests.payments.callbacks.payme import Payme
from tests.payments.stub import StubGateway
from tests.superuser import as_superuser, rows

BY_NAME = {job.name: job for job in JOBS}


@pytest.fixture
def till(db) -> Till:
    return Till(db, {"stripe": StubGateway()}, "https://mizon.example")


def test_books_that_differ_fail_the_nightly_proof_by_name(till, given):
    given.settled_charge(given.open_bill())
    as_superuser(till.database.url, "UPDATE ledger.account SET posted = posted + 1")

    with pytest.raises(BooksDiffer, match=r"^balances: "):
        BY_NAME["prove_books"].run(till, NOON)
    run_due(till.database, BY_NAME["prove_books"], till, worker="night", at=NOON)
    with till.database.transaction() as session:
        (run,) = last_runs(session)
    assert run.outcome == "failed"
    assert run.error.startswith("BooksDiffer: balances: ")


def test_every_payme_transaction_that_timed_out_is_cancelled_in_one_slot(till, given):
    payme = Payme(till.database, given)
    ids = [payme.create(given.open_bill()) for _ in range(5)]
    performed = payme.performed(given.open_bill())

    job = BY_NAME["cancel_timed_out_payme"]
    assert job.run(till, NOON + timedelta(hours=11)) == {"cancelled": 0}
    assert job.run(till, NOON + timedelta(hours=12)) == {"cancelled": 5}
    assert {payme.state(one) for one in ids} == {(-1, 4)}
    assert payme.state(performed) == (2, None)


def test_holds_whose_time_has_passed_are_tidied_in_every_book(till):
    with till.database.transaction() as session:
        credit, clearing = AccountKey(PAYER_CREDIT, "", "UZS"), AccountKey(BANK, "1", "UZS")
        lines = [
            Transfer(clearing, credit, UZS("5")),
            hold(new_id(), credit, clearing, UZS("5"), expires_at=now() + timedelta(seconds=0.3)),
        ]
        for book in (AGENCY, OTHER_AGENCY):
            kind = JournalKind.ADJUSTMENT
            post_all(session, [Journal(book, "test", "a", kind, business_date(NOON), lines)])
    assert BY_NAME["tidy_holds"].run(till, NOON) == {"accounts": 0}

    sleep(0.4)
    assert BY_NAME["tidy_holds"].run(till, NOON) == {"accounts": 4}
    assert BY_NAME["tidy_holds"].run(till, NOON) == {"accounts": 0}
    assert rows(till.database.url, "SELECT DISTINCT state, debit_free FROM ledger.hold") == [
        (3, True)
    ]


def test_every_job_runs_on_an_empty_town_and_counts_nothing_wrong(till):
    for job in JOBS:
        assert run_due(till.database, job, till, worker="test", at=NOON) == 1
    with till.database.transaction() as session:
        runs = {run.job: run for run in last_runs(session)}

    assert set(runs) == set(BY_NAME)
    assert {run.outcome for run in runs.values()} == {"done"}
    assert runs["reconcile"].counts["differences"] == 0


def test_bills_expire_by_the_job(till, given):
    bill = given.open_bill()
    assert BY_NAME["expire_bills"].run(till, bill.expires_at) == {"expired": 1}

    assert given.bill(bill).state == BillState.EXPIRED


def test_periods_are_made_for_every_book_once(till):
    at = now() + timedelta(days=200)
    first, again = (BY_NAME["make_periods"].run(till, at) for _ in range(2))

    books = rows(till.database.url, "SELECT org_id, max(last_day) FROM ledger.period GROUP BY 1")
    assert first["made"] > 0 == again["made"]
    assert len(books) == 3
    assert all(last_day > business_date(at) for _, last_day in books)

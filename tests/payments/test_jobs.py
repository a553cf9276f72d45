"""The schedule of payments: each job does its work on the real tables, and says when it could not."""

from datetime import timedelta

import pytest

from foundation.jobs import last_runs, run_due
from payments.bills import BillState
from payments.checkout import Till
from payments.jobs import JOBS, BooksDiffer
from tests.given import NOON
from tests.payments.callbacks.payme import Payme
from tests.payments.stub import StubGateway
from tests.superuser import as_superuser

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

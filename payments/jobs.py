"""The schedule of payments, as data; each job may be run late, twice or by several workers at once."""

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select, text

from foundation.jobs import Daily, Every, Job
from identity.actor import system_actor
from ledger.accounts import Book
from ledger.holds import books_with_due, tidy_due
from ledger.periods.moves import make_periods
from payments.bills import expire_bills
from payments.callbacks.payme.transactions import cancel_timed_out
from payments.checkout import Till, resolve_open_charges
from payments.reconciliation.proving import prove_books
from payments.reconciliation.run import reconcile


class BooksDiffer(Exception):
    """A proof found a difference: somebody must look at once."""


def _expire_bills(till: Till, at: datetime) -> dict[str, int]:
    with till.database.transaction() as session:
        return {"expired": expire_bills(session, at=at)}


def _cancel_timed_out(till: Till, at: datetime) -> dict[str, int]:
    def one() -> int:
        with till.database.transaction() as session:
            return cancel_timed_out(session, at=at, limit=1)

    # One bill a transaction: it never holds one that another waits for while it waits itself.
    return {"cancelled": sum(iter(one, 0))}


def _resolve_open_charges(till: Till, at: datetime) -> dict[str, int]:
    return resolve_open_charges(till, at=at)


def _reconcile(till: Till, at: datetime) -> dict[str, int]:
    run = reconcile(till, by=system_actor("reconcile"), at=at)
    differences = sum(1 for check in run.proof if check["difference"])
    return {**run.counts, "differences": differences}


def _prove_books(till: Till, at: datetime) -> dict[str, int]:
    proof = prove_books(till.database, by=system_actor("prove_books"), at=at)
    if broken := proof.broken:
        raise BooksDiffer("; ".join(map(str, broken)))
    return {check.name: check.examined for check in proof.checks}


def _tidy_holds(till: Till, at: datetime) -> dict[str, int]:  # noqa: ARG001
    with till.database.transaction() as session:
        books = books_with_due(session)

    def some(book: int) -> int:
        with till.database.transaction() as session:
            return tidy_due(session, book)

    # A few accounts a transaction, so that no posting meets many locks.
    return {"accounts": sum(sum(iter(partial(some, book), 0)) for book in books)}


def _make_periods(till: Till, at: datetime) -> dict[str, int]:
    with till.database.transaction() as session:
        books = session.scalars(select(Book.org_id).order_by(Book.org_id)).all()
        return {"made": sum(make_periods(session, book, at=at) for book in books)}


def _prepare_partitions(till: Till, at: datetime) -> dict[str, int]:  # noqa: ARG001 - every job is given the time
    with till.database.transaction() as session:
        return {"made": session.execute(text("SELECT ledger.ensure_partitions()")).scalar_one()}


def _measure_lane(till: Till, at: datetime) -> dict[str, int]:  # noqa: ARG001
    return till.lane.measured() if till.lane else {}


JOBS: tuple[Job[Till], ...] = (
    Job("expire_bills", Every(60), _expire_bills),
    Job("cancel_timed_out_payme", Every(60), _cancel_timed_out),
    Job("resolve_open_charges", Every(60), _resolve_open_charges),
    Job("reconcile", Every(900), _reconcile),
    Job("prove_books", Daily(hour=2), _prove_books, lease=timedelta(hours=1)),
    Job("prepare_partitions", Daily(hour=1), _prepare_partitions),
    Job("make_periods", Daily(hour=1), _make_periods),
    Job("tidy_holds", Every(60), _tidy_holds),
    Job("measure_lane", Every(60), _measure_lane),
)

"""The schedule of payments, as data; each job may be run late, twice or by several workers at once."""

from datetime import datetime

from sqlalchemy import text

from foundation.jobs import Daily, Every, Job
from identity.actor import system_actor
from ledger.books import prove
from ledger.rules import RULES as LEDGER_RULES
from payments.bills import expire_bills
from payments.callbacks.payme.transactions import cancel_timed_out
from payments.checkout import Till, resolve_open_charges
from payments.reconciliation.proof import RULES as PAYMENT_RULES
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


def _prove_books(till: Till, at: datetime) -> dict[str, int]:  # noqa: ARG001 - every job is given the time
    with till.database.transaction() as session:
        session.execute(text("SET LOCAL statement_timeout = '1h'"))
        checks = list(prove(session, LEDGER_RULES + PAYMENT_RULES))
    if broken := [check for check in checks if not check.holds]:
        raise BooksDiffer(f"{broken[0].name}: {broken[0].difference}")
    return {check.name: check.examined for check in checks}


def _prepare_partitions(till: Till, at: datetime) -> dict[str, int]:  # noqa: ARG001
    with till.database.transaction() as session:
        return {"made": session.execute(text("SELECT ledger.ensure_partitions()")).scalar_one()}


def _measure_lane(till: Till, at: datetime) -> dict[str, int]:  # noqa: ARG001
    return till.lane.measured() if till.lane else {}


JOBS: tuple[Job[Till], ...] = (
    Job("expire_bills", Every(60), _expire_bills),
    Job("cancel_timed_out_payme", Every(60), _cancel_timed_out),
    Job("resolve_open_charges", Every(60), _resolve_open_charges),
    Job("reconcile", Every(900), _reconcile),
    Job("prove_books", Daily(hour=2), _prove_books),
    Job("prepare_partitions", Daily(hour=1), _prepare_partitions),
    Job("measure_lane", Every(60), _measure_lane),
)

"""The first staff page, and the scheduled work."""

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from foundation.clock import now
from foundation.jobs import JobRun, last_runs
from identity.parties import operator
from ledger.proof_results import checks_of, last_proof
from ledger.shutting import books_shut
from payments.breaks import count_open
from payments.jobs import JOBS
from payments.reconciliation.records import files_of
from payments.reconciliation.run import last_run
from payments.reconciliation.standing import flow_of_money
from portal.pages.staff.home import HomePage, Need
from portal.pages.staff.jobs import JobRow, JobsPage
from portal.rendering import redirect, render
from portal.routes.given import AnyStaff, JobReader, SignedIn, Taking
from portal.routes.staff.reconciliation import flow

router = APIRouter()


@router.get("/staff")
def home(request: Request, by: AnyStaff, till: Taking) -> Response:
    """What needs a person, first; others begin at the first of their own pages."""
    staff = by.staff()
    if "reconciliation" not in staff.sections:
        own = [address for name, address in staff.menu if name != "home"]
        return redirect(request, own[0] if own else "/staff/bills")
    with till.database.transaction() as session:
        page = home_page(session, by)
    return render(request, "staff/home.html", page)


@router.get("/staff/jobs")
def jobs(request: Request, by: JobReader, till: Taking) -> Response:
    """Each job's last slot, its outcome, and when it is due again."""
    at = now()
    with till.database.transaction() as session:
        newest = {run.job: run for run in last_runs(session)}
    rows = []
    for job in JOBS:
        run = newest.get(job.name)
        rows.append(
            JobRow(
                name=job.name,
                next_due=job.schedule.after(job.schedule.latest(at)),
                slot=run.slot if run else None,
                outcome=_outcome(run),
                attempts=run.attempts if run else 0,
                error=(run.error or "") if run else "",
            )
        )
    return render(request, "staff/jobs.html", JobsPage(by.staff(), at, tuple(rows)))


def home_page(session: Session, by: SignedIn) -> HomePage:
    """Everything that waits, counted; what does not wait is left out."""
    org = operator(session).org_id
    files = files_of(session, org)
    run = last_run(session, org)
    proof = last_proof(session, org)
    found = [(check["name"], check["difference"]) for check in run.proof] if run else []
    found += (
        [(check.name, check.difference) for check in checks_of(session, proof)] if proof else []
    )
    failing = {name for name, difference in found if difference}
    waiting = {
        "shut": (len(books_shut(session)), "/staff/proof"),
        "proofs": (len(failing), "/staff/proof"),
        "breaks": (sum(count_open(session).values()), "/staff/breaks"),
        "quarantined": (
            sum(file.verdict == "quarantined" for file in files),
            "/staff/reconciliation",
        ),
        "jobs": (sum(job.outcome == "failed" for job in last_runs(session)), "/staff/jobs"),
    }
    return HomePage(
        staff=by.staff(),
        needs=tuple(Need(kind, count, url) for kind, (count, url) in waiting.items() if count),
        flow=flow(flow_of_money(session)),
        as_of=now(),
        last_statement_at=files[0].received_at if files else None,
        books_hold=not failing if found else None,
    )


def _outcome(run: JobRun | None) -> str:
    if run is None:
        return "never"
    return run.outcome or "running"

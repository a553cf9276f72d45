"""Reconciliation for the finance officer: what matched, what did not, and the proof; runs and files."""

from collections import defaultdict
from datetime import datetime

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from foundation.clock import now
from identity.parties import operator
from ledger.books import in_words
from ledger.money import Money
from payments.breaks import Break, BreakState, breaks_in
from payments.charges import Handle
from payments.checkout import Till
from payments.reconciliation import records, standing
from payments.reconciliation.importing import import_statement_file
from payments.reconciliation.run import ReconciliationRun, last_run, recent_runs, reconcile
from portal.forms import Mistake, Mistakes, Posted, read_file
from portal.pages.staff.reconciliation import (
    BankStatement,
    BreakGroup,
    Flow,
    Proof,
    Reason,
    ReconciliationPage,
    Run,
    Stage,
    StatementFile,
    StatementLine,
    StatementPage,
)
from portal.rendering import redirect, render
from portal.routes.given import Importer, Reconciler, SignedIn, Taking

router = APIRouter()

FILE_LIMIT_BYTES = 64 * 1024**2
FORM_BYTES = 64 * 1024  # what the form adds around the file
# The oldest day of each column of the table of ages, in days.
AGE_LIMITS = (1, 3, 7, 30)


@router.get("/staff/reconciliation")
def overview(request: Request, by: Reconciler, till: Taking) -> Response:
    """The whole picture on one page."""
    return _overview(request, by, till)


@router.post("/staff/reconciliation/runs")
def run_now(request: Request, by: Reconciler, till: Taking) -> Response:
    """One run, now; running twice finds nothing left to do."""
    reconcile(till, by=by.actor, at=now())
    return redirect(request, "/staff/reconciliation")


@router.post("/staff/statements", max_body_size=FILE_LIMIT_BYTES + FORM_BYTES)
def upload(request: Request, by: Importer, data: Posted, till: Taking) -> Response:
    """Take a bank's file; its verdict and every reason are on its own page."""
    file = read_file(data, "file", limit_bytes=FILE_LIMIT_BYTES)
    if isinstance(file, Mistakes):
        return _overview(request, by, till, file.found, status=422)
    imported = import_statement_file(
        till.database, name=file.name, content=file.body, by=by.actor, at=now()
    )
    repeated = "?again=yes" if imported.known_before else ""
    return redirect(request, f"/staff/statements/{imported.sha256}{repeated}")


@router.get("/staff/statements/{sha256}")
def statement(
    sha256: str, request: Request, by: Reconciler, till: Taking, again: str = ""
) -> Response:
    """One file: what the gate said, and what became of its lines."""
    with till.database.transaction() as session:
        file = records.find_file(session, operator(session).org_id, sha256)
        statements = tuple(
            _bank_statement(session, one) for one in records.statements_of(session, file)
        )
        page = StatementPage(
            staff=by.staff(),
            name=file.name,
            format=file.format or "",
            received_at=file.received_at,
            verdict=file.verdict,
            reasons=tuple(Reason.read(reason) for reason in file.reasons) if not statements else (),
            statements=statements,
            repeated=bool(again),
        )
    return render(request, "staff/statement.html", page)


def flow(found: standing.Flow) -> Flow:
    """The way of the money, as a page shows it."""
    return Flow(_stage(found.received), _stage(found.settled), _stage(found.banked))


def _overview(
    request: Request,
    by: SignedIn,
    till: Till,
    mistakes: tuple[Mistake, ...] = (),
    *,
    status: int = 200,
) -> Response:
    at = now()
    with till.database.transaction() as session:
        org = operator(session).org_id
        matched, unmatched = standing.lines_by_match(session)
        latest = last_run(session, org)
        page = ReconciliationPage(
            staff=by.staff(),
            as_of=at,
            flow=flow(standing.flow_of_money(session)),
            matched=_stage(matched),
            unmatched=_stage(unmatched),
            breaks=_groups(breaks_in(session, BreakState.OPEN), at),
            proofs=_proofs(latest),
            runs=tuple(_run(run) for run in recent_runs(session, org)),
            files=tuple(_file(session, file) for file in records.files_of(session, org, limit=10)),
            mistakes=mistakes,
        )
    here = "/staff/reconciliation"
    return render(request, "staff/reconciliation.html", page, status=status, here=here)


def _stage(found: standing.Standing) -> Stage:
    return Stage(found.count, found.amount)


def _groups(found: list[Break], at: datetime) -> tuple[BreakGroup, ...]:
    """Open differences by type and age; sums are shown in soʻm, of absolute amounts."""
    ages: dict[str, list[int]] = defaultdict(lambda: [0] * (len(AGE_LIMITS) + 1))
    sums: dict[str, int] = defaultdict(int)
    for one in found:
        days = (at - one.opened_at).days
        ages[one.kind][sum(days > limit for limit in AGE_LIMITS)] += 1
        sums[one.kind] += abs(one.amount_minor) if one.currency == standing.CURRENCY else 0
    return tuple(
        BreakGroup(
            kind, (count[0], count[1], count[2], count[3], count[4]), Money(sums[kind], "UZS")
        )
        for kind, count in sorted(ages.items())
    )


def _proofs(run: ReconciliationRun | None) -> tuple[Proof, ...]:
    if run is None:
        return ()
    return tuple(
        Proof(
            check["name"],
            not check["difference"],
            check["examined"],
            in_words(check["difference"] or {}),
        )
        for check in run.proof
    )


def _run(run: ReconciliationRun) -> Run:
    counts = run.counts
    return Run(
        at=run.at,
        matched=counts.get("payouts", 0) + counts.get("bank_transfers", 0),
        breaks=counts.get("breaks", 0) + counts.get("suspense", 0),
        holds=not any(check["difference"] for check in run.proof),
        by=run.by.partition(":")[2],
    )


def _file(session: Session, file: records.StatementFile) -> StatementFile:
    lines = sum(one.entries for one in records.statements_of(session, file))
    url = f"/staff/statements/{file.sha256}"
    return StatementFile(url, file.name, file.received_at, file.verdict, lines)


def _bank_statement(session: Session, found: records.Statement) -> BankStatement:
    return BankStatement(
        account=found.account or "",
        opening=found.money(found.opening_minor),
        closing=found.money(found.closing_minor),
        verdict=found.verdict,
        entries=found.entries,
        reasons=tuple(Reason.read(reason) for reason in found.reasons),
        lines=tuple(_line(line) for line in records.lines_of(session, found)),
    )


def _line(line: records.StatementLine) -> StatementLine:
    target = line.matched_to or {}
    charge = target.get("charge")
    return StatementLine(
        seq=line.seq,
        booked=line.booking_date or line.value_date or now().date(),
        amount=line.amount,
        counterparty=line.counterparty.get("name", ""),
        purpose=line.purpose,
        state=line.state,
        url=f"/staff/payments/{Handle.parse(charge)}" if charge else None,
    )

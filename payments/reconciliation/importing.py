"""Import a bank statement file: keep it as it came, accept what passes the gate, post nothing yet."""

import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from foundation.database import Database
from foundation.ids import derive_id
from identity.actor import Actor
from identity.parties import operator
from payments.breaks import BreakKind, open_break
from payments.reconciliation import statements as gate
from payments.reconciliation.bank_accounts import BankAccount, lock_bank_account
from payments.reconciliation.records import (
    LineState,
    Statement,
    StatementFile,
    StatementLine,
    last_accepted,
    statements_of,
)
from payments.reconciliation.statements import Detail, Edge, EntryStatus, Finding, Reason, Verdict

LINES_PER_INSERT = 1000


@dataclass(frozen=True)
class Imported:
    """What an import did: the file's verdict as it stands now, and what was new."""

    sha256: str
    name: str
    verdict: Verdict
    reasons: list[str]
    known_before: bool
    statements_accepted: int
    lines: int


def import_statement_file(
    database: Database, *, name: str, content: bytes, by: Actor, at: datetime
) -> Imported:
    """Judge a file and keep it; lines of accepted statements wait to be matched.

    Importing the same bytes again changes nothing, except that a quarantined statement is judged
    again: the one missing before it may have come meanwhile. All in one transaction.
    """
    opened = gate.open_statement_file(io.BytesIO(content), name[:200])
    with database.transaction() as session:
        file, known_before = _keep_file(session, opened.report, content, by=by, at=at)
        accepted: dict[int, Statement] = {}
        for judged in _in_posting_order(opened.report):
            if (row := _judge(session, file, judged)) is not None:
                accepted[judged.number] = row
        lines = _add_lines(session, opened, accepted, at=at)
        if opened.report.refusal is None:
            _conclude(session, file)
        return Imported(
            sha256=file.sha256,
            name=file.name,
            verdict=Verdict(file.verdict),
            reasons=file.reasons,
            known_before=known_before,
            statements_accepted=len(accepted),
            lines=lines,
        )


def _keep_file(
    session: Session, report: gate.FileReport, content: bytes, *, by: Actor, at: datetime
) -> tuple[StatementFile, bool]:
    org, sha256 = operator(session).org_id, hashlib.sha256(content).hexdigest()
    row = postgresql.insert(StatementFile).values(
        org_id=org,
        sha256=sha256,
        name=report.file,
        format=report.format,
        content=content,
        received_at=at,
        received_from=str(by),
        verdict=report.verdict.value,
        reasons=report.reasons,
    )
    new = session.execute(row.on_conflict_do_nothing().returning(StatementFile.sha256)).first()
    file = session.get_one(StatementFile, (org, sha256), with_for_update=True)
    return file, new is None


def _in_posting_order(report: gate.FileReport) -> Iterator[gate.Statement]:
    """Account by account, oldest first; statements that name no account last."""
    by_account: dict[tuple[str, str], list[gate.Statement]] = defaultdict(list)
    for statement in report.statements:
        by_account[statement.account or "", statement.currency or ""].append(statement)
    for key in sorted(by_account, reverse=True):
        yield from gate.posting_order(by_account[key])


def _judge(session: Session, file: StatementFile, judged: gate.Statement) -> Statement | None:
    """Write the statement with its verdict; returns it only when it has become accepted now."""
    id = derive_id(UUID(file.sha256[:32]), str(judged.number))  # noqa: A001
    row = session.get(Statement, (file.org_id, id))
    if row is not None and row.verdict == Verdict.ACCEPTED:
        return None
    before, known = None, []
    if judged.account and judged.currency:
        ours = lock_bank_account(session, file.org_id, judged.account, judged.currency)
        before = last_accepted(session, file.org_id, judged.account, judged.currency)
        known = _against_the_books(session, file.org_id, ours, before, judged)
    findings = [*judged.findings, *known]
    if row is None:
        row = _row(file, id, judged)
        session.add(row)
    row.reasons = [str(finding) for finding in findings]
    row.verdict = Verdict.QUARANTINED.value if findings else Verdict.ACCEPTED.value
    row.position = None if findings else (before.position or 0 if before else 0) + 1
    session.flush()
    return None if findings else row


def _against_the_books(
    session: Session,
    org_id: int,
    ours: BankAccount | None,
    before: Statement | None,
    judged: gate.Statement,
) -> list[Finding]:
    """What only our own records tell: whose account it is, and what was accepted before it."""
    if ours is None:
        return [Finding(Reason.ACCOUNT_UNKNOWN, f"{judged.account} {judged.currency}")]
    query = select(Statement).where(
        Statement.org_id == org_id,
        Statement.account == judged.account,
        Statement.currency == judged.currency,
        Statement.verdict == Verdict.ACCEPTED.value,
        Statement.statement_id == judged.head.statement_id,
        Statement.to_date == judged.ended_on,
    )
    known = [(one.opening_minor, one.closing_minor, one.entries) for one in session.scalars(query)]
    if _figures(judged) in known:
        return [Finding(Reason.ALREADY_IMPORTED, judged.head.statement_id)]
    if known and (judged.head.page or 1) == 1:  # a later page has the number of the first
        return [Finding(Reason.STATEMENT_ALTERED, judged.head.statement_id)]
    closing = before.money(before.closing_minor) if before else None
    if before is None or closing is None:
        return []
    return gate.follows(Edge(closing, before.to_date, before.sequence, before.from_date), judged)


def _figures(judged: gate.Statement) -> tuple[int | None, int | None, int]:
    opening = judged.opening.amount.minor if judged.opening else None
    closing = judged.closing.amount.minor if judged.closing else None
    return opening, closing, judged.entries


def _row(file: StatementFile, id: UUID, judged: gate.Statement) -> Statement:
    opening, closing, entries = _figures(judged)
    return Statement(
        org_id=file.org_id,
        id=id,
        file_sha256=file.sha256,
        number=judged.number,
        account=judged.account,
        currency=judged.currency,
        statement_id=judged.head.statement_id,
        sequence=judged.head.sequence,
        from_date=judged.started_on,
        to_date=judged.ended_on,
        opening_minor=opening,
        closing_minor=closing,
        entries=entries,
        details=judged.details,
    )


def _add_lines(
    session: Session, opened: gate.StatementFile, accepted: dict[int, Statement], *, at: datetime
) -> int:
    rows: list[dict[str, Any]] = []
    added = 0
    for judged, line in opened.lines() if accepted else ():
        statement = accepted.get(judged.number)
        if statement is None:
            continue
        rows += _line_rows(statement, line)
        _ask_about(session, statement, line, at=at)
        if len(rows) >= LINES_PER_INSERT:
            session.execute(insert(StatementLine), rows)
            added, rows = added + len(rows), []
    if rows:
        session.execute(insert(StatementLine), rows)
    return added + len(rows)


def _ask_about(
    session: Session, statement: Statement, line: gate.StatementLine, *, at: datetime
) -> None:
    """An entry whose details do not add up is taken as one line, and a person is told."""
    if line.notes:
        open_break(
            session,
            statement.org_id,
            BreakKind.AMOUNT,
            subject="statement_line",
            subject_id=str(derive_id(statement.id, str(line.seq))),
            amount=line.amount,
            at=at,
            detail="; ".join(str(note) for note in line.notes)[:500],
            booking_date=str(line.booking_date or ""),
        )


def _line_rows(statement: Statement, line: gate.StatementLine) -> list[dict[str, Any]]:
    """The entry; and below a batch that adds up, one row for each of its payments."""
    entry = _line_row(statement, line)
    parts = _parts_that_add_up(line)
    if not parts:
        return [entry]
    entry["state"] = LineState.BATCH.value
    return [entry] + [
        {
            **entry,
            "id": derive_id(entry["id"], str(place)),
            "parent_id": entry["id"],
            "detail": place,
            "amount_minor": detail.amount.minor if detail.amount else 0,
            "bank_reference": detail.bank_reference or entry["bank_reference"],
            "end_to_end_id": detail.end_to_end_id,
            "counterparty": _party(detail.counterparty),
            "purpose": detail.purpose,
            "references": [*detail.references, detail.instruction_id, detail.transaction_id],
            "state": LineState.UNMATCHED.value,
        }
        for place, detail in enumerate(parts, start=1)
    ]


def _line_row(statement: Statement, line: gate.StatementLine) -> dict[str, Any]:
    booked = line.status is EntryStatus.BOOKED and line.amount.minor != 0
    return {
        "org_id": statement.org_id,
        "id": derive_id(statement.id, str(line.seq)),
        "statement_id": statement.id,
        "parent_id": None,
        "seq": line.seq,
        "detail": 0,
        "account": statement.account,
        "booking_date": line.booking_date or statement.to_date,
        "value_date": line.value_date,
        "amount_minor": line.amount.minor,
        "currency": line.amount.currency,
        "status": line.status.value,
        "is_reversal": line.is_reversal,
        "bank_reference": line.bank_reference,
        "end_to_end_id": line.end_to_end_id,
        "counterparty": _party(line.counterparty),
        "purpose": line.purpose,
        "references": [*line.references, line.batch_id, line.entry_reference],
        "state": (LineState.UNMATCHED if booked else LineState.SHOWN).value,
    }


def _parts_that_add_up(line: gate.StatementLine) -> tuple[Detail, ...]:
    """The details of a booked batch whose amounts sum to the entry; () when they cannot stand for it."""
    if line.status is not EntryStatus.BOOKED or len(line.details) < 2:
        return ()
    amounts = [detail.amount for detail in line.details]
    if any(amount is None or amount.currency != line.amount.currency for amount in amounts):
        return ()
    if sum(amount.minor for amount in amounts if amount) != line.amount.minor:
        return ()
    return line.details if all(amount and amount.minor for amount in amounts) else ()


def _party(party: gate.Party) -> dict[str, str]:
    return {
        "name": party.name,
        "account": party.account,
        "bank": party.bank,
        "tax_id": party.tax_id,
    }


def _conclude(session: Session, file: StatementFile) -> None:
    rows = statements_of(session, file)
    file.reasons = [
        reason if len(rows) == 1 else f"statement {row.number}: {reason}"
        for row in rows
        for reason in row.reasons
    ]
    quarantined = any(row.verdict == Verdict.QUARANTINED for row in rows)
    file.verdict = (Verdict.QUARANTINED if quarantined else Verdict.ACCEPTED).value

"""Check a bank statement file, and read its lines again once the check has passed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from payments.reconciliation.statements.camt import read_camt
from payments.reconciliation.statements.contents import (
    FileHead,
    Part,
    StatementHead,
    StatementLine,
)
from payments.reconciliation.statements.continuity import judge_file
from payments.reconciliation.statements.gate import judge
from payments.reconciliation.statements.reasons import Reason, StatementFileRefused
from payments.reconciliation.statements.report import FileReport, Statement
from payments.reconciliation.statements.tally import Tally

MAX_STATEMENTS = 20_000


@dataclass(frozen=True, slots=True)
class StatementFile:
    """A checked file. `lines` reads the stream again, so that a huge file never is in memory."""

    report: FileReport
    stream: BinaryIO

    def lines(self) -> Iterator[tuple[Statement, StatementLine]]:
        """Every readable line with its judged statement, in file order, pending ones included.

        Nothing for a refused file. What could not be read is named in the statement's findings.
        """
        if self.report.refusal:
            return
        statements = iter(self.report.statements)
        statement = next(statements)
        self.stream.seek(0)
        for part in read_camt(self.stream, with_texts=True):
            match part:
                case StatementLine():
                    yield statement, part
                case StatementHead():
                    statement = next(statements, statement)
                case _:
                    continue


def open_statement_file(stream: BinaryIO, name: str) -> StatementFile:
    """Check the file and keep it open for its lines; `stream` must be seekable.

    Never raises for what is in the file: one that cannot be read has a report that says so.
    """
    stream.seek(0)
    return StatementFile(check_file(name, stream), stream)


def check_file(name: str, stream: BinaryIO) -> FileReport:
    """Read the stream once, to its end, and judge the file. Never raises for what is in it."""
    gate = _FileGate()
    try:
        for part in read_camt(stream, with_texts=False):
            gate.add(part)
        return gate.report(name)
    except StatementFileRefused as refusal:
        known = refusal.format or (gate.head.format if gate.head else None)
        return FileReport(file=name, format=known, refusal=refusal.finding)


class _FileGate:
    """Collects the statements of one file as their parts arrive."""

    def __init__(self) -> None:
        self.head: FileHead | None = None
        self._tally = Tally()
        self._statements: list[Statement] = []

    def add(self, part: Part) -> None:
        match part:
            case FileHead():
                self.head = part
            case StatementHead():
                self._statements.append(judge(len(self._statements) + 1, part, self._tally))
                self._tally = Tally()
                if len(self._statements) > MAX_STATEMENTS:
                    raise StatementFileRefused(Reason.TOO_LARGE, "too many statements")
            case _:
                self._tally.add(part)

    def report(self, name: str) -> FileReport:
        if self.head is None or not self._statements:
            raise StatementFileRefused(Reason.STATEMENT_MISSING)
        return FileReport(
            file=name,
            format=self.head.format,
            message_id=self.head.message_id,
            created_at=self.head.created_at,
            statements=judge_file(self._statements, is_last_page=self.head.is_last_page),
        )

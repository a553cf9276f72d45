"""Readers of bank statement files, and the gate every file passes before anything is posted.

`check_file(name, stream)` judges a file and never raises for what is in it:

    with path.open("rb") as stream:
        report = check_file(str(path), stream)
    report.verdict; report.reasons; report.as_json()

The importer reads the lines of what was accepted, one by one:

    file = open_statement_file(stream, name)
    for statement, line in file.lines():
        if statement.verdict == Verdict.ACCEPTED:
            ...

`follows(edge, statement)` says what keeps a statement from being the account's next one; the importer
asks it with the edge of the last statement it posted, going through `posting_order(statements)` of each
account. A verdict is about the file alone: that the account is ours and the file is new, the importer
knows.
"""

from payments.reconciliation.statements.contents import (
    Balance,
    BalanceType,
    Detail,
    EntryStatus,
    Party,
    StatementHead,
    StatementLine,
)
from payments.reconciliation.statements.continuity import follows, posting_order
from payments.reconciliation.statements.reading import (
    StatementFile,
    check_file,
    open_statement_file,
)
from payments.reconciliation.statements.reasons import Finding, Reason, Verdict
from payments.reconciliation.statements.report import Edge, FileReport, Statement

__all__ = [
    "Balance",
    "BalanceType",
    "Detail",
    "Edge",
    "EntryStatus",
    "FileReport",
    "Finding",
    "Party",
    "Reason",
    "Statement",
    "StatementFile",
    "StatementHead",
    "StatementLine",
    "Verdict",
    "check_file",
    "follows",
    "open_statement_file",
    "posting_order",
]

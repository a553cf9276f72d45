"""Read camt.053, the ISO 20022 bank-to-customer statement, in every published version.

Tolerant where banks differ (versions 001.01 to the latest, national namespaces, unknown elements,
missing optional parts), strict where money is read. Yields the file's parts in document order.
Source: ISO 20022 camt.053.001.01–.13; Swiss SIX, German DK and Nordic guidelines.
"""

from collections.abc import Iterator
from typing import BinaryIO

from payments.reconciliation.statements.contents import (
    Balance,
    BalanceType,
    FileHead,
    Part,
    StatementHead,
    Summary,
    Unreadable,
)
from payments.reconciliation.statements.entries import EntryReader
from payments.reconciliation.statements.reasons import Finding, Reason, StatementFileRefused
from payments.reconciliation.statements.safe_xml import (
    Fields,
    Record,
    Shape,
    first,
    read_records,
)
from payments.reconciliation.statements.values import (
    ValueUnreadable,
    clean,
    date_or_none,
    optional_date,
    shown,
    signed_amount,
    whole_number,
)

ELEMENT = "BkToCstmrStmt"
"""001.01 calls it BkToCstmrStmtV01."""
DETAILS = frozenset({"Stmt/Ntry/TxDtls", "Stmt/Ntry/NtryDtls/TxDtls"})
RECORDS = frozenset({"GrpHdr", "Stmt", "Stmt/Bal", "Stmt/Ntry"}) | DETAILS
WHOLE = Shape(ELEMENT, RECORDS)
FIGURES = Shape(ELEMENT, RECORDS, opaque=DETAILS)

MAX_IGNORED_CODES = 20
OTHER_MESSAGES = {"camt.052": Reason.NOT_FINAL, "camt.054": Reason.DETAILS_ONLY}

ACCOUNT = ("Id/IBAN", "Id/Othr/Id", "Id/BBAN", "Id/PrtryAcct/Id", "Id/UPIC")
BALANCE_TYPE = ("Tp/CdOrPrtry/Cd", "Tp/Cd", "Tp/CdOrPrtry/Prtry", "Tp/Prtry")
BOOKED_BALANCES = {balance.value for balance in BalanceType}
BALANCE_SUBTYPE = ("Tp/SubTp/Cd", "Tp/SubTp/Prtry")


def read_camt(stream: BinaryIO, *, with_texts: bool) -> Iterator[Part]:
    """Yield FileHead, then for each statement its balances and entries, ended by its StatementHead.

    An entry is a StatementLine if `with_texts`, else an Entry, which is all that the gate needs.
    Raises StatementFileRefused when the file is no readable camt.053.
    """
    head: FileHead | None = None
    shape = WHOLE if with_texts else FIGURES
    entries, ignored = EntryReader(), dict[str, None]()
    for message, record in read_records(stream, lambda message: _choose(message, shape)):
        if head is None:
            head = _file_head(message, record)
            yield head
        match record.path:
            case "Stmt":
                yield _statement_head(record.fields, tuple(ignored))
                entries, ignored = EntryReader(), {}
            case "Stmt/Bal":
                yield from _booked_balance(record.fields, ignored)
            case "Stmt/Ntry":
                yield from entries.line(record) if with_texts else entries.figures(record)
            case path if path in DETAILS:
                entries.detail(record) if with_texts else entries.count_detail()


def _choose(message: str, shape: Shape) -> Shape:
    family = message[:8]
    if family == "camt.053":
        return shape
    raise StatementFileRefused(OTHER_MESSAGES.get(family, Reason.WRONG_MESSAGE), message)


def _file_head(message: str, record: Record) -> FileHead:
    # A file without a group header opens with its first statement.
    fields = record.fields if record.path == "GrpHdr" else {}
    return FileHead(
        format=message,
        message_id=clean(first(fields, "MsgId")),
        created_at=clean(first(fields, "CreDtTm")),
        is_last_page=_is_last_page(fields, "MsgPgntn"),
    )


def _statement_head(fields: Fields, ignored: tuple[str, ...]) -> StatementHead:
    return StatementHead(
        account=clean(first(fields, *(f"Acct/{path}" for path in ACCOUNT))).replace(" ", ""),
        currency=shown(first(fields, "Acct/Ccy")),
        statement_id=clean(first(fields, "Id")),
        other_balances=ignored,
        sequence=whole_number(first(fields, "ElctrncSeqNb", "LglSeqNb")),
        page=whole_number(first(fields, "StmtPgntn/PgNb")),
        is_last_page=_is_last_page(fields, "StmtPgntn"),
        from_date=date_or_none(fields, "FrToDt/FrDtTm"),
        to_date=date_or_none(fields, "FrToDt/ToDtTm"),
        summary=Summary(
            entries=first(fields, "TxsSummry/TtlNtries/NbOfNtries"),
            total=first(fields, "TxsSummry/TtlNtries/Sum"),
            credits=first(fields, "TxsSummry/TtlCdtNtries/Sum"),
            debits=first(fields, "TxsSummry/TtlDbtNtries/Sum"),
        ),
    )


def _booked_balance(fields: Fields, ignored: dict[str, None]) -> Iterator[Balance | Unreadable]:
    """The balance if it is a booked one; of others only the code is kept, in `ignored`.

    Subtypes other than "intermediate" restate a balance: in base currency, with limits, reserved.
    """
    code = first(fields, *BALANCE_TYPE)
    if code not in BOOKED_BALANCES or first(fields, *BALANCE_SUBTYPE) not in {"", "INTM"}:
        if len(ignored) < MAX_IGNORED_CODES:
            ignored[shown(code)] = None
        return
    try:
        yield Balance(BalanceType(code), signed_amount(fields), optional_date(fields, "Dt"))
    except ValueUnreadable as error:
        facts = f"balance {code} {error.finding.facts}".strip()
        yield Unreadable(Finding(error.finding.reason, facts), "balance")


def _is_last_page(fields: Fields, path: str) -> bool:
    return first(fields, f"{path}/LastPgInd") not in {"false", "0"}

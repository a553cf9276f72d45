"""Build camt.053 files for tests: one balanced statement by default, each part open to be spoilt."""

from decimal import Decimal
from io import BytesIO
from typing import Any

from payments.reconciliation.statements import (
    FileReport,
    StatementFile,
    check_file,
    open_statement_file,
)

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
ACCOUNT = "<Acct><Id><IBAN>NL26VAYB8060476890</IBAN></Id><Ccy>EUR</Ccy></Acct>"


def amount(text: str, currency: str = "EUR") -> str:
    return f'<Amt Ccy="{currency}">{text}</Amt>'


def signed(text: str) -> tuple[str, str]:
    """("10.00", "DBIT") for "-10.00"."""
    return text.removeprefix("-"), "DBIT" if text.startswith("-") else "CRDT"


def balance(code: str, text: str, on: str = "2026-03-02", currency: str = "EUR") -> str:
    value, sign = signed(text)
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{amount(value, currency)}"
        f"<CdtDbtInd>{sign}</CdtDbtInd><Dt><Dt>{on}</Dt></Dt></Bal>"
    )


def entry(
    text: str,
    *,
    currency: str = "EUR",
    status: str = "<Sts><Cd>BOOK</Cd></Sts>",
    dates: str = "<BookgDt><Dt>2026-03-02</Dt></BookgDt><ValDt><Dt>2026-03-03</Dt></ValDt>",
    inside: str = "",
) -> str:
    value, sign = signed(text)
    return f"<Ntry>{amount(value, currency)}<CdtDbtInd>{sign}</CdtDbtInd>{status}{dates}{inside}</Ntry>"


def details(*parts: str) -> str:
    return "<NtryDtls>" + "".join(f"<TxDtls>{part}</TxDtls>" for part in parts) + "</NtryDtls>"


def statement(
    *entries: str,
    opening: str = "100.00",
    closing: str = "100.00",
    balances: str | None = None,
    account: str = ACCOUNT,
    id: str = "S1",
    head: str = "",
    summary: str = "",
    days: tuple[str, str] = ("2026-03-02", "2026-03-02"),
) -> str:
    if balances is None:
        balances = balance("OPBD", opening, days[0]) + balance("CLBD", closing, days[1])
    return f"<Stmt><Id>{id}</Id>{head}{account}{balances}{summary}{''.join(entries)}</Stmt>"


def moving(*amounts: str, opening: str = "100.00", **parts: Any) -> str:
    """A statement whose entries are `amounts` and whose closing balance is right."""
    closing = sum(map(Decimal, amounts), Decimal(opening))
    return statement(*map(entry, amounts), opening=opening, closing=f"{closing:f}", **parts)


def document(
    *statements: str,
    namespace: str = NAMESPACE,
    head: str = "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-03-03T06:00:00</CreDtTm></GrpHdr>",
    before: str = '<?xml version="1.0" encoding="UTF-8"?>',
    message: str = "BkToCstmrStmt",
) -> bytes:
    body = f"<{message}>{head}{''.join(statements)}</{message}>"
    return f'{before}<Document xmlns="{namespace}">{body}</Document>'.encode()


def check(content: bytes, name: str = "file.xml") -> FileReport:
    return check_file(name, BytesIO(content))


def opened(content: bytes) -> StatementFile:
    return open_statement_file(BytesIO(content), "file.xml")


def codes(report: FileReport) -> list[str]:
    """The machine names of everything found."""
    return [reason.partition(":")[0] for reason in report.reasons]

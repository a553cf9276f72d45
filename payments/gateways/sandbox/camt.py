"""camt.053.001.08: write a closed statement as the bank's XML file, elements in the schema's order."""

import textwrap
from collections.abc import Sequence
from typing import Final

from lxml import etree

from ledger.money import Money
from payments.gateways.sandbox.provider import Provider
from payments.gateways.sandbox.store import Record

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
CREDIT, DEBIT = "CRDT", "DBIT"
# Uzbekistan has no summer time.
TASHKENT_OFFSET: Final = "+05:00"

# The format's own words: Max35Text, Max140Text.
LONGEST_NAME, LONGEST_PURPOSE = 140, 140


def camt053(provider: Provider, statement: Record, entries: Sequence[Record]) -> bytes:
    """The statement with its entries. Source: ISO 20022, BankToCustomerStatementV08."""
    root = etree.XML(f'<Document xmlns="{NAMESPACE}"/>')
    message = _add(root, "BkToCstmrStmt")
    header = _add(message, "GrpHdr")
    _add(header, "MsgId", f"MIZON-SANDBOX-{statement['id']}")
    _add(header, "CreDtTm", statement["created"])
    body = _add(message, "Stmt")
    _add(body, "Id", statement["id"])
    _add(body, "ElctrncSeqNb", str(statement["number"]))
    _add(body, "CreDtTm", statement["created"])
    period = _add(body, "FrToDt")
    _add(period, "FrDtTm", f"{statement['first_day']}T00:00:00{TASHKENT_OFFSET}")
    _add(period, "ToDtTm", f"{statement['last_day']}T23:59:59{TASHKENT_OFFSET}")
    _write_account(body, provider, statement)
    _write_balance(body, statement, "OPBD", "opening_minor", on=statement["first_day"])
    _write_balance(body, statement, "CLBD", "closing_minor", on=statement["last_day"])
    _write_summary(body, statement["currency"], entries)
    for entry in entries:
        _write_entry(body, entry)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _write_account(body: etree._Element, provider: Provider, statement: Record) -> None:
    account = _add(body, "Acct")
    _add(_path(account, "Id", "Othr"), "Id", statement["account"])
    _add(account, "Ccy", statement["currency"])
    _add(_path(account, "Ownr"), "Nm", provider.settings.account_holder)
    bank = _path(account, "Svcr", "FinInstnId")
    _add(_path(bank, "ClrSysMmbId"), "MmbId", provider.settings.bank_code)
    _add(bank, "Nm", provider.settings.bank_name)


def _write_balance(
    body: etree._Element, statement: Record, code: str, field: str, *, on: str
) -> None:
    balance = _add(body, "Bal")
    _add(_path(balance, "Tp", "CdOrPrtry"), "Cd", code)
    _write_amount(balance, statement[field], statement["currency"])
    _add(_path(balance, "Dt"), "Dt", on)


def _write_summary(body: etree._Element, currency: str, entries: Sequence[Record]) -> None:
    amounts = [entry["amount_minor"] for entry in entries]
    summary = _add(body, "TxsSummry")
    total = _add(summary, "TtlNtries")
    _add(total, "NbOfNtries", str(len(amounts)))
    _add(total, "Sum", _decimal(sum(map(abs, amounts)), currency))
    for name, side in (
        ("TtlCdtNtries", [one for one in amounts if one >= 0]),
        ("TtlDbtNtries", [one for one in amounts if one < 0]),
    ):
        part = _add(summary, name)
        _add(part, "NbOfNtries", str(len(side)))
        _add(part, "Sum", _decimal(sum(map(abs, side)), currency))


def _write_entry(body: etree._Element, entry: Record) -> None:
    line = _add(body, "Ntry")
    _add(line, "NtryRef", entry["id"])
    _write_amount(line, entry["amount_minor"], entry["currency"])
    _add(_path(line, "Sts"), "Cd", "BOOK")
    _add(_path(line, "BookgDt"), "Dt", entry["booked_on"])
    _add(_path(line, "ValDt"), "Dt", entry["booked_on"])
    _add(line, "AcctSvcrRef", entry["id"])
    domain, family, sub_family = entry["code"]
    code = _path(line, "BkTxCd", "Domn")
    _add(code, "Cd", domain)
    inner = _add(code, "Fmly")
    _add(inner, "Cd", family)
    _add(inner, "SubFmlyCd", sub_family)
    _write_details(_path(line, "NtryDtls", "TxDtls"), entry)


def _write_details(details: etree._Element, entry: Record) -> None:
    references = _add(details, "Refs")
    _add(references, "AcctSvcrRef", entry["id"])
    _add(references, "EndToEndId", entry["end_to_end_id"] or "NOTPROVIDED")
    _write_amount(details, entry["amount_minor"], entry["currency"])
    if entry["payer_name"] or entry["payer_account"]:
        parties = _add(details, "RltdPties")
        if entry["payer_name"]:
            _add(_path(parties, "Dbtr", "Pty"), "Nm", entry["payer_name"][:LONGEST_NAME])
        if entry["payer_account"]:
            _add(_path(parties, "DbtrAcct", "Id", "Othr"), "Id", entry["payer_account"])
    remittance = _add(details, "RmtInf")
    # Broken between words, so that no reference is cut in two.
    for line in textwrap.wrap(entry["purpose"], LONGEST_PURPOSE):
        _add(remittance, "Ustrd", line)


def _write_amount(parent: etree._Element, amount_minor: int, currency: str) -> None:
    _add(parent, "Amt", _decimal(abs(amount_minor), currency)).set("Ccy", currency)
    _add(parent, "CdtDbtInd", CREDIT if amount_minor >= 0 else DEBIT)


def _decimal(amount_minor: int, currency: str) -> str:
    return f"{Money(amount_minor, currency).decimal:f}"


def _path(parent: etree._Element, *names: str) -> etree._Element:
    for name in names:
        parent = _add(parent, name)
    return parent


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, _tag(name))
    child.text = text
    return child


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"

"""docs/accounting.md against the ledger: the chart, every journal, the proofs, and the worked example."""

import ast
import re
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import pytest

from ledger.accounts import AccountKey
from ledger.chart import CHART, JournalKind
from ledger.journals import Journal
from ledger.money import UZS, Money
from ledger.rules import RULES as LEDGER_RULES
from payments import entries
from payments.gateways.sandbox.provider import STRIPE_FEE
from payments.reconciliation.proof import RULES as PAYMENT_RULES
from payments.registry.splits import Share, split
from tests.house.documents import CODE, ROOT, codes, first_codes, rows_of, section, tables

ACCOUNTING = "docs/accounting.md"
DAY = date(2026, 11, 20)
OPERATOR, AGENCY = 1, 2
ACCOUNT = "20208000900000000001"
CHARGE, LINE = UUID(int=1), UUID(int=2)
PASSPORT, CERTIFICATE = UZS("412000.00"), UZS("20600.00")
BY_LAW = [Share("republican-budget", 70), Share("local-budget", 30)]
LOCAL = [Share("local-budget", 1)]


@dataclass(frozen=True)
class Paid:
    """A charge, as far as an entry looks at it."""

    provider: str
    org_id: int = AGENCY
    id: UUID = CHARGE


def confirmed(provider: str, amount: Money, shares: list[Share]) -> Journal:
    parts = split(amount, shares)
    banked_by = OPERATOR if provider == entries.BANK_TRANSFER else None
    told = {"effective": DAY, "reference": "", "banked_by": banked_by}
    return entries.payment_confirmed(Paid(provider), parts, **told)


def credited(provider: str, amount: Money) -> Journal:
    return entries.payment_credited(Paid(provider), amount, effective=DAY, reference="")


def example() -> list[tuple[int, Journal]]:
    """The journals of the worked example, each with the number of its event."""
    gross = PASSPORT + CERTIFICATE
    fees = [STRIPE_FEE.fee_minor(paid.minor) for paid in (PASSPORT, CERTIFICATE)]
    fee = Money(sum(fees), "UZS")
    at_bank = {"account": ACCOUNT, "effective": DAY}
    payme = confirmed("payme", CERTIFICATE, LOCAL)
    back = entries.payment_reversed(Paid("payme"), payme, effective=DAY, reference="")
    return [
        (1, confirmed("stripe", PASSPORT, BY_LAW)),
        (2, credited("stripe", CERTIFICATE)),
        (3, payme),
        (4, back),
        (
            5,
            entries.payout_settled(
                AGENCY,
                "stripe",
                "po_1",
                gross=gross,
                fee=fee,
                effective=DAY,
                banked_by=OPERATOR,
            ),
        ),
        (
            5,
            entries.payout_received(OPERATOR, "stripe", "po_1", [(AGENCY, gross - fee)], **at_bank),
        ),
        (6, confirmed("bank", PASSPORT, BY_LAW)),
        (6, entries.bank_received_for_agency(OPERATOR, AGENCY, LINE, PASSPORT, **at_bank)),
        (7, entries.unidentified_received(OPERATOR, LINE, UZS("77000.00"), **at_bank)),
    ]


def label(key: AccountKey) -> str:
    return f"{key.line.number} {key.name}".strip()


def shown(amount: Money) -> str:
    return f"{amount.decimal:,.2f}".replace(",", " ")


def minor(cell: str) -> int:
    return Money.of(cell.replace(" ", ""), "UZS").minor


def test_the_chart_is_the_one_of_the_ledger():
    assert [row[:5] for row in rows_of(ACCOUNTING, "Chart of accounts")] == [
        [
            line.number,
            line.title,
            line.account_class.value,
            line.side.name.lower(),
            "none" if line.min_available is None else f"never below {shown(UZS(0))}",
        ]
        for line in CHART.values()
    ]


def test_every_kind_of_journal_has_its_row():
    written = [row[0] for row in rows_of(ACCOUNTING, "Journals")]
    assert written == [f"{kind.value} `{kind.name}`" for kind in JournalKind]


def test_every_kind_of_journal_is_posted_by_some_entry():
    posting = [ROOT / "payments" / "entries.py", *sorted((ROOT / "ledger").rglob("*.py"))]
    sources = (ast.parse(file.read_text(encoding="utf-8")) for file in posting)
    nodes = (node for source in sources for node in ast.walk(source))
    posted = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "JournalKind"
    }
    assert {kind.name for kind in JournalKind} <= posted


def test_keys_and_books_of_the_journals_are_as_written():
    names = {str(CHARGE): "{charge}", str(LINE): "{line}"}
    names |= {"stripe:po_1": "{provider}:{payout}"}
    rows = {first_codes([row])[0]: row for row in rows_of(ACCOUNTING, "Journals")}
    seen = set()
    for _, journal in example():
        row = rows[journal.kind.name]
        key = journal.key
        for value, name in names.items():
            key = key.replace(value, name)
        assert CODE.findall(row[6]) == [journal.source, key], journal.kind
        assert row[2].startswith("operator" if journal.org_id == OPERATOR else "agency")
        seen.add(journal.kind)
    assert seen == entries.KINDS


def test_debits_and_credits_of_the_journals_are_as_written():
    rows = {first_codes([row])[0]: row for row in rows_of(ACCOUNTING, "Journals")}
    for _, journal in example():
        if journal.kind is JournalKind.PAYMENT_REVERSED:
            continue  # told by the journal it takes back
        row = rows[journal.kind.name]
        for move in journal.lines:
            assert move.debit.line.number in row[3], journal.kind
            assert move.credit.line.number in row[4], journal.kind


def test_every_proof_is_named_with_its_sentence():
    rules = LEDGER_RULES + PAYMENT_RULES
    written = [(first_codes([row])[0], row[1]) for row in rows_of(ACCOUNTING, "Proofs")]
    assert written == [(rule.name, rule.sentence) for rule in rules]
    for row in rows_of(ACCOUNTING, "Journals"):
        assert codes(row[7]) <= {rule.name for rule in rules}, row[0]


def test_the_journals_of_the_example_are_what_the_code_posts():
    text = section(ACCOUNTING, "Worked example")
    assert tables(text)[0] == [
        [
            str(number),
            "operator" if journal.org_id == OPERATOR else "agency",
            f"`{journal.kind.name}`",
            label(move.debit),
            label(move.credit),
            shown(move.amount),
        ]
        for number, journal in example()
        for move in journal.lines
    ]


@pytest.mark.parametrize(("book", "org_id"), [("agency", AGENCY), ("operator", OPERATOR)])
def test_every_account_of_the_example_adds_up(book, org_id):
    moves = [
        (str(number), move)
        for number, journal in example()
        if journal.org_id == org_id
        for move in journal.lines
    ]
    written = _accounts(book)
    named = {label(key) for _, move in moves for key in (move.debit, move.credit)}
    assert set(written) == named
    for name, rows in written.items():
        debits = [(n, shown(m.amount)) for n, m in moves if label(m.debit) == name]
        credited_with = [(n, shown(m.amount)) for n, m in moves if label(m.credit) == name]
        *entered, turnover, balance = rows
        assert [(row[0], row[1]) for row in entered if row[0]] == debits, name
        assert [(row[2], row[3]) for row in entered if row[2]] == credited_with, name
        sums = [sum(minor(amount) for _, amount in side) for side in (debits, credited_with)]
        assert [minor(turnover[1]), minor(turnover[3])] == sums, name
        net = sums[0] - sums[1]
        side = 0 if net > 0 or (net == 0 and balance[0]) else 2
        assert balance[side : side + 2] == ["balance", shown(Money(abs(net), "UZS"))], name


def test_debits_equal_credits_in_every_book_of_the_example_and_the_books_meet():
    for book in ("agency", "operator"):
        balances = [rows[-1] for rows in _accounts(book).values()]
        debit = sum(minor(row[1]) for row in balances if row[0])
        credit = sum(minor(row[3]) for row in balances if row[2])
        assert debit == credit > 0
    due_from, due_to = (
        _accounts("agency")[f"1330 {OPERATOR}"],
        _accounts("operator")[f"2220 {AGENCY}"],
    )
    assert due_from[-1][1] == due_to[-1][3]


def test_the_split_that_does_not_divide_is_rounded_as_written():
    parts = split(UZS("206000.00"), [Share("a", 2), Share("b", 1)])
    assert [shown(part) for _, part in parts] == ["137 333.33", "68 666.67"]
    assert "137 333.33 and 68 666.67" in " ".join(section(ACCOUNTING, "Rounding").split())


def _accounts(book: str) -> dict[str, list[list[str]]]:
    """The T-accounts of a book in the example: the account's name and the rows below it."""
    text = section(ACCOUNTING, f"The {book}'s book")
    names = re.findall(r"^\*\*(.+)\*\*$", text, re.MULTILINE)
    return dict(zip(names, tables(text), strict=True))

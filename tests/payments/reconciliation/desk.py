"""A bank and a provider in memory: statements that chain, settlement reports, and our side of them."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from foundation.database import Database
from ledger.accounts import AccountKey
from ledger.between import due_from, due_to
from ledger.chart import (
    BANK,
    PAYER_CREDIT,
    PROVIDER_CLEARING,
    PROVIDER_FEES,
    UNIDENTIFIED,
)
from ledger.money import UZS, Money
from payments.breaks import BreakState, breaks_in
from payments.charges import Charge
from payments.checkout import Till
from payments.gateways.protocol import SettledItem, SettlementReport
from payments.reconciliation.importing import Imported, import_statement_file
from payments.reconciliation.run import ReconciliationRun, reconcile
from service.demo.town import OPERATOR
from tests.given import ACCOUNT, AGENCY, NOON, OFFICER, Given
from tests.payments.reconciliation import camt
from tests.payments.stub import StubGateway
from tests.superuser import rows

DAY = "2026-11-20"
OURS = f"<Acct><Id><Othr><Id>{ACCOUNT}</Id></Othr></Id><Ccy>UZS</Ccy></Acct>"


def line(amount: str, purpose: str = "", *, end_to_end: str = "", **parts: Any) -> str:
    """A booked line of the bank's statement, signed."""
    refs = f"<Refs><EndToEndId>{escape(end_to_end)}</EndToEndId></Refs>" if end_to_end else ""
    text = f"<RmtInf><Ustrd>{escape(purpose)}</Ustrd></RmtInf>" if purpose else ""
    return camt.entry(
        amount,
        currency="UZS",
        dates=f"<BookgDt><Dt>{DAY}</Dt></BookgDt>",
        inside=camt.details(refs + text),
        **parts,
    )


def amount_of(entry: str) -> Decimal:
    """The signed amount of a booked line; nothing for one that is not booked."""
    if "<Sts><Cd>BOOK</Cd></Sts>" not in entry:
        return Decimal()
    figure = Decimal(entry.partition('Ccy="UZS">')[2].partition("<")[0])
    sign = entry.partition("<CdtDbtInd>")[2].partition("<")[0]
    return figure if sign == "CRDT" else -figure


def statement(*lines: str, opening: str = "0.00", number: int = 1, **parts: Any) -> str:
    """A statement of our account whose closing balance is right."""
    closing = sum(map(amount_of, lines), Decimal(opening))
    balances = "".join(
        camt.balance(code, f"{figure:.2f}", DAY, "UZS")
        for code, figure in (("OPBD", Decimal(opening)), ("CLBD", closing))
    )
    told = {
        "account": OURS,
        "balances": balances,
        "id": f"S{number}",
        "head": f"<ElctrncSeqNb>{number}</ElctrncSeqNb>",
    }
    return camt.statement(*lines, **(told | parts))


@dataclass
class Desk:
    """The finance officer's desk: what the bank and the provider say, and what becomes of it."""

    db: Database
    given: Given
    provider: StubGateway = field(default_factory=StubGateway)
    closing: Decimal = Decimal()
    number: int = 0

    @property
    def till(self) -> Till:
        return Till(self.db, {"stripe": self.provider}, "https://mizon.example")

    def next_file(self, *lines: str, **parts: Any) -> bytes:
        """The bank's next statement, as a file: it begins where the last one ended."""
        self.number += 1
        opening = f"{self.closing:.2f}"
        self.closing += sum(map(amount_of, lines))
        return camt.document(statement(*lines, opening=opening, number=self.number, **parts))

    def take(self, content: bytes, name: str = "statement.xml", at: datetime = NOON) -> Imported:
        return import_statement_file(self.db, name=name, content=content, by=OFFICER, at=at)

    def booked(self, *lines: str) -> Imported:
        """The bank books these lines and its statement is imported."""
        imported = self.take(self.next_file(*lines))
        assert imported.verdict == "accepted", imported.reasons
        return imported

    def reconcile(self, at: datetime = NOON) -> ReconciliationRun:
        return reconcile(self.till, by=OFFICER, at=at)

    def matched(self, *lines: str) -> dict[str, int]:
        """Book the lines, reconcile, prove; what the run counted."""
        if lines:
            self.booked(*lines)
        run = self.reconcile()
        self.given.proves()
        return {name: count for name, count in run.counts.items() if count}

    def paid(self, amount: Money | None = None, org_id: int = AGENCY) -> Charge:
        return self.given.settled_charge(self.given.open_bill(amount, org_id))

    def announce(self, payout: str, *items: SettledItem, net: Money | None = None) -> Money:
        """The provider reports a payout of these items; its net."""
        total = sum(item.gross.minor - item.fee.minor for item in items)
        found = net or Money(total, "UZS")
        self.provider.reports.append(SettlementReport(payout, NOON, found, items))
        return found

    def breaks(self, state: BreakState = BreakState.OPEN) -> list[tuple[str, str]]:
        with self.db.transaction() as session:
            return sorted((one.kind, str(one.amount)) for one in breaks_in(session, state))

    def lines(self) -> list[str]:
        """The states of the statement lines, in the bank's order."""
        query = "SELECT state FROM payments.statement_line ORDER BY booking_date, seq, detail"
        return [state for (state,) in rows(self.db.url, query)]

    def operator(self) -> dict[str, str]:
        """The operator's balances that are not zero."""
        keys = {
            "bank": AccountKey(BANK, ACCOUNT, "UZS"),
            "2220 2": due_to(2, "UZS"),
            "2220 3": due_to(3, "UZS"),
            "2310": AccountKey(UNIDENTIFIED, "", "UZS"),
        }
        return self._balances(OPERATOR, keys)

    def agency(self, org_id: int = AGENCY) -> dict[str, str]:
        """An agency's balances that are not zero, but for its revenue."""
        keys = {
            "1210": AccountKey(PROVIDER_CLEARING, "stripe", "UZS"),
            "1330": due_from(OPERATOR, "UZS"),
            "2320": AccountKey(PAYER_CREDIT, "", "UZS"),
            "5110": AccountKey(PROVIDER_FEES, "stripe", "UZS"),
        }
        return self._balances(org_id, keys)

    def _balances(self, org_id: int, keys: dict[str, AccountKey]) -> dict[str, str]:
        found = {name: self.given.balance(org_id, key) for name, key in keys.items()}
        return {name: f"{money.decimal:f}" for name, money in found.items() if money.minor}


def payment(charge: Charge, fee: str = "0.00") -> SettledItem:
    """What a report says of a settled charge."""
    return SettledItem("payment", charge.payment_ref or "", charge.confirmed, UZS(fee))


def refund(charge: Charge) -> SettledItem:
    """What a report says of money given back."""
    back = Money(-charge.confirmed.minor, charge.confirmed.currency)
    return SettledItem("refund", charge.payment_ref or "", back, UZS("0"))

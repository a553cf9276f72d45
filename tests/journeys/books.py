"""What a journey looks up in the books themselves: the proof, a bill's charges, what was posted for one."""

from sqlalchemy import text

from foundation.database import Database
from ledger.balances import journal_lines
from ledger.books import Check, prove
from ledger.journals import journal_key
from ledger.money import Money
from ledger.rules import RULES as LEDGER_RULES
from ledger.transfers import JournalRow
from payments.bills import Bill, find_bill
from payments.charges import Charge, charges_of
from payments.reconciliation.proof import RULES as PAYMENT_RULES


def differences(database: Database) -> list[Check]:
    """What `mizon prove` would report, on one snapshot."""
    with database.transaction() as session:
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        return [one for one in prove(session, LEDGER_RULES + PAYMENT_RULES) if not one.holds]


def bill_now(database: Database, reference: str) -> Bill:
    with database.transaction() as session:
        return find_bill(session, reference)


def attempts(database: Database, reference: str) -> list[Charge]:
    """Every charge of a bill, newest first."""
    with database.transaction() as session:
        return charges_of(session, find_bill(session, reference))


def posted(database: Database, charge: Charge, step: str = "settled") -> list[Money]:
    """The amounts that were posted for a charge, [] when nothing was."""
    key = journal_key("charge", f"{charge.id}:{step}")
    with database.transaction() as session:
        row = session.get(JournalRow, (charge.org_id, key))
        if row is None or row.first_id is None:
            return []
        lines = journal_lines(session, charge.org_id, row.first_id, row.transfers)
        return [line.amount for line in lines]

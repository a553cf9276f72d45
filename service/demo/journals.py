"""What was posted, as a bookkeeper reads it aloud: the book, the entry, both accounts, the amount."""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation.database import Database
from identity.parties import organisation
from ledger.balances import JournalLine, journal_lines
from ledger.money import Money
from ledger.transfers import JournalRow


class Journals:
    """Reads the ledger; tells each journal once."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._told: set[tuple[int, UUID]] = set()

    def new(self) -> Iterator[str]:
        """A line for each transfer of the journals posted since the last time, in their order."""
        with self.database.transaction() as session:
            posted = select(JournalRow).where(JournalRow.first_id.is_not(None))
            for row in session.scalars(posted.order_by(JournalRow.batch, JournalRow.first_id)):
                if (row.org_id, row.journal) in self._told or row.first_id is None:
                    continue
                self._told.add((row.org_id, row.journal))
                for move in journal_lines(session, row.org_id, row.first_id, row.transfers):
                    yield _spoken(session, row.org_id, move)


def shown(amount: Money) -> str:
    """As people write it: "412 000.00 UZS"."""
    return f"{amount.decimal:,f} {amount.currency}".replace(",", " ")


def _spoken(session: Session, org_id: int, move: JournalLine) -> str:
    book, kind = organisation(session, org_id).code, move.kind.name.lower().replace("_", " ")
    sides = f"debit {move.debit.label}, credit {move.credit.label}"
    return f"book {book}, {kind}: {sides}, {shown(move.amount)}"

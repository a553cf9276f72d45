"""Erase what a journal was about. What was sealed of it stays, so every proof of it stays valid."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from foundation.errors import NotFound
from foundation.history import record
from ledger.accounts import SHORTEST_REASON, ReasonMissing


class NothingToErase(NotFound):
    """This entry has no document, or it was erased before."""


@dataclass(frozen=True)
class Document:
    """A journal's document, as history names it."""

    __tablename__ = "journal_doc"

    org_id: int
    id: UUID


def erase_document(
    session: Session, org_id: int, journal: UUID, *, reason: str, by: object, at: datetime
) -> None:
    """Forget a journal's document and its salt, for good; history keeps who did it and why.

    Accounts, amounts and dates stay: they are the books. Nobody can guess the text from the commitment
    that was sealed, since the salt is gone too. Raises ReasonMissing and NothingToErase.
    """
    if len(reason.strip()) < SHORTEST_REASON:
        raise ReasonMissing(field="reason")
    erased = session.execute(
        text("SELECT ledger.erase_doc(:org, :journal)"), {"org": org_id, "journal": journal}
    ).scalar_one()
    if not erased:
        raise NothingToErase(org_id=org_id, journal=journal)
    record(session, Document(org_id, journal), "erased", by=by, at=at, reason=reason)

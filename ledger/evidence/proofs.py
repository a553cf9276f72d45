"""Make what strangers verify: the proof of a journal, and of a pair of heads (docs/evidence.md)."""

from base64 import b64encode
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from foundation.errors import Conflict
from ledger.evidence.heads import head_of_size, latest_head
from ledger.evidence.records import NATIONAL, SealedBatch, TreeHead, tiles_of
from ledger.evidence.tree import consistency_proof, inclusion_proof
from ledger.reversals import JournalNotFound
from ledger.transfers import JournalRow

Json = dict[str, Any]

LEAF = """
SELECT l.org_id, l.journal, l.request_hash, l.outcome, l.commitment, l.transfers, l.hold_lines,
       uuid_send(d.salt) AS salt, d.doc::text AS document
  FROM ledger.leaf l
  LEFT JOIN ledger.journal_doc d ON d.org_id = l.org_id AND d.journal = l.journal
"""


class NotSealedYet(Conflict):
    """This entry is not sealed yet. Wait some seconds and ask again."""


class NotSignedYet(Conflict):
    """No signed head has this entry yet. Wait some seconds and ask again."""


class Sealing(StrEnum):
    """How far the evidence of a journal has come."""

    WAITING = "waiting"
    SEALED = "sealed"  # in the tree of its book, which nobody has signed since
    SIGNED = "signed"  # a receipt's proof can be had
    UNSIGNED = "unsigned"  # sealed, and nothing was ever signed here


def sealing_of(session: Session, org_id: int, journal: UUID) -> Sealing:
    """How far the evidence of a journal has come. Raises JournalNotFound."""
    try:
        leaf = leaf_of(session, org_id, journal)
    except NotSealedYet:
        return Sealing.WAITING
    head = latest_head(session, org_id)
    if head is not None and head.size > leaf:
        return Sealing.SIGNED
    return Sealing.UNSIGNED if latest_head(session, NATIONAL) is None else Sealing.SEALED


def leaf_of(session: Session, org_id: int, journal: UUID) -> int:
    """The number of a journal's leaf in the tree of its book. Raises JournalNotFound, NotSealedYet."""
    row = session.get(JournalRow, (org_id, journal))
    if row is None:
        raise JournalNotFound(org_id=org_id, journal=journal)
    sealed = session.get(SealedBatch, (org_id, row.batch))
    if sealed is None:
        raise NotSealedYet
    return sealed.first_leaf + row.place


def receipt_proof(session: Session, org_id: int, journal: UUID, *, documents: bool) -> Json:
    """That a journal is in its book as it was last signed, and this in the national log.

    With `documents` the journal's own document is shown, unless it was erased; else its commitment
    alone. Raises JournalNotFound, NotSealedYet and NotSignedYet.
    """
    index = leaf_of(session, org_id, journal)
    head, national = latest_head(session, org_id), latest_head(session, NATIONAL)
    if head is None or head.national_leaf is None or national is None or head.size <= index:
        raise NotSignedYet
    row = session.execute(
        text(f"{LEAF} WHERE l.org_id = :org AND l.journal = :journal"),
        {"org": org_id, "journal": journal},
    ).one()
    return {
        "format": "mizon-receipt-proof/1",
        "leaf": leaf_record(row, documents=documents),
        **_inclusion(session, index, head),
        "national": _inclusion(session, head.national_leaf, national),
    }


def consistency(session: Session, log: int, old: int, new: int) -> Json:
    """That the signed head of `old` leaves is the beginning of that of `new`. Raises HeadNotFound."""
    heads = head_of_size(session, log, old), head_of_size(session, log, new)
    older, newer = sorted(heads, key=lambda head: head.size)
    tiles = tiles_of(session, log, older.size - 1, newer.size - 1)
    path = consistency_proof(tiles, older.size, newer.size)
    record = {"format": "mizon-consistency/1", "old": older.note, "new": newer.note}
    return record | {"path": [_base64(each) for each in path]}


def leaf_record(row: Row[Any], *, documents: bool) -> Json:
    """A journal as docs/evidence.md has it, from a row of LEAF."""
    return {
        "org_id": row.org_id,
        "journal": str(row.journal),
        "request_hash": _base64(row.request_hash),
        "outcome": row.outcome,
        "doc": _document(row, shown=documents),
        "transfers": row.transfers,
        "hold_lines": row.hold_lines,
    }


def _document(row: Row[Any], *, shown: bool) -> Json | None:
    if not row.commitment:
        return None
    if shown and row.salt is not None:
        return {"text": row.document, "salt": _base64(row.salt)}
    return {"commitment": _base64(row.commitment)}


def _inclusion(session: Session, index: int, head: TreeHead) -> Json:
    tiles = tiles_of(session, head.org_id, index, head.size - 1)
    path = inclusion_proof(tiles, index, head.size)
    hashes = [_base64(each) for each in path]
    return {"index": index, "size": head.size, "path": hashes, "head": head.note}


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()

"""The rules of evidence: what was sealed is what the books say now, and what was signed."""

import base64
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ledger.evidence.heads import latest_head, signing_keys
from ledger.evidence.records import NATIONAL, TilePiece, TreeHead, TreeRow
from ledger.evidence.tree import HASH, HEIGHT, WIDTH, reduced
from ledger.rule import Rule
from ledger.verify import (
    BOOK_LOG,
    NATIONAL_LOG,
    Differs,
    Unreadable,
    grow,
    read_head,
    read_keys,
    root_of,
)

Fault = dict[str, Any]
ROWS_AT_ONCE = 1_000


def broken_trees(session: Session) -> Iterator[Fault]:
    """The first fault of every log whose tree does not follow from its leaves and lead to its heads.

    What it finds missing between two heads, or changed, was rewritten together with its leaves: then
    no rule can say which journal it was, but `after_leaf` and `head` say between which two heads.
    """
    logs = session.scalars(
        text(
            "SELECT org_id FROM ledger.tree UNION SELECT org_id FROM ledger.tree_head ORDER BY org_id"
        )
    )
    for log in logs.all():
        try:
            _retrace(session, log)
        except _Broken as fault:
            yield {"org_id": log, **fault.facts}


RULES = (
    Rule(
        "sealed-calls",
        "Sealed calls stand one after the other in the tree of their book, and the last one ends it.",
        "SELECT count(*) FROM ledger.sealed_batch",
        """
        SELECT org_id, batch, first_leaf, due
          FROM (SELECT org_id, batch, first_leaf, coalesce(lag(first_leaf + journals) OVER w, 0) AS due
                  FROM ledger.sealed_batch
                WINDOW w AS (PARTITION BY org_id ORDER BY first_leaf, batch)) s
         WHERE first_leaf <> due
        UNION ALL
        SELECT org_id, NULL, s.ended, t.size
          FROM (SELECT org_id, max(first_leaf + journals) AS ended
                  FROM ledger.sealed_batch GROUP BY org_id) s
          FULL JOIN (SELECT org_id, size FROM ledger.tree WHERE org_id <> 0) t USING (org_id)
         WHERE coalesce(s.ended, 0) IS DISTINCT FROM t.size
         ORDER BY 1, 3
        """,
    ),
    Rule(
        "leaves",
        "Every sealed journal is what was sealed, and every signed head of a book is in the national tree.",
        "SELECT coalesce(sum(size), 0)::bigint FROM ledger.tree",
        """
        SELECT org_id, leaf, p.journal, p.head
          FROM (SELECT org_id, s.first_leaf + l.place AS leaf, l.journal, NULL::bigint AS head,
                       sha256('\\x00' || l.bytes) AS hash
                  FROM ledger.leaf l JOIN ledger.sealed_batch s USING (org_id, batch)
                UNION ALL
                SELECT 0, national_leaf, NULL, size,
                       sha256('\\x0002' || int4send(org_id) || int8send(size) || root)
                  FROM ledger.tree_head WHERE org_id <> 0) p
          FULL JOIN (SELECT org_id, first + n AS leaf, substring(hashes FROM n * 32 + 1 FOR 32) AS hash
                       FROM ledger.tile
                      CROSS JOIN LATERAL generate_series(0, octet_length(hashes) / 32 - 1) AS n
                      WHERE level = 0) t USING (org_id, leaf)
         WHERE p.hash IS DISTINCT FROM t.hash
         ORDER BY 1, 2
        """,
    ),
    Rule(
        "documents",
        "Every document that was not erased is the one that its journal committed to.",
        "SELECT count(*) FROM ledger.journal_doc",
        """
        SELECT org_id, journal
          FROM ledger.journal_doc d FULL JOIN ledger.journal j USING (org_id, journal)
         WHERE CASE WHEN d.org_id IS NULL THEN j.commitment <> ''
                    ELSE j.commitment IS DISTINCT FROM ledger.commitment(d.salt, d.doc)
                         AND (d.doc IS NOT NULL OR octet_length(j.commitment) IS DISTINCT FROM 32) END
         ORDER BY 1, 2
        """,
    ),
    Rule(
        "trees",
        "Every tree follows from its leaves, and leads to every head that was signed over it.",
        "SELECT count(*) FROM ledger.tree_head",
        broken_trees,
    ),
)


class _Broken(Exception):
    def __init__(self, **facts: object) -> None:
        super().__init__(facts)
        self.facts = facts


def _retrace(session: Session, log: int) -> None:
    """Grow a log's tree again from the hashes of its leaves, and hold what is kept of it against that."""
    with closing(_tiles(session, log, 0)) as tiles, closing(_heads(session, log)) as heads:
        size, root, above = _regrow(tiles, heads)
    tree = session.get(TreeRow, log)
    if tree is None or (tree.size, tree.root) != (size, root):
        raise _Broken(leaves=size, tree=tree.size if tree else None)
    _retrace_levels(session, log, above)
    _read_newest_head(session, log)


def _regrow(tiles: Iterator[bytes], heads: Iterator[TreeHead]) -> tuple[int, bytes, bytes]:
    """The size and root that leaves lead to, by way of every head, and the level above the leaves."""
    peaks, size, agreed, above = list[bytes](), 0, 0, bytearray()
    head = next(heads, None)
    for tile in tiles:
        for at in range(0, len(tile), HASH):
            grow(peaks, size, tile[at : at + HASH])
            size += 1
            if head is not None and head.size == size:
                if head.root != root_of(peaks):
                    raise _Broken(head=size, after_leaf=agreed)
                agreed, head = size, next(heads, None)
        if len(tile) == WIDTH * HASH:
            above += reduced(tile, HEIGHT)
    if head is not None:
        raise _Broken(head=head.size, leaves=size)
    return size, root_of(peaks), bytes(above)


def _retrace_levels(session: Session, log: int, due: bytes) -> None:
    """The levels above the leaves, each from the full tiles of the one below."""
    for level in range(1, 64 // HEIGHT):
        with closing(_tiles(session, log, level)) as tiles:
            kept = b"".join(tiles)
        if kept != due:
            differing = (
                at
                for at in range(0, len(kept), HASH)
                if kept[at : at + HASH] != due[at : at + HASH]
            )
            raise _Broken(level=level, place=next(differing, len(kept)) // HASH)
        due = reduced(due[: len(due) - len(due) % (WIDTH * HASH)], HEIGHT)


def _read_newest_head(session: Session, log: int) -> None:
    """Its signature holds; so does all that it was signed over, earlier heads too."""
    head = latest_head(session, log)
    if head is None:
        return
    try:
        read_head(head.note, read_keys(key.key for key in signing_keys(session)), _suffix(log))
    except (Differs, Unreadable) as fault:
        raise _Broken(head=head.size, fault=str(fault)) from None


def _heads(session: Session, log: int) -> Generator[TreeHead]:
    """The heads of a log by size; each says in its signed text what stands beside it."""
    query = select(TreeHead).where(TreeHead.org_id == log).order_by(TreeHead.size)
    with session.scalars(query.execution_options(yield_per=ROWS_AT_ONCE)) as heads:
        for head in heads:
            root = base64.b64encode(head.root).decode()
            if head.note.split("\n")[1:4] != [str(head.size), root, ""]:
                raise _Broken(head=head.size, fault="its note says something else")
            yield head


def _tiles(session: Session, log: int, level: int) -> Generator[bytes]:
    """A level's tiles in order, the last one perhaps short. Raises _Broken where one is missing."""
    query = select(TilePiece.first, TilePiece.hashes)
    query = query.where(TilePiece.org_id == log, TilePiece.level == level).order_by(TilePiece.first)
    tile, due = b"", 0
    with session.execute(query.execution_options(yield_per=ROWS_AT_ONCE)) as pieces:
        for first, hashes in pieces:
            if first != due:
                raise _Broken(level=level, place=due)
            tile, due = tile + hashes, due + len(hashes) // HASH
            if due % WIDTH == 0:
                yield tile
                tile = b""
    if tile:
        yield tile


def _suffix(log: int) -> str:
    return NATIONAL_LOG if log == NATIONAL else BOOK_LOG.format(log)

"""Sign heads of what has grown: each book's, and the national one over them; find them again.

The key is outside the database. Without one books are sealed all the same, and no head is signed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from foundation.errors import NotFound
from ledger.evidence.notes import Signer, book_origin, national_origin, sign_head
from ledger.evidence.records import NATIONAL, SigningKey, TreeHead, TreeRow, tiles_of
from ledger.evidence.sealing import as_arrays
from ledger.evidence.tree import append, root
from ledger.verify import BOOK_BYTES, Differs, Head, leaf_hash

# At least so long between two heads of a log, and so many books a time: 0.9 million heads a day at most,
# some 300 MB. Where more books are busy at once, each of them is signed less often, in turn.
EVERY_SECONDS = 10
MOST_HEADS = 100


@dataclass(frozen=True)
class Newest:
    """The newest head of a log, and the size of the head before it."""

    org_id: int
    size: int
    at: datetime
    previous: int | None


class HeadNotFound(NotFound):
    """There is no such signed head."""


def publish_heads(
    session: Session,
    signers: Sequence[Signer],
    *,
    every_seconds: int = EVERY_SECONDS,
    most: int = MOST_HEADS,
) -> int:
    """Sign the heads of books that have grown, and the national head over them; answers how many books.

    Every signer signs every head: two while one key replaces the other, under one name. Nothing is done
    while another worker is at it, or within `every_seconds` of the last time.
    """
    due = session.execute(
        text("SELECT * FROM ledger.heads_due(:every, :most)"),
        {"every": every_seconds, "most": most},
    ).all()
    if not due:
        return 0
    log, old_size = signers[0].name, due[0].national_size
    notes = [sign_head(book_origin(log, row.org_id), row.size, row.root, *signers) for row in due]
    entries = [BOOK_BYTES.pack(2, row.org_id, row.size, row.root) for row in due]
    grown = append(tiles_of(session, NATIONAL, old_size), old_size, map(leaf_hash, entries))
    session.execute(
        text(
            "SELECT ledger.publish_heads(:keys, :orgs, CAST(:sizes AS bigint[]), :roots, :notes,"
            " :old_size, :root, :note,"
            " CAST(:levels AS smallint[]), CAST(:firsts AS bigint[]), CAST(:pieces AS bytea[]))"
        ),
        {
            "keys": [signer.public_text for signer in signers],
            "orgs": [row.org_id for row in due],
            "sizes": [row.size for row in due],
            "roots": [row.root for row in due],
            "notes": notes,
            "old_size": old_size,
            "note": sign_head(national_origin(log), grown.size, grown.root, *signers),
            **as_arrays(grown),
        },
    )
    return len(due)


def latest_head(session: Session, log: int) -> TreeHead | None:
    """The newest signed head of a log."""
    query = select(TreeHead).where(TreeHead.org_id == log).order_by(TreeHead.size.desc()).limit(1)
    return session.scalars(query).one_or_none()


def head_of_size(session: Session, log: int, size: int) -> TreeHead:
    """The signed head of a log at this size. Raises HeadNotFound."""
    head = session.get(TreeHead, (log, size))
    if head is None:
        raise HeadNotFound(log=log, size=size)
    return head


def compare_with_tree(session: Session, kept: Head) -> None:
    """Hold a head that was kept elsewhere, and opened with its key, against the tree of its log now.

    Raises Differs, with what it means: a database that was set back, or a history that was rewritten.
    """
    named = re.fullmatch(r".+?(?:/book/([1-9][0-9]{0,8})|/national)", kept.origin)
    tree = session.get(TreeRow, int(named[1] or NATIONAL)) if named else None
    if tree is None:
        raise Differs(f"there is no log {kept.origin!r} here")
    if kept.size > tree.size:
        raise Differs(
            f"{kept.origin!r} had {kept.size} leaves and has {tree.size}: this database was set back"
        )
    if root(tiles_of(session, tree.org_id, kept.size - 1), kept.size) != kept.root:
        raise Differs(f"{kept.origin!r} had other leaves up to {kept.size}: it was rewritten")


def newest_heads(session: Session, after: int, most: int) -> Sequence[Newest]:
    """The newest head of each log whose number is above `after`, by number."""
    rows = session.execute(
        text(
            "SELECT t.org_id, h.size, h.at, p.size AS previous FROM ledger.tree t"
            " CROSS JOIN LATERAL (SELECT * FROM ledger.tree_head h WHERE h.org_id = t.org_id"
            "   ORDER BY h.size DESC LIMIT 1) h"
            " LEFT JOIN LATERAL (SELECT * FROM ledger.tree_head p WHERE p.org_id = t.org_id"
            "   AND p.size < h.size ORDER BY p.size DESC LIMIT 1) p ON true"
            " WHERE t.org_id > :after ORDER BY t.org_id LIMIT :most"
        ),
        {"after": after, "most": most},
    )
    return [Newest(*row) for row in rows]


def national_leaves(session: Session, first: int, most: int) -> Sequence[TreeHead]:
    """The heads of books in the order of the national tree, from leaf `first` on."""
    query = select(TreeHead).where(TreeHead.national_leaf.between(first, first + most - 1))
    return session.scalars(query.order_by(TreeHead.national_leaf)).all()


def signing_keys(session: Session) -> Sequence[SigningKey]:
    """Every key that has signed heads here, the newest first."""
    return session.scalars(
        select(SigningKey).order_by(SigningKey.used_from.desc(), SigningKey.key)
    ).all()

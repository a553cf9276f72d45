"""Write a whole book as a file that a stranger verifies: accounts, then journals as they were sealed."""

import json
from typing import Any, TextIO

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ledger.accounts import Account
from ledger.evidence.heads import latest_head
from ledger.evidence.proofs import LEAF, NotSignedYet, leaf_record

ROWS_AT_ONCE = 2_000
IN_ORDER = f"""
{LEAF}
  JOIN ledger.sealed_batch s ON s.org_id = l.org_id AND s.batch = l.batch
 WHERE l.org_id = :org AND s.first_leaf + l.place < :size
 ORDER BY s.first_leaf + l.place
"""


def write_dump(session: Session, org_id: int, out: TextIO, *, documents: bool) -> int:
    """Write a book up to its newest signed head, a line at a time; answers how many journals.

    With `documents` the journals' documents are shown, which may name people; without, their
    commitments. Accounts are read as they are now. The transaction should see one moment only
    (ledger.books.take_snapshot). Raises NotSignedYet.
    """
    head = latest_head(session, org_id)
    if head is None:
        raise NotSignedYet(org_id=org_id)
    origin = head.note.partition("\n")[0]
    _write(out, {"format": "mizon-dump/1", "org_id": org_id, "origin": origin, "head": head.note})
    accounts = select(Account).where(Account.org_id == org_id).order_by(Account.id)
    for account in session.scalars(accounts):
        _write(out, {"account": _account(account)})
    rows = session.connection().execution_options(yield_per=ROWS_AT_ONCE)
    for row in rows.execute(text(IN_ORDER), {"org": org_id, "size": head.size}):
        _write(out, {"leaf": leaf_record(row, documents=documents)})
    return head.size


def _account(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "number": account.number,
        "name": account.name,
        "currency": account.currency,
        "normal_side": account.normal_side,
    }


def _write(out: TextIO, record: dict[str, Any]) -> None:
    out.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")

"""Post journals through the one writer, `ledger.post` in the database."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from foundation.errors import Conflict
from ledger.accounts import AccountKey, account_ids
from ledger.arrays import BIGINT, BYTEA_OID, DATE, INTEGER, SMALLINT, UUID_OID, numbers, octets
from ledger.journals import Action, Journal, Outcome, Posting, Transfer

MOST_JOURNALS = 8192
_EPOCH = date(2000, 1, 1).toordinal()
_BOOK_NOT_OPEN = "55000"

_ONE = """
SELECT first_id, outcomes, first_ids, replayed FROM ledger.post_one(
  %s::integer, %s::bigint, %s::bigint, %s::bigint, %s::uuid, %s::bytea, %s::smallint, %s::date, %s::text)
"""
_MANY = """
SELECT first_id, outcomes, first_ids, replayed FROM ledger.post(
  %s::integer, %s, %s, %s, %s, %s, %s, %s::text[], %s, %s, %s)
"""
_SPECIAL = """
SELECT first_id, outcomes, first_ids, replayed FROM ledger.post(
  %s::integer, %s, %s, %s, %s, %s, %s, %s::text[], %s, %s, %s::bigint[],
  %s, %s::uuid[], %s::timestamptz[], %s::bigint[])
"""


class NotPosted(Conflict):
    """The ledger refused this journal."""


class BookShut(Conflict):
    """These books take no entries while they are being checked; what was paid is entered afterwards."""


def post(session: Session, journals: Sequence[Journal]) -> list[Posting]:
    """Post journals of one book, in order, inside the caller's transaction.

    Each is decided against the accounts as the ones before it left them; a refused journal leaves
    nothing and does not hurt its neighbours. Asking again with the same source, key and body gives
    the stored answer; another body under the key is KEY_REUSED. At most 8,192 journals and as many
    lines. Raises BookShut. Source: docs/decisions/0004-ledger.md.
    """
    book = journals[0].org_id
    if any(journal.org_id != book for journal in journals):
        raise ValueError("journals of two books in one call")
    keys = {
        key for journal in journals for line in journal.lines for key in (line.debit, line.credit)
    }
    return post_to(session.connection(), journals, account_ids(session, book, keys))


def post_all(session: Session, journals: Sequence[Journal]) -> list[Posting]:
    """Post journals that must all succeed, each book in turn. Raises NotPosted with the code."""
    books = sorted({journal.org_id for journal in journals})
    postings: list[Posting] = []
    for book in books:  # one order of books everywhere: no deadlock between two-book postings
        mine = [journal for journal in journals if journal.org_id == book]
        for journal, posting in zip(mine, post(session, mine), strict=True):
            if posting.outcome is not Outcome.POSTED:
                raise NotPosted(journal=journal.key, outcome=posting.outcome.name)
            postings.append(posting)
    return postings


def post_to(
    connection: Connection, journals: Sequence[Journal], accounts: dict[AccountKey, int]
) -> list[Posting]:
    """`post`, with the accounts' ids known already. Raises BookShut."""
    statement, values = _call(journals, accounts)
    try:
        row = connection.exec_driver_sql(statement, values).one()
    except DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) == _BOOK_NOT_OPEN:
            raise BookShut(org_id=journals[0].org_id) from fault
        raise
    return _postings(journals, *row)


def _call(
    journals: Sequence[Journal], accounts: dict[AccountKey, int]
) -> tuple[str, tuple[Any, ...]]:
    first = journals[0]
    if len(journals) == 1 and len(first.lines) == 1 and first.lines[0].action is Action.MOVE:
        return _ONE, _one(first, first.lines[0], accounts)
    lines = [line for journal in journals for line in journal.lines]
    ids = sorted({accounts[key] for line in lines for key in (line.debit, line.credit)})
    place = {account: number for number, account in enumerate(ids, start=1)}
    values = (
        first.org_id,
        numbers(BIGINT, ids),
        octets(UUID_OID, [journal.id.bytes for journal in journals]),
        octets(BYTEA_OID, [journal.request_hash(accounts) for journal in journals]),
        numbers(SMALLINT, [journal.kind for journal in journals]),
        numbers(DATE, [journal.effective.toordinal() - _EPOCH for journal in journals]),
        numbers(SMALLINT, [len(journal.lines) for journal in journals]),
        _documents(journals),
        numbers(INTEGER, [place[accounts[line.debit]] for line in lines]),
        numbers(INTEGER, [place[accounts[line.credit]] for line in lines]),
    )
    if all(line.action is Action.MOVE for line in lines):
        return _MANY, (
            *values,
            numbers(BIGINT, [_within_reach(line.amount.minor) for line in lines]),
        )
    return _SPECIAL, (
        *values,
        [None if _lets_all_go(line) else _within_reach(line.amount.minor) for line in lines],
        numbers(SMALLINT, [line.action for line in lines]),
        [line.hold for line in lines],
        [line.expires_at for line in lines],
        [line.original and _within_reach(line.original) for line in lines],
    )


def _one(journal: Journal, line: Transfer, accounts: dict[AccountKey, int]) -> tuple[Any, ...]:
    return (
        journal.org_id,
        accounts[line.debit],
        accounts[line.credit],
        _within_reach(line.amount.minor),
        journal.id,
        journal.request_hash(accounts),
        int(journal.kind),
        journal.effective,
        journal.document,
    )


def _documents(journals: Sequence[Journal]) -> list[str | None] | None:
    documents = [journal.document for journal in journals]
    return documents if any(documents) else None


def _within_reach(number: int) -> int:
    """An amount or an id as a bigint; one beyond that is as much out of range as the largest."""
    return max(min(number, 2**62), -1)


def _lets_all_go(line: Transfer) -> bool:
    return line.action is Action.RELEASE and line.amount.minor == 0


def _postings(
    journals: Sequence[Journal],
    first_id: int | None,
    outcomes: list[int] | None,
    first_ids: list[int | None] | None,
    replayed: list[bool] | None,
) -> list[Posting]:
    if outcomes is None or first_ids is None or replayed is None:  # all posted, just now, in order
        postings, next_id = [], first_id or 0
        for journal in journals:
            count = len(journal.lines)
            first = next_id if count else None
            postings.append(Posting(journal.id, Outcome.POSTED, first, replayed=False))
            next_id += count
        return postings
    return [
        Posting(journal.id, Outcome(outcome), first, again)
        for journal, outcome, first, again in zip(
            journals, outcomes, first_ids, replayed, strict=True
        )
    ]

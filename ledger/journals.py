"""Journals and their lines, as values: what is asked of the ledger, and what it can answer."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import IntEnum
from functools import cached_property
from typing import Any
from uuid import UUID

from foundation.database import storable
from ledger.accounts import AccountKey
from ledger.chart import JournalKind
from ledger.money import Money

# A NUL as JSON writes it: the backslash before the "u" is not itself one that was written as two.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_MOST_NESTED = 5000


class Outcome(IntEnum):
    """What became of a journal; the codes are those of `ledger.post` and are stored for ever."""

    POSTED = 1
    KEY_REUSED = 2
    ACCOUNT_UNKNOWN = 3
    ONE_ACCOUNT_TWICE = 4
    AMOUNT_OUT_OF_RANGE = 5
    CURRENCIES_DIFFER = 6
    ACCOUNT_NOT_OPEN = 7
    BALANCE_OVERFLOW = 8
    INSUFFICIENT = 9
    ABOVE_LIMIT = 10
    PERIOD_CLOSED = 11
    DATE_OUT_OF_RANGE = 12
    HOLD_UNKNOWN = 13
    HOLD_DONE = 14
    HOLD_EXPIRED = 15
    HOLD_EXCEEDED = 16
    HOLD_EXISTS = 17
    ORIGINAL_UNKNOWN = 18
    REVERSAL_EXCEEDED = 19
    ACCOUNTS_DIFFER = 20
    EMPTY = 21


class Action(IntEnum):
    """What a line does; the codes are those of `ledger.post`."""

    MOVE = 1
    HOLD = 2
    CAPTURE = 3
    CAPTURE_FINAL = 4
    RELEASE = 5
    REVERSE = 6


@dataclass(frozen=True)
class Transfer:
    """Move `amount` from the credit side to the debit side: one row, so it cannot be unbalanced.

    The other lines of a journal are made by `hold`, `capture`, `release` and `reverse`.
    """

    debit: AccountKey
    credit: AccountKey
    amount: Money
    action: Action = Action.MOVE
    hold: UUID | None = None
    expires_at: datetime | None = None
    original: int | None = None


def hold(
    key: UUID,
    debit: AccountKey,
    credit: AccountKey,
    amount: Money,
    *,
    expires_at: datetime | None = None,
) -> Transfer:
    """Set `amount` aside: neither balance changes, what is available does at once.

    `key` is new, chosen by the caller. After `expires_at` the hold counts no more, whether or not a
    job has looked at it.
    """
    return Transfer(debit, credit, amount, Action.HOLD, key, expires_at)


def capture(
    key: UUID, debit: AccountKey, credit: AccountKey, amount: Money, *, final: bool = False
) -> Transfer:
    """Move `amount` of what a hold has set aside; `final` lets the rest go. The accounts are its own."""
    action = Action.CAPTURE_FINAL if final else Action.CAPTURE
    return Transfer(debit, credit, amount, action, key)


def release(key: UUID, debit: AccountKey, credit: AccountKey, amount: Money) -> Transfer:
    """Let `amount` of a hold go; an amount of zero lets all go that is left."""
    return Transfer(debit, credit, amount, Action.RELEASE, key)


def reverse(original: int, debit: AccountKey, credit: AccountKey, amount: Money) -> Transfer:
    """Take `amount` of a posted transfer back; debit and credit are the original's, exchanged.

    All reversals of a transfer together never exceed it, and a reversal is not reversed: post anew.
    """
    return Transfer(debit, credit, amount, Action.REVERSE, original=original)


def journal_key(source: str, key: str) -> UUID:
    """Sixteen bytes of SHA-256 over the words of a request; `ledger.journal_key` in SQL."""
    named = f"{len(source)}:{source}:{key}".encode("utf-8", "surrogatepass")
    return UUID(bytes=hashlib.sha256(named).digest()[:16])


@dataclass(frozen=True)
class Journal:
    """An atomic group of lines in one book, under a key that is idempotent for ever.

    `source` and `key` name the request ("charge", "0192…:settled"); `doc` is kept beside the
    journal for people, with source and key in words; None keeps nothing. Only its salted commitment
    is sealed, so it can be erased; still it should carry no personal data that it can do without.
    """

    org_id: int
    source: str
    key: str
    kind: JournalKind
    effective: date
    lines: Sequence[Transfer]
    doc: dict[str, Any] | None = field(default_factory=dict)

    @cached_property
    def id(self) -> UUID:
        """The journal's key in the database."""
        return journal_key(self.source, self.key)

    def request_hash(self, accounts: Mapping[AccountKey, int]) -> bytes:
        """SHA-256 over what is asked, the document left out: the same key may not ask for more."""
        # JSON, written by hand: the library's takes a third of a lane's time. Never to be changed: the
        # hashes of all that was posted are kept.
        lines = ",".join(
            f"[{accounts[line.debit]},{accounts[line.credit]},{line.amount.minor},"
            f'"{line.amount.currency}"{_special(line)}]'
            for line in self.lines
        )
        body = f'[{int(self.kind)},"{self.effective.isoformat()}",[{lines}]]'
        return hashlib.sha256(body.encode()).digest()

    @property
    def document(self) -> str | None:
        """What is kept beside the journal, as JSON that PostgreSQL can keep.

        What it cannot keep does not stop the money: NULs are left out, half characters replaced, and
        of a document that is no JSON, or is nested too deep, only the reason is kept.
        """
        if self.doc is None:
            return None
        named = {"source": self.source, "key": self.key}
        try:
            text = _json({**named, **self.doc})
        except (TypeError, ValueError, RecursionError) as fault:
            text = _json({**named, "not_kept": type(fault).__name__})
        return text if text.isascii() else storable(text)


@dataclass(frozen=True)
class Posting:
    """The answer to a journal: its outcome, and whether an earlier answer was repeated.

    `first_id` is the id of its first transfer; None when it moved nothing.
    """

    journal: UUID
    outcome: Outcome
    first_id: int | None
    replayed: bool


def _json(doc: dict[str, Any]) -> str:
    text = json.dumps(doc, ensure_ascii=False, default=str, allow_nan=False)
    if len(text) > _MOST_NESTED and text.count("[") + text.count("{") > _MOST_NESTED:
        raise ValueError("nested too deep")
    return _NUL.sub(r"\1", text) if "\\u0000" in text else text


def _special(line: Transfer) -> str:
    """What a line says beyond moving money; nothing for the ordinary one, whose hash is the shorter."""
    if line.action is Action.MOVE:
        return ""
    said = [
        int(line.action),
        line.hold and str(line.hold),
        line.expires_at and line.expires_at.astimezone(UTC).isoformat(),
        line.original,
    ]
    return "," + json.dumps(said, separators=(",", ":"))[1:-1]

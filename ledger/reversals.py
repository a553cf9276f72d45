"""Take a posted journal back, whole or in part, by a journal of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation.errors import Conflict, NotFound, Refused
from ledger.accounts import SHORTEST_REASON, Account, ReasonMissing, key_of, lock_accounts
from ledger.chart import JournalKind
from ledger.currencies import CODES
from ledger.journals import Journal, Outcome, Posting, Transfer, journal_key, reverse
from ledger.money import CurrenciesDiffer, Money
from ledger.posting import NotPosted, post_all
from ledger.rounding import apportion
from ledger.transfers import JournalRow, ReversalTotal, TransferRow

SOURCE = "reversal"


class JournalNotFound(NotFound):
    """There is no such entry in this book."""


class NothingToReverse(Conflict):
    """Nothing of this entry is left to take back."""


class ReversalExceeds(Conflict):
    """This is more than is left of the entry."""


class ReversalReversed(Refused):
    """What takes an entry back is not taken back itself: post the entry anew."""


class SeveralCurrencies(Refused):
    """An entry in several currencies can only be taken back as a whole."""


@dataclass(frozen=True)
class Original:
    """A posted transfer, and how much of it earlier reversals have taken back."""

    move: TransferRow
    reversed_minor: int

    @property
    def left_minor(self) -> int:
        """What can still be taken back."""
        return self.move.amount_minor - self.reversed_minor

    @property
    def currency(self) -> str:
        """The transfer's currency."""
        return CODES[self.move.currency]


def reverse_journal(
    session: Session,
    org_id: int,
    journal: UUID,
    *,
    key: str,
    reason: str,
    effective: date,
    by: object,
    amount: Money | None = None,
) -> Posting:
    """Exchange the sides of a posted journal, or of `amount` of it; None takes all that is left.

    A part is divided over the journal's lines in proportion to what is left of each, whole minor
    units, by the largest remainder (ledger/rounding.py). Where the day is closed it lands on the
    first open one. Limits are asked: money that was spent since cannot be taken back. Asking again
    with the same `key` gives the first answer.

    Raises JournalNotFound, NothingToReverse, ReversalExceeds, ReversalReversed, SeveralCurrencies,
    CurrenciesDiffer, ReasonMissing, and NotPosted with the writer's own refusal.
    """
    if len(reason.strip()) < SHORTEST_REASON:
        raise ReasonMissing(field="reason")
    found = _moves(session, org_id, journal)
    if not found:
        raise JournalNotFound(org_id=org_id, journal=journal)
    touched = {side for move in found for side in (move.debit_account, move.credit_account)}
    accounts = {one.id: one for one in lock_accounts(session, org_id, touched)}
    originals = originals_of(session, org_id, journal)
    if repeated := _repeated(session, org_id, key, originals, amount, effective):
        return repeated
    lines = [
        _taken_back(original, part, accounts)
        for original, part in zip(originals, _parts(originals, amount), strict=True)
        if part
    ]
    doc = {"reverses": str(journal), "reason": reason.strip(), "by": str(by)}
    asked = Journal(org_id, SOURCE, key, JournalKind.REVERSAL, effective, lines, doc)
    return post_all(session, [asked])[0]


def originals_of(session: Session, org_id: int, journal: UUID) -> list[Original]:
    """The transfers of a posted journal, in its order, each with what is left; [] when it has none."""
    moves = _moves(session, org_id, journal)
    totals = session.scalars(
        select(ReversalTotal)
        .where(ReversalTotal.org_id == org_id)
        .where(ReversalTotal.transfer.in_([move.id for move in moves]))
        .execution_options(populate_existing=True)
    )
    reversed_minor = {total.transfer: total.reversed_minor for total in totals}
    return [Original(move, reversed_minor.get(move.id, 0)) for move in moves]


def _moves(session: Session, org_id: int, journal: UUID) -> Sequence[TransferRow]:
    row = session.get(JournalRow, (org_id, journal))
    if row is None or row.first_id is None:
        return []
    ids = TransferRow.id.between(row.first_id, row.first_id + row.transfers - 1)
    query = select(TransferRow).where(TransferRow.org_id == org_id, ids)
    return session.scalars(query.order_by(TransferRow.id)).all()


def _repeated(
    session: Session,
    org_id: int,
    key: str,
    originals: Sequence[Original],
    amount: Money | None,
    effective: date,
) -> Posting | None:
    """The answer that this request got before; another under its key raises NotPosted."""
    row = session.get(JournalRow, (org_id, journal_key(SOURCE, key)))
    if row is None:
        return None
    moves = _moves(session, org_id, row.journal)
    left = sum(original.left_minor for original in originals)
    taken = sum(move.amount_minor for move in moves)
    mine = {move.reverses for move in moves} <= {original.move.id for original in originals}
    days = {move.carried_from or move.effective for move in moves}
    if not mine or days != {effective} or (left if amount is None else taken - amount.minor):
        raise NotPosted(journal=key, outcome=Outcome.KEY_REUSED.name)
    return Posting(row.journal, Outcome(row.outcome), row.first_id, replayed=True)


def _taken_back(original: Original, minor: int, accounts: Mapping[int, Account]) -> Transfer:
    """A line that takes this much of a transfer back: its accounts, exchanged."""
    debit, credit = accounts[original.move.credit_account], accounts[original.move.debit_account]
    amount = Money(minor, original.currency)
    return reverse(original.move.id, key_of(debit), key_of(credit), amount)


def _parts(originals: Sequence[Original], amount: Money | None) -> list[int]:
    """How much of each line is taken back."""
    if any(original.move.reverses is not None for original in originals):
        raise ReversalReversed
    left = [original.left_minor for original in originals]
    if not any(left):
        raise NothingToReverse
    if amount is None:
        return left
    currencies = {original.currency for original in originals}
    if len(currencies) > 1:
        raise SeveralCurrencies(currencies=", ".join(sorted(currencies)))
    if amount.currency not in currencies:
        raise CurrenciesDiffer(left=amount.currency, right=min(currencies))
    if not 0 < amount.minor <= sum(left):
        raise ReversalExceeds(asked=amount, left=Money(sum(left), amount.currency))
    return apportion(amount.minor, left)

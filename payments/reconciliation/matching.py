"""Match statement lines to payouts and bills by exact keys; pure: values in, decisions out.

Only a key that stands in the line confirms a match. No amount, date or name alone ever does, and
where two answers are possible the line goes to a person.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from ledger.money import Money
from payments.references import find_in

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{3,}")


class Rule(StrEnum):
    """Why a line was matched."""

    PAYOUT_ID = "payout_id"
    PAYMENT_REFERENCE = "payment_reference"


class Leftover(StrEnum):
    """Why a line was not matched."""

    NO_KEY = "no_key"
    SEVERAL_KEYS = "several_keys"
    PAYOUT_AMOUNT_DIFFERS = "payout_amount_differs"
    PAYOUT_SEEN_BEFORE = "payout_seen_before"
    DEBIT = "debit"
    NOT_POSTED = "not_posted"


@dataclass(frozen=True)
class Line:
    """A booked statement line: signed amount, and the texts in which keys may stand."""

    id: UUID
    amount: Money
    texts: Sequence[str]


@dataclass(frozen=True)
class PayoutMatch:
    """The line is this payout reaching the bank."""

    line: UUID
    payout: tuple[str, str]
    rule: Rule = Rule.PAYOUT_ID


@dataclass(frozen=True)
class BillMatch:
    """The line is somebody's bank transfer for the bill of this reference."""

    line: UUID
    reference: str
    rule: Rule = Rule.PAYMENT_REFERENCE


@dataclass(frozen=True)
class Unmatched:
    """The line needs a person."""

    line: UUID
    why: Leftover
    detail: str = ""


Decision = PayoutMatch | BillMatch | Unmatched


def match(
    lines: Iterable[Line],
    payouts: Mapping[tuple[str, str], Money],
    *,
    seen: Iterable[tuple[str, str]] = (),
) -> list[Decision]:
    """Decide every line, in the order given; the same input always gives the same decisions.

    `payouts` maps (provider, payout id) to the announced net, `seen` names those the bank has shown
    already. A payout is used once.
    """
    by_id: dict[str, list[tuple[str, str]]] = {}
    for key in payouts:
        by_id.setdefault(key[1], []).append(key)
    used = set(seen)
    decisions = []
    for line in lines:
        decision = _decide(line, payouts, by_id, used)
        if isinstance(decision, PayoutMatch):
            used.add(decision.payout)
        decisions.append(decision)
    return decisions


def _decide(
    line: Line,
    payouts: Mapping[tuple[str, str], Money],
    by_id: Mapping[str, list[tuple[str, str]]],
    used: set[tuple[str, str]],
) -> Decision:
    tokens = {token for text in line.texts for token in _TOKEN.findall(text)}
    named = sorted({key for token in tokens for key in by_id.get(token, [])})
    if len(named) > 1:
        return Unmatched(line.id, Leftover.SEVERAL_KEYS, ", ".join(key[1] for key in named))
    if named:
        return _payout(line, named[0], payouts, used)
    if line.amount.minor < 0:
        return Unmatched(line.id, Leftover.DEBIT)
    references = {reference for text in line.texts for reference in find_in(text)}
    if len(references) > 1:
        return Unmatched(line.id, Leftover.SEVERAL_KEYS, ", ".join(sorted(references)))
    if references:
        return BillMatch(line.id, references.pop())
    return Unmatched(line.id, Leftover.NO_KEY)


def _payout(
    line: Line,
    key: tuple[str, str],
    payouts: Mapping[tuple[str, str], Money],
    used: set[tuple[str, str]],
) -> Decision:
    if key in used:
        return Unmatched(line.id, Leftover.PAYOUT_SEEN_BEFORE, key[1])
    if payouts[key] != line.amount:
        detail = f"{key[1]}: announced {payouts[key]}, booked {line.amount}"
        return Unmatched(line.id, Leftover.PAYOUT_AMOUNT_DIFFERS, detail)
    return PayoutMatch(line.id, key)

"""Choose the opening and the closing balance of a statement among those the bank gives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from payments.reconciliation.statements.contents import Balance, BalanceType
from payments.reconciliation.statements.reasons import Finding, Reason


@dataclass(frozen=True, slots=True)
class Bounds:
    """The two balances of one currency between which its entries must fit."""

    opening: Balance | None
    closing: Balance | None
    findings: tuple[Finding, ...]


def bounds_of(
    balances: Sequence[Balance], currency: str | None, *, other: Sequence[str] = ()
) -> Bounds:
    """The opening and closing booked balance in `currency`; `other` codes are only named.

    Opening is OPBD, else PRCD (the previous closing; where both are given they must agree), closing
    is CLBD. On a page of a longer statement ITBD stands in: the first for a missing opening, the
    last for a missing closing. Of several days the first opening and the last closing count.
    """
    mine = [balance for balance in balances if balance.amount.currency == currency]
    openings = _of(mine, BalanceType.OPENING)
    previous = _of(mine, BalanceType.PREVIOUS_CLOSING)
    closings = _of(mine, BalanceType.CLOSING)
    interim = _of(mine, BalanceType.INTERIM)
    opening, closing = _earliest(openings) or _earliest(previous), _latest(closings)
    if opening is None and (closing or len(interim) > 1):
        opening = next(iter(interim), None)
    if closing is None and interim and interim[-1] is not opening:
        closing = interim[-1]
    findings = [
        *_missing(opening, closing, [*map(_shown, balances), *other]),
        *_contradiction(opening, [*_same_day(openings, opening), _earliest(previous)]),
        *_contradiction(closing, _same_day(closings, closing)),
    ]
    return Bounds(opening, closing, tuple(findings))


def _of(balances: list[Balance], kind: BalanceType) -> list[Balance]:
    return [balance for balance in balances if balance.type == kind]


def _earliest(balances: list[Balance]) -> Balance | None:
    return min(balances, key=lambda balance: balance.date or date.max, default=None)


def _latest(balances: list[Balance]) -> Balance | None:
    return max(balances, key=lambda balance: balance.date or date.min, default=None)


def _same_day(balances: list[Balance], chosen: Balance | None) -> list[Balance | None]:
    return [balance for balance in balances if chosen and balance.date == chosen.date]


def _shown(balance: Balance) -> str:
    return f"{balance.type} {balance.amount}"


def _missing(
    opening: Balance | None, closing: Balance | None, given: list[str]
) -> Iterator[Finding]:
    ends = {"opening": opening, "closing": closing}
    missing = " and ".join(end for end, balance in ends.items() if balance is None)
    if missing:
        facts = f"no {missing} balance among {', '.join(given[:10]) or 'none'}"
        yield Finding(Reason.BALANCES_MISSING, facts)


def _contradiction(chosen: Balance | None, equals: list[Balance | None]) -> Iterator[Finding]:
    for other in equals:
        if chosen and other and other.amount != chosen.amount:
            yield Finding(Reason.BALANCES_CONTRADICT, f"{_shown(chosen)}, {_shown(other)}")
            return

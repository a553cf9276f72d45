"""Statements of one account must follow each other: balances, numbers, days and pages without a gap.

`follows` judges one step: here inside a file, in the importer against the last statement it posted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

from payments.reconciliation.statements.contents import BalanceType
from payments.reconciliation.statements.reasons import Finding, Reason
from payments.reconciliation.statements.report import Edge, Statement

# Numbers that spell the day (20160719; 67 for 7 March) say nothing about what is missing.
DATE_CODES = ("%Y%m%d", "%y%m%d", "%m%d", "%j", "%y%j", "%Y%j")
FRIDAY = 4


def follows(before: Edge, after: Statement) -> list[Finding]:
    """What keeps `after` from being the account's next statement; empty when it is.

    Equal balances are demanded always. Days are judged only where consecutive numbers do not prove
    already that nothing is missing; weekends may be covered by no statement.
    """
    steps = _numbers_apart(before, after)
    findings = [*_same_balance(before, after)]
    if steps is not None and steps > 1:
        findings.append(
            Finding(Reason.SEQUENCE_GAP, f"number {before.sequence}, then {after.head.sequence}")
        )
    if steps != 1:
        findings += _days(before, after)
    return findings


def posting_order(statements: Sequence[Statement]) -> list[Statement]:
    """Statements of one account, oldest first; some banks write the newest first."""
    as_given = list(statements)
    if not any(
        finding for before, after in pairwise(as_given) for finding in _balance_step(before, after)
    ):
        return as_given
    return sorted(
        as_given,
        key=lambda one: (one.ended_on or date.min, one.head.sequence or 0, one.head.page or 0),
    )


def judge_file(statements: Sequence[Statement], *, is_last_page: bool) -> tuple[Statement, ...]:
    """The statements, in the order given, with what their place in the file shows added."""
    accounts: dict[tuple[str, str], list[Statement]] = defaultdict(list)
    for statement in statements:
        if statement.account and statement.currency:
            accounts[statement.account, statement.currency].append(statement)
    found: dict[int, list[Finding]] = defaultdict(list)
    for of_account in accounts.values():
        for statement, finding in _of_account(posting_order(of_account)):
            found[statement.number].append(finding)
    if statements and not is_last_page:
        facts = "the message says that another one follows"
        found[statements[-1].number].append(Finding(Reason.PAGE_MISSING, facts))
    return tuple(
        replace(statement, findings=(*statement.findings, *found[statement.number]))
        for statement in statements
    )


def _of_account(chain: Sequence[Statement]) -> Iterator[tuple[Statement, Finding]]:
    times = Counter(map(_identity, chain))
    for statement in chain:
        if times[_identity(statement)] > 1:
            facts = f"{statement.head.statement_id} {times[_identity(statement)]} times"
            yield statement, Finding(Reason.DUPLICATE_STATEMENT, facts)
    for before, after in pairwise(chain):
        if before.edge and after.opening:
            yield from ((after, finding) for finding in follows(before.edge, after))
    for index, statement in enumerate(chain):
        previous = chain[index - 1] if index else None
        following = chain[index + 1] if index + 1 < len(chain) else None
        if missing := _missing_page(previous, statement, following):
            yield statement, Finding(Reason.PAGE_MISSING, f"page {missing}")


def _identity(statement: Statement) -> tuple[object, ...]:
    """What no two statements of an account share; without an id, all that is known of it."""
    head, edge = statement.head, statement.edge
    return (head.statement_id, head.page, *(() if head.statement_id else (edge, statement.booked)))


def _missing_page(
    before: Statement | None, statement: Statement, after: Statement | None
) -> int | None:
    """The number of the page that should stand beside this one in the file; None if all is there.

    A lone page 2 that opens with OPBD is complete in itself: some banks count so.
    """
    page = statement.head.page
    if page is None:
        return None
    if page > 1 and not (before and _is_page(before, page - 1, statement)):
        opening = statement.opening
        is_second_half = bool(opening and opening.type == BalanceType.INTERIM)
        if is_second_half or (before and _is_page(before, before.head.page, statement)):
            return page - 1
    if not statement.head.is_last_page and not (after and _is_page(after, page + 1, statement)):
        return page + 1
    return None


def _is_page(candidate: Statement, page: int | None, of: Statement) -> bool:
    return candidate.head.page == page and candidate.head.statement_id == of.head.statement_id


def _balance_step(before: Statement, after: Statement) -> Iterator[Finding]:
    if before.edge:
        yield from _same_balance(before.edge, after)


def _same_balance(before: Edge, after: Statement) -> Iterator[Finding]:
    if after.opening and after.opening.amount != before.closing:
        facts = f"previous closing {before.closing}, opening {after.opening.amount}"
        yield Finding(Reason.DISCONTINUOUS, facts)


def _numbers_apart(before: Edge, after: Statement) -> int | None:
    """How far the running numbers are apart; None when they say nothing (absent, reset, a date)."""
    last, this = before.sequence, after.head.sequence
    if last is None or this is None or this < last:
        return None
    days = [day for day in (after.started_on, after.ended_on) if day]
    codes = {day.strftime(code).lstrip("0") for day in days for code in DATE_CODES}
    return None if str(this) in codes else this - last


def _days(before: Edge, after: Statement) -> Iterator[Finding]:
    last, first = before.ended_on, after.started_on
    if last is None or first is None:
        return
    between = (last + timedelta(days=n) for n in range(1, min((first - last).days, 8)))
    if any(day.weekday() <= FRIDAY for day in between):
        yield Finding(Reason.DATE_GAP, f"until {last}, then from {first}")
    # Parts of one period share its days; they are told apart by their balances.
    if first < last and (before.started_on, last) != (first, after.ended_on):
        yield Finding(Reason.DATE_OVERLAP, f"until {last}, then from {first}")

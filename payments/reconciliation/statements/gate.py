"""The import gate for one statement: prove its figures, and name everything that does not hold.

Account, currency, amounts, balances, opening + booked = closing, the bank's own totals, in this order.
That it continues the statement before it is judged in continuity.py.
"""

from collections.abc import Iterator
from decimal import Decimal

from ledger.currencies import CURRENCIES
from ledger.money import Money
from payments.reconciliation.statements.balances import Bounds, bounds_of
from payments.reconciliation.statements.contents import BalanceType, StatementHead, Summary
from payments.reconciliation.statements.reasons import Finding, Reason
from payments.reconciliation.statements.report import Statement
from payments.reconciliation.statements.tally import Tally, Total
from payments.reconciliation.statements.values import PLAIN_DECIMAL, shown, whole_number

OPENINGS = {BalanceType.OPENING, BalanceType.PREVIOUS_CLOSING}


def judge(number: int, head: StatementHead, tally: Tally) -> Statement:
    """The statement with its figures and everything found wrong in it; nothing found: accepted."""
    currency = _currency(head, tally)
    bounds = bounds_of(tally.balances, currency, other=head.other_balances)
    findings = [
        *_identity(head),
        *tally.problems,
        *_figures(currency, bounds, tally),
        *_summary(head.summary, tally),
        *_dates(head, bounds, tally),
    ]
    return Statement(
        number=number,
        head=head,
        currency=currency,
        opening=bounds.opening,
        closing=bounds.closing,
        entries=tally.entries,
        details=tally.details,
        booked=tally.booked_sums,
        findings=tuple(findings),
    )


def _currency(head: StatementHead, tally: Tally) -> str | None:
    """As the account says; else of the opening balance, of any balance, of the only entries."""
    if head.currency in CURRENCIES:
        return head.currency
    balances = sorted(tally.balances, key=lambda balance: balance.type not in OPENINGS)
    if balances:
        return balances[0].amount.currency
    return next(iter(tally.all)) if len(tally.all) == 1 else None


def _identity(head: StatementHead) -> Iterator[Finding]:
    if not head.account:
        yield Finding(Reason.ACCOUNT_MISSING)
    if head.currency and head.currency not in CURRENCIES:
        yield Finding(Reason.CURRENCY_UNKNOWN, f"account in {shown(head.currency)}")


def _figures(currency: str | None, bounds: Bounds, tally: Tally) -> Iterator[Finding]:
    """Balances and the equation, in the account's currency and in each other one that occurs.

    A balance that could not be read is a finding already; so nothing is said of its absence, and no
    equation is tried with figures that are known to be incomplete.
    """
    if not tally.unread["balance"]:
        yield from bounds.findings
    if currency is not None:
        yield from _equation(bounds, currency, tally)
    given = {balance.amount.currency: None for balance in tally.balances}
    for other in [*tally.booked, *(code for code in given if code not in tally.booked)]:
        if other != currency:
            yield from _other_currency(other, currency, tally)


def _other_currency(other: str, currency: str | None, tally: Tally) -> Iterator[Finding]:
    """A multi-currency account proves every currency; entries without balances there prove none."""
    bounds = bounds_of(tally.balances, other)
    if bounds.opening and bounds.closing:
        yield from bounds.findings
        yield from _equation(bounds, other, tally)
    elif other in tally.booked:
        sum_booked = Money(tally.booked[other].net, other)
        yield Finding(Reason.CURRENCY_DIFFERS, f"booked {sum_booked}, account in {currency}")


def _equation(bounds: Bounds, currency: str, tally: Tally) -> Iterator[Finding]:
    if bounds.opening is None or bounds.closing is None or tally.unread["entry"]:
        return
    booked = Money(tally.booked.get(currency, Total()).net, currency)
    expected = bounds.opening.amount + booked
    if expected != bounds.closing.amount:
        yield Finding(
            Reason.UNBALANCED,
            f"opening {bounds.opening.amount} + booked {booked} = {expected}, "
            f"closing says {bounds.closing.amount}",
        )


def _summary(summary: Summary, tally: Tally) -> Iterator[Finding]:
    """The bank's control totals must fit what was read: a dropped or added entry shows here.

    Banks count entries of every status, only booked ones, or single payments; each is taken.
    """
    if tally.unread["entry"] or len(tally.all) > 1:
        return
    currency, total = next(iter(tally.all.items()), ("EUR", Total()))
    scopes = (total, tally.booked.get(currency, Total()))
    counts = {*(scope.entries for scope in scopes), tally.details}
    announced = whole_number(summary.entries)
    if announced is not None and announced not in counts:
        facts = f"{announced} entries announced, {total.entries} read"
        yield Finding(Reason.SUMMARY_DIFFERS, facts)
    stated = {
        "credits": (summary.credits, {scope.credits for scope in scopes}),
        "debits": (summary.debits, {scope.debits for scope in scopes}),
        "total": (
            summary.total,
            {figure for scope in scopes for figure in (scope.credits + scope.debits, scope.net)},
        ),
    }
    for name, (text, minors) in stated.items():
        figures = sorted({Money(abs(minor), currency).decimal for minor in minors})
        if PLAIN_DECIMAL.fullmatch(text) and Decimal(text) not in figures:
            read = " or ".join(f"{figure:f}" for figure in figures)
            yield Finding(Reason.SUMMARY_DIFFERS, f"{name} {shown(text)} announced, {read} read")


def _dates(head: StatementHead, bounds: Bounds, tally: Tally) -> Iterator[Finding]:
    statement_date = head.to_date or (bounds.closing.date if bounds.closing else None)
    if tally.undated and statement_date is None:
        yield Finding(Reason.UNDATED, f"{tally.undated} booked entries")

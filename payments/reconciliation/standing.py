"""Where the money stands: received by providers, settled by them, banked; and which lines match."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.money import Money

CURRENCY = "UZS"


@dataclass(frozen=True)
class Standing:
    """How many payments and how much."""

    count: int
    amount: Money


@dataclass(frozen=True)
class Flow:
    """The way of payers' money; bank transfers are received, settled and banked at once."""

    received: Standing
    settled: Standing
    banked: Standing


def flow_of_money(session: Session) -> Flow:
    """How far the money of all settled charges has come."""
    row = session.execute(
        text("""
        SELECT count(*) AS received, coalesce(sum(c.confirmed_minor), 0) AS received_minor,
               count(*) FILTER (WHERE o.id IS NOT NULL OR c.provider = 'bank') AS settled,
               coalesce(sum(c.confirmed_minor)
                 FILTER (WHERE o.id IS NOT NULL OR c.provider = 'bank'), 0) AS settled_minor,
               count(*) FILTER (WHERE o.state = 'settled' OR c.provider = 'bank') AS banked,
               coalesce(sum(c.confirmed_minor)
                 FILTER (WHERE o.state = 'settled' OR c.provider = 'bank'), 0) AS banked_minor
          FROM payments.charge c
          LEFT JOIN payments.payout_item i ON i.agency_org_id = c.org_id AND i.charge_id = c.id
           AND i.kind = 'payment'
          LEFT JOIN payments.payout o ON o.org_id = i.org_id AND o.provider = i.provider
           AND o.id = i.payout_id
         WHERE c.state = 'settled' AND c.confirmed_currency = :currency
        """),
        {"currency": CURRENCY},
    ).one()
    return Flow(
        received=Standing(row.received, Money(int(row.received_minor), CURRENCY)),
        settled=Standing(row.settled, Money(int(row.settled_minor), CURRENCY)),
        banked=Standing(row.banked, Money(int(row.banked_minor), CURRENCY)),
    )


def lines_by_match(session: Session) -> tuple[Standing, Standing]:
    """Booked lines that found their match, and those that did not: count and sum of absolute amounts."""
    row = session.execute(
        text("""
        SELECT count(*) FILTER (WHERE state = 'matched') AS matched,
               coalesce(sum(abs(amount_minor)) FILTER (WHERE state = 'matched'), 0) AS matched_minor,
               count(*) FILTER (WHERE state IN ('unmatched', 'suspense', 'break')) AS open,
               coalesce(sum(abs(amount_minor))
                 FILTER (WHERE state IN ('unmatched', 'suspense', 'break')), 0) AS open_minor
          FROM payments.statement_line WHERE currency = :currency
        """),
        {"currency": CURRENCY},
    ).one()
    return (
        Standing(row.matched, Money(int(row.matched_minor), CURRENCY)),
        Standing(row.open, Money(int(row.open_minor), CURRENCY)),
    )

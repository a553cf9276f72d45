"""Prove the books: recompute everything from the transfers alone and name the first difference."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Rule:
    """One sentence that must hold: `counted` counts its rows, `broken` finds its faults."""

    name: str
    sentence: str
    counted: str
    broken: str


@dataclass(frozen=True)
class Check:
    """A rule's answer: how many rows were examined, and the first difference if there is one."""

    name: str
    sentence: str
    examined: int
    difference: dict[str, Any] | None

    @property
    def holds(self) -> bool:
        """Whether no difference was found."""
        return self.difference is None


RULES = (
    Rule(
        "balances",
        "Every account's balance is the sum of its transfers.",
        "SELECT count(*) FROM ledger.account",
        """
        SELECT a.org_id, a.id AS account, a.number, a.name, a.posted AS stored,
               coalesce(sum(l.debit_minor - l.credit_minor), 0) * a.normal_side AS recomputed
          FROM ledger.account a
          LEFT JOIN ledger.entry l ON l.org_id = a.org_id AND l.account = a.id
         GROUP BY a.org_id, a.id
        HAVING a.posted <> coalesce(sum(l.debit_minor - l.credit_minor), 0) * a.normal_side
            OR a.seq <> count(l.transfer)
         ORDER BY a.org_id, a.id
        """,
    ),
    Rule(
        "running",
        "Every running balance and sequence follows from the transfer before it.",
        "SELECT 2 * count(*) FROM ledger.transfer",
        """
        SELECT * FROM (
          SELECT l.org_id, l.account, l.transfer, l.seq, l.balance AS stored,
                 sum((l.debit_minor - l.credit_minor) * a.normal_side) OVER w AS recomputed,
                 row_number() OVER w AS place
            FROM ledger.entry l
            LEFT JOIN ledger.account a ON a.org_id = l.org_id AND a.id = l.account
          WINDOW w AS (PARTITION BY l.org_id, l.account ORDER BY l.seq, l.transfer
                       ROWS UNBOUNDED PRECEDING)) r
         WHERE seq <> place OR stored IS DISTINCT FROM recomputed
         ORDER BY org_id, account, seq
        """,
    ),
    Rule(
        "trial-balance",
        "In every book and currency debit balances equal credit balances.",
        "SELECT count(*) FROM (SELECT DISTINCT org_id, currency FROM ledger.account) b",
        """
        SELECT org_id, currency, sum(posted * normal_side) AS debits_less_credits
          FROM ledger.account GROUP BY org_id, currency
        HAVING sum(posted * normal_side) <> 0 ORDER BY org_id, currency
        """,
    ),
    Rule(
        "journals",
        "Every posted journal has all its transfers, a refused one has none.",
        "SELECT count(*) FROM ledger.journal",
        """
        SELECT coalesce(j.org_id, t.org_id) AS org_id, coalesce(j.journal, t.journal) AS journal,
               j.outcome, j.transfers AS promised, coalesce(t.n, 0) AS found
          FROM ledger.journal j
          FULL JOIN (SELECT org_id, journal, count(*) AS n, min(id) AS first, max(id) AS last,
                            count(DISTINCT leg) AS legs
                       FROM ledger.transfer GROUP BY org_id, journal) t
            ON t.org_id = j.org_id AND t.journal = j.journal
         WHERE j.journal IS NULL
            OR coalesce(t.n, 0) <> CASE WHEN j.outcome = 1 THEN j.transfers ELSE 0 END
            OR (j.outcome = 1 AND (t.first, t.last, t.legs::bigint)
                <> (j.first_id, j.first_id + j.transfers - 1, j.transfers::bigint))
         ORDER BY 1, 2
        """,
    ),
    Rule(
        "accounts",
        "Every transfer moves one currency between two accounts of its own book.",
        "SELECT count(*) FROM ledger.transfer",
        """
        SELECT t.org_id, t.id AS transfer, t.debit_account, t.credit_account, t.currency
          FROM ledger.transfer t
          LEFT JOIN ledger.account d ON d.org_id = t.org_id AND d.id = t.debit_account
          LEFT JOIN ledger.account c ON c.org_id = t.org_id AND c.id = t.credit_account
         WHERE (d.currency = t.currency AND c.currency = t.currency) IS NOT TRUE
         ORDER BY t.org_id, t.id
        """,
    ),
    Rule(
        "batches",
        "Every journal belongs to one call of the writer, and calls count what they wrote.",
        "SELECT count(*) FROM ledger.batch",
        """
        SELECT coalesce(b.org_id, j.org_id) AS org_id, coalesce(b.batch, j.batch) AS batch,
               b.journals AS promised, coalesce(j.n, 0) AS found
          FROM ledger.batch b
          FULL JOIN (SELECT org_id, batch, count(*) AS n,
                            sum(transfers) FILTER (WHERE outcome = 1) AS transfers
                       FROM ledger.journal GROUP BY org_id, batch) j
            ON j.org_id = b.org_id AND j.batch = b.batch
         WHERE (b.journals = j.n AND b.transfers = coalesce(j.transfers, 0)) IS NOT TRUE
         ORDER BY 1, 2
        """,
    ),
)


def prove(session: Session, rules: tuple[Rule, ...] = RULES) -> Iterator[Check]:
    """Examine each rule in turn, over every book; a difference is shown, never repaired."""
    for rule in rules:
        # As it stands, with no parameters: a colon in a rule is SQL's own.
        run = session.connection().exec_driver_sql
        examined = run(rule.counted).scalar_one()
        first = run(f"{rule.broken} LIMIT 1").mappings().first()
        yield Check(rule.name, rule.sentence, examined, dict(first) if first else None)

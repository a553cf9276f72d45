"""What must hold of day totals and periods; `ledger/books.py` examines it with the rest."""

from ledger.rule import Rule

RULES = (
    Rule(
        "day-totals",
        "Every day total is the sum of its transfers that have left the queue of sealing.",
        "SELECT count(*) FROM ledger.day_total",
        """
        SELECT coalesce(d.org_id, e.org_id) AS org_id, coalesce(d.account, e.account) AS account,
               coalesce(d.effective, e.effective) AS effective, d.entries, e.n AS entries_found,
               d.debits_minor AS debits, e.debits AS debits_found, d.credits_minor AS credits,
               e.credits AS credits_found
          FROM ledger.day_total d
          FULL JOIN (
            SELECT e.org_id, e.account, e.effective, (e.seq - 1) / 512 AS stretch, count(*) AS n,
                   sum(e.debit_minor) AS debits, sum(e.credit_minor) AS credits
              FROM ledger.entry e
              LEFT JOIN ledger.unsealed u
                ON u.org_id = e.org_id AND u.batch = e.transfer - e.transfer % 8192
             WHERE u.batch IS NULL
             GROUP BY e.org_id, e.account, e.effective, (e.seq - 1) / 512) e
            ON e.org_id = d.org_id AND e.account = d.account AND e.effective = d.effective
           AND e.stretch = d.stretch
         WHERE (d.entries = e.n AND d.debits_minor = e.debits AND d.credits_minor = e.credits) IS NOT TRUE
         ORDER BY 1, 2, 3
        """,
    ),
    Rule(
        "periods",
        "The closed days of a book are those of its closed periods, which are its oldest.",
        "SELECT count(*) FROM ledger.period",
        """
        SELECT b.org_id, b.closed_through, p.closed, b.soft_closed_through, p.soft
          FROM ledger.book b
          LEFT JOIN (
            SELECT org_id, max(last_day) FILTER (WHERE state = 'closed') AS closed,
                   max(last_day) FILTER (WHERE state <> 'open') AS soft,
                   min(last_day) FILTER (WHERE state <> 'closed') AS not_closed,
                   min(last_day) FILTER (WHERE state = 'open') AS open
              FROM ledger.period GROUP BY org_id) p ON p.org_id = b.org_id
         WHERE (b.closed_through, b.soft_closed_through) IS DISTINCT FROM (p.closed, p.soft)
            OR p.not_closed < p.closed OR p.open < p.soft
         ORDER BY b.org_id
        """,
    ),
    Rule(
        "closed-days",
        "Nothing was entered on a closed day after its period was closed.",
        "SELECT count(*) FROM ledger.period WHERE state = 'closed'",
        """
        SELECT e.org_id, e.account, e.transfer, e.seq, b.seq AS known, e.effective, e.posted_at
          FROM ledger.entry e
          JOIN (SELECT d.org_id, d.effective, min(p.last_day) AS last_day
                  FROM (SELECT DISTINCT org_id, effective FROM ledger.transfer) d
                  JOIN ledger.period p ON p.org_id = d.org_id AND p.last_day >= d.effective
                 GROUP BY d.org_id, d.effective) day
            ON day.org_id = e.org_id AND day.effective = e.effective
          JOIN ledger.period p
            ON p.org_id = day.org_id AND p.last_day = day.last_day AND p.state = 'closed'
          LEFT JOIN (SELECT org_id, last_day, max(closing) AS closing
                       FROM ledger.period_closing GROUP BY org_id, last_day) c
            ON c.org_id = p.org_id AND c.last_day = p.last_day
          LEFT JOIN ledger.period_balance b
            ON b.org_id = c.org_id AND b.last_day = c.last_day AND b.closing = c.closing
           AND b.account = e.account
         WHERE (e.seq <= b.seq) IS NOT TRUE
         ORDER BY 1, 2, 4
        """,
    ),
    Rule(
        "sealed-balances",
        "Every sealed trial balance is what the transfers known at its closing come to.",
        "SELECT count(*) FROM ledger.period_balance",
        """
        SELECT b.org_id, b.last_day, b.closing, b.account, b.debits_minor AS debits,
               coalesce(e.debits, 0) AS debits_found, b.credits_minor AS credits,
               coalesce(e.credits, 0) AS credits_found, b.balance_minor AS balance,
               coalesce(before.balance_minor, 0)
                 + a.normal_side * coalesce(e.debits - e.credits, 0) AS balance_found
          FROM ledger.period_balance b
          JOIN ledger.period p ON p.org_id = b.org_id AND p.last_day = b.last_day
          JOIN ledger.period_closing c
            ON c.org_id = b.org_id AND c.last_day = b.last_day AND c.closing = b.closing
          JOIN ledger.account a ON a.org_id = b.org_id AND a.id = b.account
          LEFT JOIN (
            SELECT e.org_id, b.last_day, b.closing, e.account, sum(e.debit_minor) AS debits,
                   sum(e.credit_minor) AS credits
              FROM ledger.entry e
              JOIN (SELECT d.org_id, d.effective, min(p.last_day) AS last_day
                      FROM (SELECT DISTINCT org_id, effective FROM ledger.transfer) d
                      JOIN ledger.period p ON p.org_id = d.org_id AND p.last_day >= d.effective
                     GROUP BY d.org_id, d.effective) day
                ON day.org_id = e.org_id AND day.effective = e.effective
              JOIN ledger.period_balance b
                ON b.org_id = e.org_id AND b.last_day = day.last_day AND b.account = e.account
               AND b.seq >= e.seq
             GROUP BY e.org_id, b.last_day, b.closing, e.account) e
            ON e.org_id = b.org_id AND e.last_day = b.last_day AND e.closing = b.closing
           AND e.account = b.account
          -- The period before was closed then: by the last of its closings until that moment.
          LEFT JOIN LATERAL (
            SELECT q.balance_minor FROM ledger.period_closing o
              JOIN ledger.period_balance q
                ON q.org_id = o.org_id AND q.last_day = o.last_day AND q.closing = o.closing
             WHERE o.org_id = b.org_id AND o.last_day = p.follows AND o.closed_at < c.closed_at
               AND q.account = b.account
             ORDER BY o.closing DESC LIMIT 1) before ON true
         WHERE (b.debits_minor, b.credits_minor, b.balance_minor)
            <> (coalesce(e.debits, 0), coalesce(e.credits, 0),
                coalesce(before.balance_minor, 0) + a.normal_side * coalesce(e.debits - e.credits, 0))
         ORDER BY 1, 2, 3, 4
        """,
    ),
    Rule(
        "closings",
        "Every closing has its hash and its journal, every reopening two persons and its journal.",
        "SELECT count(*) FROM ledger.period_closing",
        """
        SELECT c.org_id, c.last_day, c.closing, c.what
          FROM (
          SELECT p.org_id, p.last_day, 0 AS closing, 'closing' AS what, NULL AS key
            FROM ledger.period p
           WHERE p.state = 'closed' AND NOT EXISTS (
             SELECT FROM ledger.period_closing c WHERE c.org_id = p.org_id AND c.last_day = p.last_day)
          UNION ALL
          SELECT b.org_id, b.last_day, b.closing, 'balances', NULL FROM ledger.period_balance b
           WHERE NOT EXISTS (
             SELECT FROM ledger.period_closing c
              WHERE c.org_id = b.org_id AND c.last_day = b.last_day AND c.closing = b.closing)
          UNION ALL
          SELECT c.org_id, c.last_day, c.closing, 'hash', NULL FROM ledger.period_closing c
           WHERE c.trial_balance_hash
              <> sha256(convert_to(ledger.sealed_text(c.org_id, c.last_day, c.closing), 'UTF8'))
          UNION ALL
          SELECT r.org_id, r.last_day, r.closing, 'two persons', NULL FROM ledger.period_reopening r
           WHERE r.approved_by = r.requested_by
          UNION ALL
          SELECT k.* FROM (
            SELECT org_id, last_day, closing, 'journal of closing',
                   to_char(last_day, 'YYYY-MM-DD') || ':' || closing || ':closed'
              FROM ledger.period_closing
            UNION ALL
            SELECT org_id, last_day, closing, 'journal of reopening',
                   to_char(last_day, 'YYYY-MM-DD') || ':' || closing || ':reopened'
              FROM ledger.period_reopening WHERE approved_by IS NOT NULL)
            AS k (org_id, last_day, closing, what, key)
           WHERE NOT EXISTS (
             SELECT FROM ledger.journal j
              WHERE j.org_id = k.org_id AND j.journal = ledger.journal_key('period', k.key)
                AND j.outcome = 1)) c
         ORDER BY 1, 2, 3
        """,
    ),
)

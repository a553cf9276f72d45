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
        WITH days AS MATERIALIZED (
          SELECT org_id, debit_account AS account, effective, max(debit_seq) AS reached
            FROM ledger.transfer GROUP BY org_id, debit_account, effective)
        SELECT d.org_id, d.account, d.effective, d.reached, b.seq AS known
          FROM days d
          -- The period of a day is the first that ends on it or later.
          JOIN (
            SELECT d.org_id, d.effective, min(p.last_day) AS last_day
              FROM (SELECT DISTINCT org_id, effective FROM days) d
              JOIN ledger.period p ON p.org_id = d.org_id AND p.last_day >= d.effective
             GROUP BY d.org_id, d.effective) day
            ON day.org_id = d.org_id AND day.effective = d.effective
          JOIN ledger.period p
            ON p.org_id = day.org_id AND p.last_day = day.last_day AND p.state = 'closed'
          LEFT JOIN (SELECT org_id, last_day, max(closing) AS closing
                       FROM ledger.period_closing GROUP BY org_id, last_day) c
            ON c.org_id = p.org_id AND c.last_day = p.last_day
          LEFT JOIN ledger.period_balance b
            ON b.org_id = c.org_id AND b.last_day = c.last_day AND b.closing = c.closing
           AND b.account = d.account
         WHERE (d.reached <= b.seq) IS NOT TRUE
         ORDER BY 1, 2, 3
        """,
    ),
    Rule(
        "sealed-balances",
        "Every sealed trial balance is what the transfers known at its closing come to.",
        "SELECT count(*) FROM ledger.period_balance",
        """
        WITH days AS MATERIALIZED (
          SELECT org_id, account, effective, max(seq) AS reached, sum(debit_minor) AS debits,
                 sum(credit_minor) AS credits
            FROM ledger.entry GROUP BY org_id, account, effective),
        sealed AS MATERIALIZED (
          SELECT b.*, d.effective, d.reached, d.debits, d.credits
            FROM ledger.period_balance b
            JOIN (
              SELECT d.org_id, d.effective, min(p.last_day) AS last_day
                FROM (SELECT DISTINCT org_id, effective FROM days) d
                JOIN ledger.period p ON p.org_id = d.org_id AND p.last_day >= d.effective
               GROUP BY d.org_id, d.effective) day
              ON day.org_id = b.org_id AND day.last_day = b.last_day
            JOIN days d ON d.org_id = day.org_id AND d.account = b.account AND d.effective = day.effective),
        pieces AS (
          SELECT org_id, last_day, closing, account, debits, credits FROM sealed WHERE reached <= seq
          UNION ALL
          -- Of a day to which something came after the closing, entry by entry what was known.
          SELECT s.org_id, s.last_day, s.closing, s.account, e.debit_minor, e.credit_minor
            FROM sealed s JOIN ledger.entry e
              ON e.org_id = s.org_id AND e.account = s.account AND e.effective = s.effective
           WHERE s.reached > s.seq AND e.seq <= s.seq),
        found AS (
          SELECT org_id, last_day, closing, account, sum(debits) AS debits, sum(credits) AS credits
            FROM pieces GROUP BY org_id, last_day, closing, account),
        -- The period before was closed then: by the last of its closings that knew no more entries.
        before AS (
          SELECT DISTINCT ON (b.org_id, b.last_day, b.closing, b.account)
                 b.org_id, b.last_day, b.closing, b.account, q.balance_minor
            FROM ledger.period_balance b
            JOIN ledger.period p ON p.org_id = b.org_id AND p.last_day = b.last_day
            JOIN ledger.period_balance q
              ON q.org_id = b.org_id AND q.last_day = p.follows AND q.account = b.account
             AND q.seq <= b.seq
           ORDER BY b.org_id, b.last_day, b.closing, b.account, q.closing DESC)
        SELECT b.org_id, b.last_day, b.closing, b.account, b.debits_minor AS debits,
               coalesce(f.debits, 0) AS debits_found, b.credits_minor AS credits,
               coalesce(f.credits, 0) AS credits_found, b.balance_minor AS balance,
               coalesce(o.balance_minor, 0)
                 + a.normal_side * coalesce(f.debits - f.credits, 0) AS balance_found
          FROM ledger.period_balance b
          JOIN ledger.account a ON a.org_id = b.org_id AND a.id = b.account
          LEFT JOIN found f ON f.org_id = b.org_id AND f.last_day = b.last_day AND f.closing = b.closing
                           AND f.account = b.account
          LEFT JOIN before o ON o.org_id = b.org_id AND o.last_day = b.last_day AND o.closing = b.closing
                            AND o.account = b.account
         WHERE (b.debits_minor, b.credits_minor, b.balance_minor)
            <> (coalesce(f.debits, 0), coalesce(f.credits, 0),
                coalesce(o.balance_minor, 0) + a.normal_side * coalesce(f.debits - f.credits, 0))
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

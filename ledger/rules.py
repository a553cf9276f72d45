"""The rules of the ledger: each a sentence, and the query that finds what breaks it."""

from ledger.currency_rules import RULES as CURRENCIES
from ledger.evidence.proof import RULES as EVIDENCE
from ledger.periods.proof import RULES as PERIODS
from ledger.rule import Rule

RULES = (
    Rule(
        "balances",
        "Every account's balance is the sum of its transfers.",
        "SELECT count(*) FROM ledger.account",
        """
        SELECT a.org_id, a.id AS account, a.number, a.name, a.posted AS stored,
               coalesce(l.net, 0) * a.normal_side AS recomputed, a.seq, coalesce(l.n, 0) AS transfers
          FROM ledger.account a
          LEFT JOIN (
            -- Each side for itself: workers share it, and half as many rows are looked up.
            SELECT org_id, account, sum(net) AS net, sum(n) AS n
              FROM (SELECT org_id, debit_account AS account, sum(amount_minor) AS net, count(*) AS n
                      FROM ledger.transfer GROUP BY org_id, debit_account
                    UNION ALL
                    SELECT org_id, credit_account, -sum(amount_minor), count(*)
                      FROM ledger.transfer GROUP BY org_id, credit_account) s
             GROUP BY org_id, account) l ON l.org_id = a.org_id AND l.account = a.id
         WHERE a.posted <> coalesce(l.net, 0) * a.normal_side OR a.seq <> coalesce(l.n, 0)
         ORDER BY a.org_id, a.id
        """,
    ),
    Rule(
        "running",
        "Every running balance, sequence and link follows from the transfer before it.",
        "SELECT 2 * count(*) FROM ledger.transfer",
        """
        SELECT r.org_id, r.account, r.transfer, r.seq, r.place, r.balance AS stored,
               r.balance_before + r.change * a.normal_side AS recomputed, r.previous, r.came_before
          FROM (
          SELECT l.*, row_number() OVER w AS place, lag(l.transfer, 1, 0::bigint) OVER w AS came_before,
                 lag(l.balance, 1, 0::bigint) OVER w AS balance_before
            FROM (SELECT debit_account AS account, org_id, debit_seq AS seq, id AS transfer,
                         amount_minor AS change, debit_balance AS balance, debit_previous AS previous
                    FROM ledger.transfer
                  UNION ALL
                  SELECT credit_account, org_id, credit_seq, id, -amount_minor, credit_balance,
                         credit_previous FROM ledger.transfer) l
          -- Accounts first, as they tell most rows apart: sorting is most of the work.
          WINDOW w AS (PARTITION BY l.account, l.org_id ORDER BY l.seq ROWS UNBOUNDED PRECEDING)) r
          LEFT JOIN ledger.account a ON a.org_id = r.org_id AND a.id = r.account
         WHERE (r.seq = r.place AND r.previous = r.came_before
                AND r.balance = r.balance_before + r.change * a.normal_side
                AND (r.seq = a.seq) = (r.transfer = a.last_transfer)) IS NOT TRUE
         ORDER BY r.org_id, r.account, r.seq
        """,
    ),
    Rule(
        "landmarks",
        "Every sixty-fourth transfer of an account is a landmark, and nothing else is.",
        "SELECT count(*) FROM ledger.landmark",
        """
        SELECT coalesce(e.org_id, m.org_id) AS org_id, coalesce(e.account, m.account) AS account,
               coalesce(e.seq, m.seq) AS seq, e.transfer, m.transfer AS landmark
          FROM (SELECT org_id, account, seq, transfer FROM ledger.entry WHERE seq % 64 = 0) e
          FULL JOIN ledger.landmark m
            ON m.org_id = e.org_id AND m.account = e.account AND m.seq = e.seq
         WHERE e.transfer IS DISTINCT FROM m.transfer
         ORDER BY 1, 2, 3
        """,
    ),
    Rule(
        "trial-balance",
        "In every book and currency debit balances equal credit balances.",
        "SELECT count(*) FROM (SELECT DISTINCT org_id, currency FROM ledger.account) b",
        """
        SELECT org_id, currency, sum(posted::numeric * normal_side) AS debits_less_credits
          FROM ledger.account GROUP BY org_id, currency
        HAVING sum(posted::numeric * normal_side) <> 0 ORDER BY org_id, currency
        """,
        quick=True,
    ),
    Rule(
        "journals",
        "Every posted journal has all its transfers, a refused one has none.",
        "SELECT count(*) FROM ledger.journal",
        """
        SELECT coalesce(j.org_id, t.org_id) AS org_id, coalesce(j.journal, t.journal) AS journal,
               coalesce(j.id, t.id) AS transfer, j.outcome, j.transfers AS promised,
               t.journal AS found_in
          FROM (-- Every transfer that a journal promises; one that names its first has one at least.
                SELECT org_id, journal, outcome, transfers, coalesce(first_id, 0) + generate_series(
                         0, greatest(transfers, (first_id IS NOT NULL)::integer) - 1) AS id
                  FROM ledger.journal) j
          FULL JOIN ledger.transfer t ON t.org_id = j.org_id AND t.id = j.id
         WHERE j.journal IS DISTINCT FROM t.journal OR j.outcome <> 1
         ORDER BY 1, 2, 3
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
        "kinds",
        "Every account has a side and a state, every transfer a kind and an amount within bounds.",
        "SELECT count(*) FROM ledger.transfer",
        """
        SELECT t.org_id, t.id AS transfer, t.kind, t.amount_minor AS amount FROM ledger.transfer t
          LEFT JOIN ledger.journal_kind k ON k.kind = t.kind
         WHERE k.kind IS NULL OR t.amount_minor NOT BETWEEN 1 AND 1000000000000000
            OR t.debit_account = t.credit_account
            OR t.debit_balance NOT BETWEEN -4100000000000000000 AND 4100000000000000000
            OR t.credit_balance NOT BETWEEN -4100000000000000000 AND 4100000000000000000
        UNION ALL
        SELECT org_id, id, state, normal_side FROM ledger.account
         WHERE state NOT IN (1, 2, 3, 4) OR normal_side NOT IN (1, -1)
            OR (seq = 0) <> (last_transfer = 0)
         ORDER BY 1, 2
        """,
    ),
    Rule(
        "holds",
        "What is held on an account is what its open holds have left.",
        "SELECT count(*) FROM ledger.hold",
        """
        SELECT a.org_id, a.id AS account, a.held_out, a.held_in,
               coalesce(h.going_out, 0) AS recomputed_out, coalesce(h.coming_in, 0) AS recomputed_in
          FROM ledger.account a
          LEFT JOIN (
            SELECT s.org_id, s.account, sum(s.rest) FILTER (WHERE s.side <> b.normal_side) AS going_out,
                   sum(s.rest) FILTER (WHERE s.side = b.normal_side) AS coming_in
              FROM (SELECT org_id, debit_account AS account, 1 AS side,
                           amount_minor - captured_minor - released_minor AS rest
                      FROM ledger.hold WHERE NOT debit_free
                    UNION ALL
                    SELECT org_id, credit_account, -1, amount_minor - captured_minor - released_minor
                      FROM ledger.hold WHERE NOT credit_free) s
              JOIN ledger.account b ON b.org_id = s.org_id AND b.id = s.account
             GROUP BY s.org_id, s.account) h ON h.org_id = a.org_id AND h.account = a.id
         WHERE (a.held_out, a.held_in) <> (coalesce(h.going_out, 0), coalesce(h.coming_in, 0))
         ORDER BY a.org_id, a.id
        """,
    ),
    Rule(
        "captures",
        "Every hold was placed once, and its captures and releases are those that were posted.",
        "SELECT count(*) FROM ledger.hold",
        """
        SELECT coalesce(h.org_id, l.org_id, t.org_id) AS org_id, coalesce(h.hold, l.hold, t.hold) AS hold,
               h.amount_minor AS amount, l.placed, h.captured_minor AS captured, t.captured AS posted,
               h.released_minor AS released, l.released AS written
          FROM ledger.hold h
          FULL JOIN (SELECT org_id, hold, sum(amount_minor) FILTER (WHERE what = 1) AS placed,
                            coalesce(sum(amount_minor) FILTER (WHERE what = 2), 0) AS released,
                            count(*) FILTER (WHERE what = 1) AS times
                       FROM ledger.hold_line GROUP BY org_id, hold) l
            ON l.org_id = h.org_id AND l.hold = h.hold
          FULL JOIN (SELECT org_id, hold, sum(amount_minor) AS captured,
                            bool_and(amount_minor IS NOT NULL AND transfer IS NOT NULL) AS found
                       FROM (SELECT org_id, hold, id, amount_minor FROM ledger.transfer
                              WHERE hold IS NOT NULL) x
                       FULL JOIN (SELECT org_id, hold, transfer, transfer AS id FROM ledger.capture) c
                       USING (org_id, hold, id)
                      GROUP BY org_id, hold) t
            ON t.org_id = h.org_id AND t.hold = h.hold
          LEFT JOIN ledger.hold_line p ON p.org_id = h.org_id AND p.hold = h.hold AND p.what = 1
          LEFT JOIN ledger.account a ON a.org_id = h.org_id AND a.id = h.debit_account
         WHERE (h.amount_minor = l.placed AND h.released_minor = l.released AND l.times = 1
                AND h.captured_minor = coalesce(t.captured, 0) AND t.found IS NOT FALSE
                AND (h.debit_account, h.credit_account, h.currency)
                    = (p.debit_account, p.credit_account, a.currency)
                AND h.expires_at IS NOT DISTINCT FROM p.expires_at
                AND CASE h.state WHEN 1 THEN NOT (h.debit_free OR h.credit_free)
                                 WHEN 2 THEN h.debit_free AND h.credit_free
                                 ELSE h.expires_at <= clock_timestamp() END) IS NOT TRUE
         ORDER BY 1, 2
        """,
    ),
    Rule(
        "limits",
        "Every account has the limits in force, and is looked at when the next thing of it is due.",
        "SELECT count(*) FROM ledger.account",
        """
        SELECT a.org_id, a.id AS account, a.min_available, a.max_balance, l.min_available AS least,
               l.max_balance AS most, a.due_at, w.first AS due
          FROM ledger.account a
          LEFT JOIN (SELECT DISTINCT ON (org_id, account) * FROM ledger.account_limit
                      WHERE starts_at <= clock_timestamp()
                      ORDER BY org_id, account, starts_at DESC, id DESC) l
            ON l.org_id = a.org_id AND l.account = a.id
          LEFT JOIN (
            SELECT org_id, account, min(at) AS first
              FROM (SELECT org_id, debit_account AS account, expires_at AS at
                      FROM ledger.hold WHERE NOT debit_free
                    UNION ALL
                    SELECT org_id, credit_account, expires_at FROM ledger.hold WHERE NOT credit_free
                    UNION ALL
                    SELECT org_id, account, starts_at FROM ledger.account_limit
                     WHERE starts_at > clock_timestamp()) d
             GROUP BY org_id, account) w ON w.org_id = a.org_id AND w.account = a.id
         -- What is due already may not have happened yet: that is for the next posting.
         WHERE (w.first IS NOT NULL AND (a.due_at > w.first) IS NOT FALSE)
            OR (l.id IS NOT NULL AND (a.due_at <= clock_timestamp()) IS NOT TRUE
                AND (a.min_available, a.max_balance) IS DISTINCT FROM (l.min_available, l.max_balance))
         ORDER BY a.org_id, a.id
        """,
    ),
    Rule(
        "reversals",
        "What was taken back of a transfer is the sum of its reversals, never more than it was.",
        "SELECT count(*) FROM ledger.reversal",
        """
        SELECT coalesce(r.org_id, t.org_id) AS org_id, coalesce(r.transfer, t.reverses) AS transfer,
               o.amount_minor AS amount, r.reversed_minor AS stored, t.reversed AS recomputed
          FROM ledger.reversal r
          FULL JOIN (SELECT org_id, reverses, sum(amount_minor) AS reversed, min(debit_account) AS debit,
                            max(debit_account) AS debits, min(credit_account) AS credit,
                            max(credit_account) AS credits
                       FROM ledger.transfer WHERE reverses IS NOT NULL GROUP BY org_id, reverses) t
            ON t.org_id = r.org_id AND t.reverses = r.transfer
          LEFT JOIN ledger.transfer o
            ON o.org_id = coalesce(r.org_id, t.org_id) AND o.id = coalesce(r.transfer, t.reverses)
         WHERE (r.reversed_minor = t.reversed AND t.reversed <= o.amount_minor
                AND r.amount_minor = o.amount_minor AND o.reverses IS NULL
                AND (t.debit, t.debits) = (o.credit_account, o.credit_account)
                AND (t.credit, t.credits) = (o.debit_account, o.debit_account)) IS NOT TRUE
         ORDER BY 1, 2
        """,
    ),
    Rule(
        "batches",
        "Every call of the writer counts its journals without a gap, and is sealed or waits to be.",
        "SELECT count(*) FROM (SELECT DISTINCT org_id, batch FROM ledger.journal) b",
        """
        SELECT org_id, batch, q.journals AS waiting, s.journals AS sealed, coalesce(j.n, 0) AS found
          FROM (SELECT org_id, batch, count(*) AS n, count(DISTINCT place) AS places,
                       max(place) + 1 AS reached FROM ledger.journal GROUP BY org_id, batch) j
          FULL JOIN (SELECT u.org_id, u.batch,
                            CASE WHEN count(j.journal) = count(*) THEN count(*) ELSE 0 END AS journals
                       FROM ledger.unsealed u
                       LEFT JOIN unnest(u.journals) WITH ORDINALITY AS k (journal, n) ON true
                       LEFT JOIN ledger.journal j
                         ON j.org_id = u.org_id AND j.journal = k.journal AND j.batch = u.batch
                            AND j.place = k.n - 1
                      GROUP BY u.org_id, u.batch) q USING (org_id, batch)
          FULL JOIN ledger.sealed_batch s USING (org_id, batch)
         WHERE (num_nonnulls(q.journals, s.journals) = 1 AND coalesce(q.journals, s.journals) = j.n
                AND j.places = j.n AND j.reached = j.n) IS NOT TRUE
         ORDER BY 1, 2
        """,
    ),
    Rule(
        "due-to-due-from",
        "For every two books, what one owes the other is what the other expects of it.",
        "SELECT count(*) FROM ledger.account WHERE number IN ('1330', '2220')",
        """
        SELECT coalesce(f.org_id, t.org_id) AS org_id, coalesce(f.creditor, t.creditor) AS creditor,
               coalesce(f.debtor, t.debtor) AS debtor, coalesce(f.currency, t.currency) AS currency,
               coalesce(f.posted, 0) AS expected, coalesce(t.posted, 0) AS owed
          FROM (SELECT org_id, org_id::text AS creditor, name AS debtor, currency, posted
                  FROM ledger.account WHERE number = '1330') f
          FULL JOIN (SELECT org_id, name AS creditor, org_id::text AS debtor, currency, posted
                       FROM ledger.account WHERE number = '2220') t
            ON t.creditor = f.creditor AND t.debtor = f.debtor AND t.currency = f.currency
         WHERE coalesce(f.posted, 0) <> coalesce(t.posted, 0)
         ORDER BY 1, 2, 3, 4
        """,
        shuts=False,
        quick=True,
    ),
    *CURRENCIES,
    *PERIODS,
    *EVIDENCE,
)

"""The proofs of payments: charges, bills, receipts, providers, agencies and banks against the ledger.

None of them shuts a book: the book agrees with itself, and what mends such a difference is a posting.
"""

from ledger.currencies import CURRENCIES
from ledger.rule import Rule

# Payments name a currency by its code, the ledger by its number: ISO 4217 as a table for both.
_ISO = "(VALUES {}) AS iso (code, number)".format(
    ", ".join(f"('{code}', {number})" for code, (number, _) in CURRENCIES.items())
)

RULES = (
    Rule(
        "charges",
        "Every settled charge has its journal of the confirmed amount, every reversed one both.",
        "SELECT count(*) FROM payments.charge",
        """
        SELECT c.org_id, c.id AS charge, c.state, x.step, x.expected, p.amount AS posted
          FROM payments.charge c
         CROSS JOIN LATERAL (
           VALUES ('settled', c.confirmed_minor),
                  ('reversed', CASE WHEN c.state = 'reversed' THEN c.confirmed_minor END)
           ) AS x (step, expected)
          LEFT JOIN (SELECT org_id, journal, sum(amount_minor) AS amount
                       FROM ledger.transfer GROUP BY org_id, journal) p
            ON p.org_id = c.org_id
           AND p.journal = ledger.journal_key('charge', c.id || ':' || x.step)
         WHERE p.amount IS DISTINCT FROM x.expected
         ORDER BY c.org_id, c.id
        """,
        shuts=False,
    ),
    Rule(
        "journals-of-charges",
        "Every journal of a charge belongs to a charge that was settled.",
        "SELECT count(*) FROM ledger.journal_doc WHERE doc ->> 'source' = 'charge'",
        """
        SELECT d.org_id, d.journal, d.doc ->> 'key' AS key
          FROM ledger.journal_doc d
          LEFT JOIN payments.charge c ON c.org_id = d.org_id AND c.state IN ('settled', 'reversed')
           AND c.id::text = split_part(d.doc ->> 'key', ':', 1)
         WHERE d.doc ->> 'source' = 'charge'
           AND (d.doc ->> 'key' IN (c.id || ':settled', c.id || ':reversed')) IS NOT TRUE
         ORDER BY d.org_id, d.journal
        """,
        shuts=False,
    ),
    Rule(
        "bills",
        "A bill is paid exactly when one settled charge of its amount was applied to it.",
        "SELECT count(*) FROM payments.bill",
        """
        SELECT b.org_id, b.reference, b.state, count(c.id) AS charges, sum(c.confirmed_minor) AS paid
          FROM payments.bill b
          LEFT JOIN payments.charge c ON c.org_id = b.org_id AND c.bill_id = b.id
           AND c.state = 'settled' AND c.applied = 'bill'
         GROUP BY b.org_id, b.id
        HAVING count(c.id) <> (b.state = 'paid')::int
            OR (b.state = 'paid' AND sum(c.confirmed_minor) <> b.amount_minor)
         ORDER BY b.org_id, b.reference
        """,
        shuts=False,
    ),
    Rule(
        "receipts",
        "Every charge whose money arrived has one receipt of that amount, numbered without gaps.",
        "SELECT count(*) FROM payments.receipt",
        """
        SELECT coalesce(c.org_id, r.org_id) AS org_id, c.id AS charge, c.confirmed_minor AS confirmed,
               r.number, r.amount_minor
          FROM payments.charge c
          FULL JOIN payments.receipt r ON r.org_id = c.org_id AND r.charge_id = c.id
         WHERE (c.settled_at IS NOT NULL) <> (r.number IS NOT NULL)
            OR r.amount_minor <> c.confirmed_minor
        UNION ALL
        SELECT n.org_id, NULL, n.last, 'year ' || n.year, count(r.number)
          FROM payments.counter n
          LEFT JOIN payments.receipt r
            ON r.org_id = n.org_id AND split_part(r.number, '-', 2) = n.year::text
         WHERE n.series = 'receipt' GROUP BY n.org_id, n.year, n.last
        HAVING count(r.number) <> n.last OR max(split_part(r.number, '-', 3)::bigint) <> n.last
         ORDER BY 1, 2
        """,
        shuts=False,
    ),
    Rule(
        "provider-clearing",
        "What a provider owes us is its settled charges, less what it gave back and has paid out.",
        "SELECT count(*) FROM ledger.account WHERE number = '1210'",
        """
        SELECT coalesce(l.org_id, p.org_id) AS org_id, coalesce(l.name, p.provider) AS provider,
               coalesce(l.currency, p.currency) AS currency,
               coalesce(l.posted, 0) AS ledger, coalesce(p.owed, 0) AS owed
          FROM (SELECT a.org_id, a.name, iso.code AS currency, sum(a.posted) AS posted
                  FROM ledger.account a JOIN $ISO ON iso.number = a.currency
                 WHERE a.number = '1210' GROUP BY a.org_id, a.name, iso.code) l
          FULL JOIN (
            SELECT org_id, provider, currency, sum(minor) AS owed FROM (
              SELECT org_id, provider, confirmed_currency AS currency, confirmed_minor AS minor
                FROM payments.charge WHERE state = 'settled' AND provider <> 'bank'
              UNION ALL
              SELECT i.agency_org_id, i.provider, o.currency, -i.gross_minor
                FROM payments.payout_item i
                JOIN payments.payout o ON o.org_id = i.org_id AND o.provider = i.provider
                 AND o.id = i.payout_id AND o.state = 'settled') moves
             GROUP BY org_id, provider, currency) p
            ON p.org_id = l.org_id AND p.provider = l.name AND p.currency = l.currency
         WHERE coalesce(l.posted, 0) <> coalesce(p.owed, 0)
         ORDER BY 1, 2, 3
        """.replace("$ISO", _ISO),
        shuts=False,
        quick=True,
    ),
    Rule(
        "bank",
        "Each bank account's ledger balance is its statements' movement, less the lines not posted.",
        "SELECT count(*) FROM payments.bank_account",
        """
        SELECT b.org_id, b.account, b.currency, coalesce(l.posted, 0) AS ledger,
               coalesce(s.moved, 0) AS statements, coalesce(n.minor, 0) AS not_posted
          FROM payments.bank_account b
          LEFT JOIN (SELECT a.org_id, a.name, iso.code AS currency, sum(a.posted) AS posted
                       FROM ledger.account a JOIN $ISO ON iso.number = a.currency
                      WHERE a.number = '1110' GROUP BY a.org_id, a.name, iso.code) l
            ON l.org_id = b.org_id AND l.name = b.account AND l.currency = b.currency
          LEFT JOIN (SELECT org_id, account, currency, sum(closing_minor - opening_minor) AS moved
                       FROM payments.statement WHERE verdict = 'accepted'
                      GROUP BY org_id, account, currency) s
            ON s.org_id = b.org_id AND s.account = b.account AND s.currency = b.currency
          LEFT JOIN (SELECT org_id, account, currency, sum(amount_minor) AS minor
                       FROM payments.statement_line WHERE state IN ('unmatched', 'break')
                      GROUP BY org_id, account, currency) n
            ON n.org_id = b.org_id AND n.account = b.account AND n.currency = b.currency
         WHERE coalesce(l.posted, 0) <> coalesce(s.moved, 0) - coalesce(n.minor, 0)
         ORDER BY 1, 2, 3
        """.replace("$ISO", _ISO),
        shuts=False,
        quick=True,
    ),
)

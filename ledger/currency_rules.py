"""The rules of currencies: exchanges and revaluations follow from their rates, to the minor unit."""

from ledger.currencies import CURRENCIES
from ledger.rule import Rule

# Each rate as a fraction between minor units; ISO 4217 as a table, whose exponents the database lacks.
_RATES = """WITH iso (code, number, exponent) AS (VALUES $ISO),
        rates AS (
          SELECT r.id, r.base, r.quote, r.official, r.rate * 10::numeric ^ q.exponent AS num,
                 r.units * 10::numeric ^ b.exponent AS den
            FROM ledger.exchange_rate r
            JOIN iso b ON b.number = r.base JOIN iso q ON q.number = r.quote)""".replace(
    "$ISO",
    ", ".join(f"('{code}', {number}, {places})" for code, (number, places) in CURRENCIES.items()),
)

RULES = (
    Rule(
        "exchanges",
        "Every exchange has its rate, and its lines are what this rate and the official ones make of it.",
        "SELECT count(*) FROM ledger.exchange",
        """
        $RATES,
        moved AS (
          SELECT t.org_id, t.journal, s.number, s.name, s.currency::integer, sum(s.net) AS net
            FROM ledger.transfer t
            JOIN ledger.account d ON d.org_id = t.org_id AND d.id = t.debit_account
            JOIN ledger.account c ON c.org_id = t.org_id AND c.id = t.credit_account
           CROSS JOIN LATERAL (VALUES (d.number, d.name, d.currency, t.amount_minor),
                                      (c.number, c.name, c.currency, -t.amount_minor))
                 AS s (number, name, currency, net)
           WHERE t.kind = 12 GROUP BY 1, 2, 3, 4, 5),
        expected AS (
          SELECT x.org_id, x.journal, w.number, w.name, w.currency, w.net
            FROM ledger.exchange x
            JOIN iso s ON s.number = x.sold_currency JOIN iso b ON b.number = x.bought_currency
            LEFT JOIN rates g ON g.id = x.sold_official LEFT JOIN rates k ON k.id = x.bought_official
           CROSS JOIN LATERAL (
             SELECT coalesce(ledger.half_up(x.sold_minor * g.num, g.den), x.sold_minor) AS given,
                    coalesce(ledger.half_up(x.bought_minor * k.num, k.den), x.bought_minor) AS taken) v
           CROSS JOIN LATERAL (VALUES
             ('2910', '', s.number, CASE WHEN g.id IS NOT NULL THEN x.sold_minor END),
             ('2910', '', b.number, CASE WHEN k.id IS NOT NULL THEN -x.bought_minor END),
             ('1920', s.code, 860, CASE WHEN g.id IS NOT NULL THEN -v.given END),
             ('1920', b.code, 860, CASE WHEN k.id IS NOT NULL THEN v.taken END),
             ('4910', 'realised', 860, least(v.given - v.taken, 0)),
             ('5910', 'realised', 860, greatest(v.given - v.taken, 0))) AS w (number, name, currency, net)
           WHERE w.net <> 0)
        SELECT org_id, journal, number, name, currency, m.net AS moved, e.net AS expected
          FROM (SELECT * FROM moved WHERE number IN ('1920', '2910', '4910', '5910') AND net <> 0) m
          FULL JOIN expected e USING (org_id, journal, number, name, currency)
         WHERE m.net IS DISTINCT FROM e.net
        UNION ALL
        SELECT m.org_id, m.journal, 'not kept', '', 0, NULL, NULL FROM moved m
         WHERE NOT EXISTS (SELECT FROM ledger.exchange x
                            WHERE x.org_id = m.org_id AND x.journal = m.journal)
        UNION ALL
        SELECT x.org_id, x.journal, 'rate', '', x.sold_currency, x.sold_minor, x.bought_minor
          FROM ledger.exchange x LEFT JOIN rates r ON r.id = x.rate
          LEFT JOIN rates g ON g.id = x.sold_official LEFT JOIN rates k ON k.id = x.bought_official
         WHERE ((r.base = x.sold_currency AND r.quote = x.bought_currency
                 AND x.bought_minor = ledger.half_up(x.sold_minor * r.num, r.den)
                 OR r.base = x.bought_currency AND r.quote = x.sold_currency
                 AND x.sold_minor = ledger.half_up(x.bought_minor * r.num, r.den))
            AND CASE WHEN x.sold_currency = 860 THEN x.sold_official IS NULL
                     ELSE g.official AND (g.base, g.quote) = (x.sold_currency, 860) END
            AND CASE WHEN x.bought_currency = 860 THEN x.bought_official IS NULL
                     ELSE k.official AND (k.base, k.quote) = (x.bought_currency, 860) END) IS NOT TRUE
         ORDER BY 1, 2
        """.replace("$RATES", _RATES),
    ),
    Rule(
        "revaluations",
        "At each revaluation the counter value became the position of that moment times its rate.",
        "SELECT count(*) FROM ledger.revaluation",
        """
        $RATES,
        positions AS (
          SELECT e.org_id, e.currency, e.seq, e.transfer, e.balance FROM ledger.entry e
            JOIN ledger.account a ON a.org_id = e.org_id AND a.id = e.account AND a.number = '2910')
        SELECT coalesce(v.org_id, t.org_id) AS org_id, coalesce(v.journal, t.journal) AS journal,
               v.currency, v.position_minor AS position, v.value_minor AS value,
               ledger.half_up(v.position_minor * r.num, r.den) AS recomputed
          FROM ledger.revaluation v
          FULL JOIN (SELECT t.org_id, t.journal, t.id, a.name,
                            CASE a.id WHEN t.debit_account THEN t.debit_balance ELSE t.credit_balance END
                            AS balance
                       FROM ledger.transfer t
                       LEFT JOIN ledger.account a ON a.org_id = t.org_id AND a.number = '1920'
                        AND a.id IN (t.debit_account, t.credit_account)
                      WHERE t.kind = 13) t ON t.org_id = v.org_id AND t.journal = v.journal
          LEFT JOIN rates r ON r.id = v.rate AND r.official AND r.base = v.currency AND r.quote = 860
          LEFT JOIN iso i ON i.number = v.currency
          LEFT JOIN positions p
            ON p.org_id = v.org_id AND p.currency = v.currency AND p.seq = v.position_seq
          LEFT JOIN positions n
            ON n.org_id = v.org_id AND n.currency = v.currency AND n.seq = v.position_seq + 1
         WHERE (v.value_minor = ledger.half_up(v.position_minor * r.num, r.den)
                AND t.balance = v.value_minor AND t.name = i.code
                -- the position of that moment: its last transfer came before, its next one after
                AND coalesce(p.balance, 0) = v.position_minor AND coalesce(p.transfer, 0) < t.id
                AND coalesce(n.transfer > t.id, true)) IS NOT TRUE
         ORDER BY 1, 2
        """.replace("$RATES", _RATES),
    ),
)

-- Exchange rates with their source, and the journals that exchange or revalue by them. As in the rest of
-- the ledger, the service calls these functions and writes no row of its own.

-- Lock accounts as the writer would, by id, and show them: for who decides by their balances what to
-- post in the same transaction.
CREATE FUNCTION ledger.lock_accounts(book integer, wanted bigint[])
RETURNS SETOF ledger.account LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  SELECT a.* FROM account a
   WHERE a.org_id = book AND a.id = ANY (wanted) ORDER BY a.id FOR NO KEY UPDATE
$$;

-- Keep a rate; false when another one stands under its id, for its day and source, or as the official
-- one of that day.
CREATE FUNCTION ledger.keep_rate(
  its_id uuid, its_base smallint, its_quote smallint, its_day date, its_units integer, its_rate numeric,
  is_official boolean, its_source text, by_whom text
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
  INSERT INTO ledger.exchange_rate (id, base, quote, day, units, rate, official, source, by)
  VALUES (its_id, its_base, its_quote, its_day, its_units, its_rate, is_official, its_source, by_whom)
  ON CONFLICT DO NOTHING;
  RETURN EXISTS (
    SELECT FROM ledger.exchange_rate r
     WHERE r.id = its_id AND (r.base, r.quote, r.day, r.units, r.rate, r.official, r.source)
         = (its_base, its_quote, its_day, its_units, its_rate, is_official, its_source));
END $$;

-- Write beside a posted journal what it exchanged, and by which rates.
CREATE FUNCTION ledger.keep_exchange(
  book integer, its_journal uuid, its_rate uuid, from_currency smallint, from_minor bigint,
  from_official uuid, into_currency smallint, into_minor bigint, into_official uuid
) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  INSERT INTO exchange (org_id, journal, rate, sold_currency, sold_minor, sold_official,
                        bought_currency, bought_minor, bought_official)
  SELECT j.org_id, j.journal, its_rate, from_currency, from_minor, from_official, into_currency, into_minor,
         into_official
    FROM journal j JOIN transfer t ON t.org_id = j.org_id AND t.id = j.first_id AND t.kind = 12
   WHERE j.org_id = book AND j.journal = its_journal
  ON CONFLICT DO NOTHING
$$;

-- Write beside a posted journal which position it revalued, as it stood then, and by which rate.
CREATE FUNCTION ledger.keep_revaluation(
  book integer, its_journal uuid, its_rate uuid, its_currency smallint, its_position bigint,
  its_seq bigint, its_value bigint
) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  INSERT INTO revaluation (org_id, journal, rate, currency, position_minor, position_seq, value_minor)
  SELECT j.org_id, j.journal, its_rate, its_currency, its_position, its_seq, its_value
    FROM journal j JOIN transfer t ON t.org_id = j.org_id AND t.id = j.first_id AND t.kind = 13
   WHERE j.org_id = book AND j.journal = its_journal
  ON CONFLICT DO NOTHING
$$;

-- A fraction rounded to a whole number, a half away from zero; ledger/rounding.py does the same.
CREATE FUNCTION ledger.half_up(above numeric, below numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN sign(above) * div(2 * abs(above) + below, 2 * below);

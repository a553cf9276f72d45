"""The floors: what a careful hand writes in PostgreSQL without any check, one by one (F) and set-based (A).

Five rows a transfer: itself, two entries, two balances. Whatever a ledger promises beyond that costs
something; the ratios of `mizon bench ledger` say how much.
"""

from collections.abc import Sequence
from typing import Any

import psycopg

from ledger.arrays import BIGINT, numbers

TABLES = """
CREATE SCHEMA floor;
CREATE TABLE floor.account (
  id bigint PRIMARY KEY,
  balance bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE floor.transfer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  debit bigint NOT NULL,
  credit bigint NOT NULL,
  amount bigint NOT NULL,
  posted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE floor.entry (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  transfer bigint NOT NULL,
  account bigint NOT NULL,
  amount bigint NOT NULL
);
"""

# F. Balances last, so that their locks are short; in id order, so that two callers never deadlock.
ONE = """
CREATE FUNCTION floor.post(debit bigint, credit bigint, amount bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  made bigint;
BEGIN
  INSERT INTO floor.transfer (debit, credit, amount) VALUES (debit, credit, amount)
  RETURNING id INTO made;
  INSERT INTO floor.entry (transfer, account, amount)
  VALUES (made, debit, amount), (made, credit, -amount);
  UPDATE floor.account a SET balance = a.balance + CASE WHEN debit < credit THEN amount ELSE -amount END
   WHERE a.id = least(debit, credit);
  UPDATE floor.account a SET balance = a.balance + CASE WHEN debit < credit THEN -amount ELSE amount END
   WHERE a.id = greatest(debit, credit);
  RETURN made;
END $$;
"""

# A. One statement for the whole batch.
MANY = """
CREATE FUNCTION floor.post_many(debits bigint[], credits bigint[], amounts bigint[]) RETURNS bigint
LANGUAGE sql AS $$
  WITH made AS (
    INSERT INTO floor.transfer (debit, credit, amount)
    SELECT * FROM unnest(debits, credits, amounts)
    RETURNING id, debit, credit, amount),
  legs AS (
    SELECT id, debit AS account, amount FROM made
    UNION ALL
    SELECT id, credit, -amount FROM made),
  written AS (
    INSERT INTO floor.entry (transfer, account, amount) SELECT id, account, amount FROM legs),
  moved AS (
    UPDATE floor.account a SET balance = a.balance + s.amount
      FROM (SELECT account, sum(amount)::bigint AS amount FROM legs GROUP BY account) s
     WHERE a.id = s.account)
  SELECT count(*) FROM made
$$;
"""

RIGHTS = """
GRANT USAGE ON SCHEMA floor TO mizon_app;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA floor TO mizon_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA floor TO mizon_app;
"""

# For the callers of service/bench/callers.py, who set :debit and :credit.
CALL = "SELECT floor.post(:debit, :credit, 100)"
CALL_MANY = "SELECT floor.post_many(%s, %s, %s)"


def create(owner: "psycopg.Connection[Any]", accounts: int) -> None:
    """Create the schema `floor` with accounts 1 to `accounts`."""
    for statement in (TABLES, ONE, MANY, RIGHTS):
        owner.execute(statement.encode())
    owner.execute("INSERT INTO floor.account (id) SELECT generate_series(1, %s)", [accounts])


def call_many(
    connection: "psycopg.Connection[Any]", debits: Sequence[int], credits: Sequence[int]
) -> None:
    """Post one batch of transfers of 100."""
    connection.execute(
        CALL_MANY, [numbers(BIGINT, side) for side in (debits, credits, [100] * len(debits))]
    )

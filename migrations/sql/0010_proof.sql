-- Keep what a proof found, and shut and open books by it. A proof is kept whole or not at all: one
-- call, after the snapshot that was proved has ended.

-- `checks` are as ledger/books.py, Check.as_json writes them; `books` are {org_id, transfers, broken}.
CREATE FUNCTION ledger.keep_proof(
  keeper integer, its_id uuid, by_whom text, started timestamptz, its_lsn text, shut_by_it integer[],
  checks json, books json
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
  INSERT INTO proof (org_id, id, by, started_at, ended_at, lsn, rules, broken, examined, shut)
  SELECT keeper, its_id, by_whom, started, clock_timestamp(), its_lsn, count(*),
         count(c.difference), coalesce(sum(c.examined), 0), shut_by_it
    FROM json_to_recordset(checks) AS c (examined bigint, difference json);
  INSERT INTO proof_check (org_id, proof, place, name, examined, milliseconds, books, difference)
  SELECT keeper, its_id, c.place, c.name, c.examined, c.milliseconds, c.books, c.difference
    FROM ROWS FROM (json_to_recordset(checks) AS (name text, examined bigint, milliseconds integer,
                                                  books integer[], difference json))
         WITH ORDINALITY AS c (name, examined, milliseconds, books, difference, place);
  INSERT INTO proof_book (org_id, proof, proved_at, transfers, broken)
  SELECT b.org_id, its_id, started, b.transfers, b.broken
    FROM json_to_recordset(books) AS b (org_id integer, transfers bigint, broken text[]);
END $$;

-- Shut a book to postings, when those under way have ended; false when it is shut already.
CREATE FUNCTION ledger.shut_book(book integer, its_id uuid, why text, by_whom text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM ledger.shutting s WHERE s.org_id = book AND s.approved_by IS NULL) THEN
    RETURN false;
  END IF;
  PERFORM ledger.set_book_state(book, 2::smallint);
  INSERT INTO ledger.shutting (org_id, id, shut_at, shut_by, why)
  SELECT b.org_id, its_id, clock_timestamp(), by_whom, shut_book.why
    FROM ledger.book b WHERE b.org_id = book AND b.state = 2
  ON CONFLICT DO NOTHING;
  RETURN FOUND;
END $$;

-- Ask to open a book that is shut: 'not_shut', 'asked_already', or NULL when that was written down.
CREATE FUNCTION ledger.ask_to_open(book integer, by_whom text, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
  UPDATE ledger.shutting s
     SET requested_at = clock_timestamp(), requested_by = by_whom, reason = ask_to_open.why
   WHERE s.org_id = book AND s.approved_by IS NULL AND s.requested_by IS NULL;
  IF FOUND THEN
    RETURN NULL;
  END IF;
  RETURN CASE WHEN EXISTS (SELECT FROM ledger.shutting s WHERE s.org_id = book AND s.approved_by IS NULL)
              THEN 'asked_already' ELSE 'not_shut' END;
END $$;

-- Open a book as somebody else has asked: 'not_shut', 'not_asked', 'same_person', 'not_proved', or NULL
-- when it is open. Its last proof must be later than its shutting, and speak for it.
CREATE FUNCTION ledger.open_shut_book(book integer, by_whom text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  asked ledger.shutting;
BEGIN
  SELECT s.* INTO asked FROM ledger.shutting s
   WHERE s.org_id = book AND s.approved_by IS NULL FOR UPDATE;
  IF asked.id IS NULL THEN
    RETURN 'not_shut';
  ELSIF asked.requested_by IS NULL THEN
    RETURN 'not_asked';
  ELSIF asked.requested_by = by_whom THEN
    RETURN 'same_person';
  ELSIF NOT coalesce((SELECT p.proved_at > asked.shut_at AND p.broken = '{}' FROM ledger.proof_book p
                       WHERE p.org_id = book ORDER BY p.proved_at DESC LIMIT 1), false) THEN
    RETURN 'not_proved';
  END IF;
  UPDATE ledger.shutting s SET approved_at = clock_timestamp(), approved_by = by_whom
   WHERE s.org_id = book AND s.id = asked.id;
  PERFORM ledger.set_book_state(book, 1::smallint);
  RETURN NULL;
END $$;

-- What is sealed of a journal: its bytes, and the same in the words of a receipt's proof. Both are
-- described in docs/evidence.md; tests/ledger/evidence holds them against ledger/verify.py.

CREATE FUNCTION ledger.unix_microseconds(at timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE  -- PostgreSQL counts from the year 2000
RETURN timestamptz_send(at)::bigint + 946684800000000;

CREATE VIEW ledger.leaf AS
  SELECT j.org_id, j.batch, j.place, j.journal, j.request_hash, j.outcome, j.commitment,
         '\x01'::bytea || int4send(j.org_id) || uuid_send(j.journal) || j.request_hash
           || int2send(j.outcome)
           || CASE WHEN j.commitment = '' THEN decode(repeat('00', 32), 'hex') ELSE j.commitment END
           || (SELECT int2send(count(*)::smallint) || coalesce(string_agg(
                 int8send(t.id) || int8send(t.debit_account) || int8send(t.credit_account)
                 || int8send(t.amount_minor) || int2send(t.currency) || int2send(t.kind)
                 || int4send(t.effective - date '1970-01-01')
                 || int8send(ledger.unix_microseconds(t.posted_at))
                 || int8send(t.debit_seq) || int8send(t.credit_seq)
                 || int8send(t.debit_balance) || int8send(t.credit_balance)
                 || coalesce(uuid_send(t.hold), decode(repeat('00', 16), 'hex'))
                 || int8send(coalesce(t.reverses, 0)), '' ORDER BY t.id), '')
                FROM ledger.transfer t
               WHERE t.org_id = j.org_id AND t.journal = j.journal
                 AND t.id BETWEEN j.first_id AND j.first_id + j.transfers - 1)
           || (SELECT int2send(count(*)::smallint) || coalesce(string_agg(
                 int2send(h.leg) || uuid_send(h.hold) || substring(int2send(h.what) FROM 2)
                 || int8send(h.debit_account) || int8send(h.credit_account)
                 || int8send(h.amount_minor)
                 || int8send(coalesce(ledger.unix_microseconds(h.expires_at), 0)), '' ORDER BY h.leg), '')
                FROM ledger.hold_line h WHERE h.org_id = j.org_id AND h.journal = j.journal)
           AS bytes,
         (SELECT coalesce(json_agg(json_build_object(
                 'id', t.id, 'debit_account', t.debit_account, 'credit_account', t.credit_account,
                 'amount_minor', t.amount_minor, 'currency', t.currency, 'kind', t.kind,
                 'effective', t.effective - date '1970-01-01',
                 'posted_at', ledger.unix_microseconds(t.posted_at),
                 'debit_seq', t.debit_seq, 'credit_seq', t.credit_seq,
                 'debit_balance', t.debit_balance, 'credit_balance', t.credit_balance,
                 'hold', t.hold, 'reverses', t.reverses) ORDER BY t.id), '[]')
            FROM ledger.transfer t
           WHERE t.org_id = j.org_id AND t.journal = j.journal
             AND t.id BETWEEN j.first_id AND j.first_id + j.transfers - 1) AS transfers,
         (SELECT coalesce(json_agg(json_build_object(
                 'leg', h.leg, 'hold', h.hold, 'what', h.what, 'debit_account', h.debit_account,
                 'credit_account', h.credit_account, 'amount_minor', h.amount_minor,
                 'expires_at', ledger.unix_microseconds(h.expires_at)) ORDER BY h.leg), '[]')
            FROM ledger.hold_line h WHERE h.org_id = j.org_id AND h.journal = j.journal) AS hold_lines
    FROM ledger.journal j;

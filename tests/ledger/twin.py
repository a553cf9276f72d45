"""One book, in the database and in the model: whatever is asked of both must come out alike."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from itertools import zip_longest
from random import Random
from uuid import UUID

from sqlalchemy import text

from foundation.clock import business_date, now
from foundation.database import Database
from ledger.accounts import AccountKey, AccountState, account_id, open_book
from ledger.chart import PAYER_CREDIT, PROVIDER_CLEARING, REVENUE
from ledger.journals import Action, Journal, Transfer
from ledger.money import Money
from ledger.posting import post
from tests.ledger.model import Answer, Kind, Model
from tests.superuser import as_superuser, rows

PLAIN, MEMO, ADJUSTING, STAYING = 101, 102, 103, 104
KINDS = {
    PLAIN: Kind(),
    MEMO: Kind(memo=True, carries=False),
    ADJUSTING: Kind(adjusts=True),
    STAYING: Kind(carries=False),
}
# Few, so that holds, limits and states meet on them.
ACCOUNTS = [
    AccountKey(PROVIDER_CLEARING, "one", "UZS"),
    AccountKey(PROVIDER_CLEARING, "two", "UZS"),
    AccountKey(PAYER_CREDIT, "", "UZS"),
    AccountKey(REVENUE, "one", "UZS"),
]
ABROAD = AccountKey(REVENUE, "one", "EUR")
DAY = date(2026, 11, 20)
EARLIER = [date(2026, 9, 30), date(2026, 10, 15)]
DAYS = [DAY] * 90 + EARLIER * 10 + [date(1999, 12, 31), date(9999, 12, 31)]
CLOSINGS = [(None, None), (EARLIER[0], None), (EARLIER[1], EARLIER[0]), (EARLIER[1], EARLIER[1])]
HOUR = timedelta(hours=1)

CLOCKS = """
SELECT c.table_name, c.column_name FROM information_schema.columns c
  JOIN information_schema.tables t USING (table_schema, table_name)
  JOIN information_schema.columns o USING (table_schema, table_name)
 WHERE c.table_schema = 'ledger' AND c.data_type = 'timestamp with time zone'
   AND t.table_type = 'BASE TABLE' AND o.column_name = 'org_id' AND c.table_name !~ '_[0-9]+$'
"""


@cache
def clocks(url: str) -> list[tuple[str, str]]:
    """Where the ledger keeps instants."""
    return rows(url, CLOCKS)


def teach_kinds(url: str) -> None:
    """Kinds of journal with every combination of rights that the writer knows."""
    for number, kind in KINDS.items():
        as_superuser(
            url,
            "INSERT INTO ledger.journal_kind (kind, name, memo, adjusts, carries)"
            " VALUES (:number, :name, :memo, :adjusts, :carries)",
            number=number,
            name=f"test_{number}",
            **vars(kind),
        )


class Twin:
    """Asks both, compares what they answer, and at the end whatever they have written."""

    def __init__(self, database: Database, url: str, org_id: int) -> None:
        self.database, self.url, self.org_id = database, url, org_id
        self.model = Model(KINDS, now())
        self.known: list[Journal] = []
        with database.transaction() as session:
            open_book(session, org_id)

    def post(self, journals: Sequence[Journal], *, at_once: bool = True) -> list[Answer]:
        """Post in one call, or each in a call of its own: the answers are the same."""
        answers = self.model.post(journals, now(), business_date(now()))
        calls = [journals] if at_once else [[journal] for journal in journals]
        with self.database.transaction() as session:
            postings = [posting for call in calls for posting in post(session, call)]
        told = [(posting.outcome, posting.replayed) for posting in postings]
        alike(told, [(answer.outcome, answer.replayed) for answer in answers])
        for posting, answer in zip(postings, answers, strict=True):
            for place, moved in enumerate(answer.moved):
                moved.id = moved.id or posting.first_id + place
                self.model.by_id[moved.id] = moved
            assert posting.first_id == (answer.moved[0].id if answer.moved else None)
        self.known += journals
        return answers

    def set_limit(self, key: AccountKey, starts: datetime, least, most) -> None:
        account = self.model.account(key)
        new = UUID(int=len(account.limits))
        account.limits.append((starts + self.model.passed, new, least, most))
        values = {"id": new, "starts": starts, "least": least, "most": most}
        self._ask(
            "set_limit(:org, :account, :id, :starts, :least, :most, 'test', 'test')", key, values
        )

    def set_state(self, key: AccountKey, state: AccountState) -> None:
        account = self.model.account(key)
        self.model.let_time_pass(now())
        empty = not (account.balance or account.held_in or account.held_out)
        way = (account.state, state)
        if way in {(1, 2), (1, 3), (2, 1), (2, 3), (3, 1)} or (way == (3, 4) and empty):
            account.state = state
        self._ask(
            "set_account_state(:org, :account, CAST(:state AS smallint))", key, {"state": state}
        )

    def close(self, soft: date | None, closed: date | None) -> None:
        """As if periods up to these days were closed; there are none, so open all again before a proof."""
        self.model.soft_closed, self.model.closed = soft, closed
        as_superuser(
            self.url,
            "UPDATE ledger.book SET soft_closed_through = :soft, closed_through = :closed"
            " WHERE org_id = :org",
            org=self.org_id,
            soft=soft,
            closed=closed,
        )

    def let_time_pass(self, by: timedelta) -> None:
        """Every instant that the book remembers moves into the past: so hours pass in no time."""
        self.model.passed += by
        moves = [
            f"UPDATE ledger.{table} SET {column} = {column} - :by WHERE org_id = :org"
            for table, column in clocks(self.url)
        ]
        quiet = "SET LOCAL session_replication_role = replica"
        as_superuser(self.url, quiet, *moves, by=by, org=self.org_id)

    def tidy(self) -> None:
        with self.database.transaction() as session:
            session.execute(text("SELECT ledger.tidy_due(:org, 1000)"), {"org": self.org_id})

    def compare(self) -> None:
        """Everything that stands in the database is what the model has, and the other way round."""
        self.model.let_time_pass(now())
        alike(self._rows(STANDING), sorted(self._accounts()))
        alike(self._rows(TRANSFERS), self._transfers())
        holds = self.model.holds.items()
        placed = sorted((key, hold.amount, hold.captured, hold.released) for key, hold in holds)
        alike(self._rows(HOLDS), placed)
        back = [(moved.id, moved.reversed) for moved in self.model.moved if moved.reversed]
        alike(self._rows("SELECT transfer, reversed_minor FROM ledger.reversal"), back)
        answers = [answer for _, answer in self.model.answers.values()]
        told = [(answer.outcome, answer.moved[0].id if answer.moved else 0) for answer in answers]
        stored = self._rows("SELECT outcome, coalesce(first_id, 0) FROM ledger.journal")
        alike(sorted(stored), sorted(told))

    def _ask(self, call: str, key: AccountKey, values: dict[str, object]) -> None:
        with self.database.transaction() as session:
            known = {"org": self.org_id, "account": account_id(session, self.org_id, key)}
            session.execute(text(f"SELECT ledger.{call}"), known | values)

    def _rows(self, query: str) -> list[tuple]:
        with self.database.transaction() as session:
            found = session.execute(
                text(f"{query} WHERE org_id = :org ORDER BY 1"), {"org": self.org_id}
            )
            return [tuple(row) for row in found]

    def _accounts(self) -> Iterator[tuple]:
        for key, account in self.model.accounts.items():
            free = account.balance - account.held_out
            figures = (account.balance, account.held_out, account.held_in, free, account.seq)
            limits = account.limits_at(self.model.now)
            yield (f"{key.line.number} {key.name} {key.currency}", *figures, account.state, *limits)

    def _transfers(self) -> list[tuple]:
        last: dict[AccountKey, int] = {}
        found = []
        for moved in self.model.moved:
            line, journal = moved.line, moved.journal
            before = last.get(line.debit, 0), last.get(line.credit, 0)
            last[line.debit] = last[line.credit] = moved.id
            carried = journal.effective if journal.effective != moved.effective else None
            words = (line.debit.name, line.credit.name, int(journal.kind), journal.id)
            special = (line.hold, line.original)
            figures = (line.amount.minor, *moved.seqs, *moved.balances, *before)
            found.append((moved.id, *words, *figures, moved.effective, carried, *special))
        return found


def alike(found: list[tuple], expected: list[tuple]) -> None:
    pairs = zip_longest(found, expected)
    different = next(((one, other) for one, other in pairs if one != other), None)
    assert different is None, f"the database has {different[0]}, the model {different[1]}"


HOLDS = "SELECT hold, amount_minor, captured_minor, released_minor FROM ledger.hold"
STANDING = """
SELECT number || ' ' || name || CASE currency WHEN 860 THEN ' UZS' ELSE ' EUR' END,
       posted, held_out, held_in, available, seq, state, min_available, max_balance
  FROM ledger.standing
"""
TRANSFERS = """
SELECT id, debit, credit, kind, journal, amount_minor, debit_seq, credit_seq, debit_balance,
       credit_balance, debit_previous, credit_previous, effective, carried_from, hold, reverses
  FROM ledger.transfer
  JOIN (SELECT id AS debit_account, name AS debit FROM ledger.account) d USING (debit_account)
  JOIN (SELECT id AS credit_account, name AS credit FROM ledger.account) c USING (credit_account)
"""


class Scribe:
    """Makes up journals from chance: most of them sensible, some poison, some asked before."""

    def __init__(self, twin: Twin, chance: Random) -> None:
        self.twin, self.chance = twin, chance
        self.holds: list[Transfer] = []

    def batch(self, journals: int, most_lines: int = 4) -> list[Journal]:
        """So many journals; what they capture and take back is there already, or comes before them."""
        written: list[Journal] = []
        there = self.twin.model.holds
        self.holds = [line for line in self.holds if line.hold in there and there[line.hold].rest]
        for _ in range(journals):
            written.append(self._journal(written, most_lines))
        return written

    def _journal(self, written: list[Journal], most_lines: int) -> Journal:
        old = [*self.twin.known[-40:], *written[-40:]]
        dice = self.chance.randrange(20)
        if old and dice < 2:
            return self.chance.choice(old)
        key = self.chance.choice(old).key if old and dice == 2 else str(self.chance.getrandbits(64))
        kind = self.chance.choice([PLAIN] * 8 + [*KINDS])
        count = self._mostly(self.chance.choice([1, *range(1, most_lines + 1)]), 0)
        lines = tuple(self._line() for _ in range(count))
        return Journal(self.twin.org_id, "test", key, kind, self.chance.choice(DAYS), lines, None)

    def _line(self) -> Transfer:
        action = self.chance.choice([*[Action.MOVE] * 9, *[Action.HOLD] * 3, *Action])
        debit, credit = self.chance.sample(ACCOUNTS, 2)
        credit = self._mostly(credit, self.chance.choice([debit, ABROAD]))
        line = Transfer(debit, credit, self._amount(action), action)
        if action is Action.MOVE:
            return line
        if action is Action.HOLD:
            return self._placing(line)
        return self._taking_back(line) if action is Action.REVERSE else self._drawing(line)

    def _placing(self, line: Transfer) -> Transfer:
        hours = self._mostly(self.chance.choice([None, 1, 1, 2, 4]), -1)
        expires = None if hours is None else now() + hours * HOUR - HOUR / 2
        key = UUID(int=self.chance.getrandbits(128))
        if self.holds:
            key = self._mostly(key, self.chance.choice(self.holds).hold)
        self.holds.append(replace(line, hold=key, expires_at=expires))
        return self.holds[-1]

    def _drawing(self, line: Transfer) -> Transfer:
        if not self.holds:
            return replace(line, hold=UUID(int=self.chance.getrandbits(128)))
        placed = self.chance.choice(self.holds)
        debit = self._mostly(placed.debit, line.debit)
        return replace(line, hold=placed.hold, debit=debit, credit=placed.credit)

    def _taking_back(self, line: Transfer) -> Transfer:
        if not self.twin.model.moved:
            return replace(line, original=self._mostly(7, 10**30))
        moved = self.chance.choice(self.twin.model.moved[-100:])
        debit = self._mostly(moved.line.credit, line.debit)
        return replace(line, original=moved.id, debit=debit, credit=moved.line.debit)

    def _amount(self, action: Action) -> Money:
        all_that_is_left = action is Action.RELEASE and self.chance.randrange(2) == 0
        minor = 0 if all_that_is_left else self.chance.randrange(1, 300)
        return Money(
            self._mostly(minor, self.chance.choice([0, -3, 10**15, 10**15 + 1, 10**30])), "UZS"
        )

    def meanwhile(self) -> None:
        """Something else happens to the book: a limit, a state, hours, a closed period, a tidying job."""
        key = self.chance.choice(ACCOUNTS)
        what = self.chance.choice(
            ["limit", "limit", "state", "state", "hours", "hours", "hours", "close", "tidy"]
        )
        if what == "limit":
            starts = now() + HOUR * self.chance.choice([-2, -1, 0.5, 1.5])
            least = self.chance.choice([None, 0, -40_000, 300])
            most = self.chance.choice([None, 200, 500, 50_000])
            self.twin.set_limit(key, starts, least, most)
        elif what == "state":
            self.twin.set_state(key, self.chance.choice([*[AccountState.OPEN] * 4, *AccountState]))
        elif what == "hours":
            self.twin.let_time_pass(HOUR * self.chance.choice([1, 2]))
        elif what == "close":
            self.twin.close(*self.chance.choice(CLOSINGS))
        else:
            self.twin.tidy()

    def _mostly(self, usual, seldom):
        return seldom if self.chance.randrange(40) == 0 else usual

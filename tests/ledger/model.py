"""A ledger in plain Python: slow, short, obviously right. `ledger.post` must answer what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from ledger.accounts import AccountKey, AccountState
from ledger.journals import Action, Journal, Outcome, Transfer

DEBITED, CREDITED = 1, -1
MOST_OF_ALL, MOST_OF_ONE = 4 * 10**18, 10**15
FIRST_DAY, DAYS_AHEAD = date(2000, 1, 1), timedelta(days=366)
CAPTURES = (Action.CAPTURE, Action.CAPTURE_FINAL)


@dataclass(frozen=True)
class Kind:
    memo: bool = False
    adjusts: bool = False
    carries: bool = True


@dataclass
class Account:
    side: int
    currency: str
    first_least: int | None
    limits: list[tuple[datetime, UUID, int | None, int | None]] = field(default_factory=list)
    state: AccountState = AccountState.OPEN
    balance: int = 0
    held_out: int = 0
    held_in: int = 0
    seq: int = 0

    def change(self, way: int, amount: int) -> int:
        """By how much a debit or a credit changes the balance."""
        return way * self.side * amount

    def keep(self, way: int, amount: int) -> None:
        if self.change(way, 1) > 0:
            self.held_in += amount
        else:
            self.held_out += amount

    def limits_at(self, now: datetime) -> tuple[int | None, int | None]:
        begun = [limit for limit in self.limits if limit[0] <= now]
        return max(begun)[2:] if begun else (self.first_least, None)


@dataclass
class Hold:
    debit: AccountKey
    credit: AccountKey
    amount: int
    expires: datetime | None
    captured: int = 0
    released: int = 0
    expired: bool = False

    @property
    def rest(self) -> int:
        return self.amount - self.captured - self.released


@dataclass
class Moved:
    """A transfer as it must stand in the database; `id` is learned from there."""

    line: Transfer
    journal: Journal
    effective: date
    seqs: tuple[int, int]
    balances: tuple[int, int]
    reversed: int = 0
    id: int = 0


@dataclass(frozen=True)
class Answer:
    outcome: Outcome
    moved: tuple[Moved, ...] = ()
    replayed: bool = False


class Model:
    """One book. `passed` is how far its clock runs before the wall's, by which callers name expiries."""

    def __init__(self, kinds: dict[int, Kind], wall: datetime) -> None:
        self.kinds = kinds
        self.accounts: dict[AccountKey, Account] = {}
        self.holds: dict[UUID, Hold] = {}
        self.moved: list[Moved] = []
        self.by_id: dict[int, Moved] = {}
        self.answers: dict[tuple[str, str], tuple[object, Answer]] = {}
        self.closed: date | None = None
        self.soft_closed: date | None = None
        self.passed = timedelta()
        self.now = wall

    def post(self, journals: Sequence[Journal], wall: datetime, today: date) -> list[Answer]:
        for journal in journals:
            for line in journal.lines:
                for key in (line.debit, line.credit):
                    self.account(key)
        self.let_time_pass(wall)
        return [self._answer(journal, today) for journal in journals]

    def account(self, key: AccountKey) -> Account:
        new = Account(key.line.side.value, key.currency, key.line.min_available)
        return self.accounts.setdefault(key, new)

    def let_time_pass(self, wall: datetime) -> None:
        self.now = wall + self.passed
        for hold in self.holds.values():
            if hold.expires and hold.expires <= self.now and hold.rest and not hold.expired:
                hold.expired = True
                self._keep(hold.debit, hold.credit, -hold.rest)

    def _answer(self, journal: Journal, today: date) -> Answer:
        name, body = (journal.source, journal.key), _body(journal)
        if name in self.answers:
            first_body, first = self.answers[name]
            return replace(first, replayed=True) if body == first_body else Answer(KEY_REUSED)
        answer = self._decide(journal, today)
        self.answers[name] = body, answer
        return answer

    def _decide(self, journal: Journal, today: date) -> Answer:
        day = self._day(journal, today)
        if isinstance(day, Outcome):
            return Answer(day)
        before, count = self._as_it_is(journal), len(self.moved)
        for line in journal.lines:
            meant = self._meant(line)
            if refusal := self._refusal(meant):
                self._restore(before, journal)
                del self.moved[count:]
                return Answer(refusal)
            self._do(meant, journal, day)
        return Answer(Outcome.POSTED, tuple(self.moved[count:]))

    def _day(self, journal: Journal, today: date) -> date | Outcome:
        kind, day = self.kinds[int(journal.kind)], journal.effective
        if not FIRST_DAY <= day <= today + DAYS_AHEAD:
            return Outcome.DATE_OUT_OF_RANGE
        if not journal.lines and not kind.memo:
            return Outcome.EMPTY
        if self.soft_closed is None or day > self.soft_closed:
            return day
        if kind.adjusts and (self.closed is None or day > self.closed):
            return day
        return self.soft_closed + timedelta(days=1) if kind.carries else Outcome.PERIOD_CLOSED

    def _meant(self, line: Transfer) -> Transfer:
        """A release of nothing means all that is left."""
        if line.action is Action.RELEASE and line.amount.minor == 0 and line.hold in self.holds:
            return replace(line, amount=replace(line.amount, minor=self.holds[line.hold].rest))
        return line

    def _refusal(self, line: Transfer) -> Outcome | None:
        """The first thing that stands against a line."""
        found = self._shape(line) or self._states(line) or self._room(line)
        found = found or self._of_hold(line) or self._of_original(line)
        return found or (None if line.action in NEVER_LIMITED else self._limits(line))

    def _shape(self, line: Transfer) -> Outcome | None:
        if line.debit == line.credit:
            return Outcome.ONE_ACCOUNT_TWICE
        if line.action is Action.RELEASE and line.amount.minor == 0:
            return Outcome.HOLD_DONE if line.hold in self.holds else Outcome.HOLD_UNKNOWN
        if not 1 <= line.amount.minor <= MOST_OF_ONE:
            return Outcome.AMOUNT_OUT_OF_RANGE
        if line.debit.currency != line.credit.currency:
            return Outcome.CURRENCIES_DIFFER
        return None

    def _states(self, line: Transfer) -> Outcome | None:
        if line.action is Action.RELEASE:
            return None
        for account, way in self._sides(line):
            after = account.balance + account.change(way, line.amount.minor)
            towards_zero = abs(after) == abs(account.balance) - line.amount.minor
            closing = account.state is AccountState.CLOSING and line.action is not Action.HOLD
            if account.state is not AccountState.OPEN and not (closing and towards_zero):
                return Outcome.ACCOUNT_NOT_OPEN
        return None

    def _room(self, line: Transfer) -> Outcome | None:
        for account, way in self._sides(line):
            reached = account.balance + account.change(way, line.amount.minor)
            if line.action is Action.HOLD:
                reached = max(account.held_out, account.held_in) + line.amount.minor
            if abs(reached) > MOST_OF_ALL and line.action is not Action.RELEASE:
                return Outcome.BALANCE_OVERFLOW
        return None

    def _of_hold(self, line: Transfer) -> Outcome | None:
        hold = self.holds.get(line.hold) if line.hold else None
        if line.action is Action.HOLD:
            expires = line.expires_at and line.expires_at + self.passed
            over = expires is not None and expires <= self.now
            return Outcome.HOLD_EXISTS if hold else Outcome.HOLD_EXPIRED if over else None
        if line.action not in {*CAPTURES, Action.RELEASE}:
            return None
        if hold is None:
            return Outcome.HOLD_UNKNOWN
        if (hold.debit, hold.credit) != (line.debit, line.credit):
            return Outcome.ACCOUNTS_DIFFER
        if hold.expired or not hold.rest:
            return Outcome.HOLD_EXPIRED if hold.expired else Outcome.HOLD_DONE
        return Outcome.HOLD_EXCEEDED if line.amount.minor > hold.rest else None

    def _of_original(self, line: Transfer) -> Outcome | None:
        if line.action is not Action.REVERSE:
            return None
        original = self.by_id.get(line.original or 0)
        if original is None or original.line.action is Action.REVERSE:
            return Outcome.ORIGINAL_UNKNOWN
        if (original.line.debit, original.line.credit) != (line.credit, line.debit):
            return Outcome.ACCOUNTS_DIFFER
        left = original.line.amount.minor - original.reversed
        return Outcome.REVERSAL_EXCEEDED if line.amount.minor > left else None

    def _limits(self, line: Transfer) -> Outcome | None:
        refusals, amount = set(), line.amount.minor
        for account, way in self._sides(line):
            least, most = account.limits_at(self.now)
            if account.change(way, amount) < 0:
                if least is not None and account.balance - amount - account.held_out < least:
                    refusals.add(Outcome.INSUFFICIENT)
            elif most is not None and account.balance + amount + account.held_in > most:
                refusals.add(Outcome.ABOVE_LIMIT)
        return min(refusals, default=None)

    def _do(self, line: Transfer, journal: Journal, day: date) -> None:
        amount = line.amount.minor
        if line.action is Action.HOLD and line.hold:
            expires = line.expires_at and line.expires_at + self.passed
            self.holds[line.hold] = Hold(line.debit, line.credit, amount, expires)
            self._keep(line.debit, line.credit, amount)
        elif line.hold:
            self._draw(self.holds[line.hold], line.action, amount)
        if line.action in {Action.HOLD, Action.RELEASE}:
            return
        if line.original:
            self.by_id[line.original].reversed += amount
        (debit, _), (credit, _) = sides = self._sides(line)
        for account, way in sides:
            account.balance += account.change(way, amount)
            account.seq += 1
        seqs, balances = (debit.seq, credit.seq), (debit.balance, credit.balance)
        self.moved.append(Moved(line, journal, day, seqs, balances))

    def _draw(self, hold: Hold, action: Action, amount: int) -> None:
        gone = hold.rest if action is Action.CAPTURE_FINAL else amount
        self._keep(hold.debit, hold.credit, -gone)
        hold.captured += amount if action in CAPTURES else 0
        hold.released += gone - amount if action in CAPTURES else amount

    def _keep(self, debit: AccountKey, credit: AccountKey, amount: int) -> None:
        self.accounts[debit].keep(DEBITED, amount)
        self.accounts[credit].keep(CREDITED, amount)

    def _sides(self, line: Transfer) -> tuple[tuple[Account, int], tuple[Account, int]]:
        return (self.accounts[line.debit], DEBITED), (self.accounts[line.credit], CREDITED)

    def _as_it_is(self, journal: Journal) -> list[tuple[object, dict[str, object]]]:
        """Whatever is there that the journal may change, with its present values."""
        named: list[object] = []
        for line in journal.lines:
            named += [self.accounts[line.debit], self.accounts[line.credit]]
            named += [self.holds.get(line.hold), self.by_id.get(line.original)]
        return [(thing, dict(vars(thing))) for thing in named if thing]

    def _restore(self, before: list[tuple[object, dict[str, object]]], journal: Journal) -> None:
        was_there = {id(thing) for thing, _ in before}
        for line in journal.lines:
            if id(self.holds.get(line.hold)) not in was_there:
                self.holds.pop(line.hold, None)
        for thing, values in before:
            vars(thing).update(values)


KEY_REUSED = Outcome.KEY_REUSED
# What was held was decided when it was held.
NEVER_LIMITED = {*CAPTURES, Action.RELEASE}


def _body(journal: Journal) -> object:
    return int(journal.kind), journal.effective, tuple(journal.lines)

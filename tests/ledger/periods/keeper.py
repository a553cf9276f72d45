"""A book of tests with two autumn months behind it, and the three people who close it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from foundation.database import Database
from identity.actor import Actor
from ledger.chart import JournalKind
from ledger.journals import Outcome, Transfer
from ledger.money import UZS
from ledger.periods.moves import (
    add_period,
    approve_reopening,
    close_period,
    close_period_softly,
    request_reopening,
)
from ledger.periods.records import (
    Period,
    PeriodClosing,
    SealedLine,
    closings_of,
    find_period,
    sealed_lines,
)
from tests.ledger.desk import CLEARING, INCOME, Desk
from tests.superuser import rows

SEPTEMBER, OCTOBER, NOVEMBER = date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 30)
IN_SEPTEMBER, IN_OCTOBER = date(2026, 9, 15), date(2026, 10, 15)
FIRST_OF_OCTOBER, FIRST_OF_NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
AT = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
OFFICER, CHIEF, DEPUTY = (Actor("staff", login) for login in ("finance", "chief", "deputy"))
WHY = "A receipt of September was found in October"


@dataclass
class Keeper:
    """Keeps the periods of book 1."""

    desk: Desk

    @property
    def database(self) -> Database:
        return self.desk.database

    def months(self) -> "Keeper":
        with self.database.transaction() as session:
            add_period(session, 1, date(2026, 9, 1), SEPTEMBER)
            add_period(session, 1, FIRST_OF_OCTOBER, OCTOBER)
            add_period(session, 1, FIRST_OF_NOVEMBER, NOVEMBER)
        return self

    def received(self, amount: str, day: date, **more: object) -> None:
        line = Transfer(CLEARING, INCOME, UZS(amount))
        assert self.desk.does(line, effective=day, **more) is Outcome.POSTED

    def adjusts(self, amount: str, day: date, **more: object) -> Outcome:
        line = Transfer(CLEARING, INCOME, UZS(amount))
        return self.desk.does(line, effective=day, kind=JournalKind.ADJUSTMENT, **more)

    def softly(self, last_day: date, by: Actor = OFFICER) -> Period:
        with self.database.transaction() as session:
            return close_period_softly(session, 1, last_day, by=by, at=AT)

    def close(self, *last_days: date, by: Actor = CHIEF) -> PeriodClosing:
        """Close periods, softly first where they are open still; the record of the last."""
        for last_day in last_days:
            if self.period(last_day).state == "open":
                self.softly(last_day)
            with self.database.transaction() as session:
                closing = close_period(session, 1, last_day, by=by, at=AT)
        return closing

    def asks(self, last_day: date, by: Actor = OFFICER, reason: str = WHY) -> None:
        with self.database.transaction() as session:
            request_reopening(session, 1, last_day, reason=reason, by=by, at=AT)

    def approves(self, last_day: date, by: Actor = CHIEF) -> None:
        with self.database.transaction() as session:
            approve_reopening(session, 1, last_day, by=by, at=AT)

    def reopen(self, last_day: date) -> None:
        self.asks(last_day)
        self.approves(last_day)

    def period(self, last_day: date) -> Period:
        with self.database.transaction() as session:
            return find_period(session, 1, last_day)

    def sealed(self, last_day: date, closing: int) -> dict[str, tuple[str, ...]]:
        """Opening, turnovers and closing by account, as a closing sealed them."""

        def told(line: SealedLine) -> tuple[str, ...]:
            figures = (line.opening, line.debits, line.credits, line.closing)
            return tuple(f"{money.decimal:f}" for money in figures)

        with self.database.transaction() as session:
            found = {one.closing: one for one in closings_of(session, 1, last_day)}[closing]
            return {line.account.label: told(line) for line in sealed_lines(session, found)}


def posted(url: str) -> list[tuple[date, date | None]]:
    """The day of each transfer of book 1, and the day that it was meant for, in the order of posting."""
    return rows(
        url, "SELECT effective, carried_from FROM ledger.transfer WHERE org_id = 1 ORDER BY id"
    )

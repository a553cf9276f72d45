"""Scheduled work: every (job, slot) is a row, done once by whoever gets it.

APScheduler only ticks (service/scheduler.py); correctness rests on the row, so several schedulers,
a paused one, a missed tick or a crash in the middle never do a slot twice or lose it.
Design: docs/decisions/0007-scheduler.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import CheckConstraint, Index, Integer, Text, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.clock import TASHKENT
from foundation.database import Base, Database, storable

Tools = TypeVar("Tools")
LEASE = timedelta(seconds=120)
GIVE_UP_AFTER_ATTEMPTS = 5


@dataclass(frozen=True)
class Every:
    """A slot at each multiple of `seconds` since the epoch."""

    seconds: int

    def latest(self, at: datetime) -> datetime:
        """The last slot that is not after `at`."""
        passed = at.timestamp() // self.seconds
        return datetime.fromtimestamp(passed * self.seconds, tz=at.tzinfo)

    def before(self, slot: datetime) -> datetime:
        """The slot before `slot`."""
        return slot - timedelta(seconds=self.seconds)

    def after(self, slot: datetime) -> datetime:
        """The slot after `slot`."""
        return slot + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Daily:
    """A slot a day at `hour`:`minute`, Tashkent time (no summer time since 1992)."""

    hour: int
    minute: int = 0

    def latest(self, at: datetime) -> datetime:
        """The last slot that is not after `at`."""
        local = at.astimezone(TASHKENT)
        slot = local.replace(hour=self.hour, minute=self.minute, second=0, microsecond=0)
        return (slot if slot <= local else slot - timedelta(days=1)).astimezone(at.tzinfo)

    def before(self, slot: datetime) -> datetime:
        """The slot before `slot`."""
        return slot - timedelta(days=1)

    def after(self, slot: datetime) -> datetime:
        """The slot after `slot`."""
        return slot + timedelta(days=1)


@dataclass(frozen=True)
class Job(Generic[Tools]):
    """A schedule as data: `run(tools, at)` does the work and returns its counts.

    `catch_up` says how many missed slots are still run after an outage; 1 suits work that looks at
    everything open (one late run does what ten missed ones would have done). Nobody takes a run over
    before `lease` has passed: longer than the work takes.
    """

    name: str
    schedule: Every | Daily
    run: Callable[[Tools, datetime], Mapping[str, int]]
    catch_up: int = 1
    lease: timedelta = LEASE


class JobRun(Base):
    """One slot of one job."""

    __tablename__ = "run"
    __table_args__ = (
        CheckConstraint("outcome in ('done', 'failed')", name="outcome"),
        CheckConstraint("(finished_at is null) = (outcome is null)", name="finished"),
        Index(None, "started_at"),
        {"schema": "jobs"},
    )

    job: Mapped[str] = mapped_column(Text, primary_key=True)
    slot: Mapped[datetime] = mapped_column(primary_key=True)
    worker: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime]
    lease_until: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(Text)
    counts: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(Text)


def due_slots(job: Job[Any], at: datetime) -> list[datetime]:
    """The slots that should have run by `at`, oldest first, at most `catch_up` of them."""
    slots = [job.schedule.latest(at)]
    while len(slots) < job.catch_up:
        slots.append(job.schedule.before(slots[-1]))
    return slots[::-1]


def run_due(database: Database, job: Job[Tools], tools: Tools, *, worker: str, at: datetime) -> int:
    """Run every due slot of the job that nobody has done or is doing; returns how many ran here."""
    return sum(
        run_slot(database, job, slot, tools, worker=worker, at=at) for slot in due_slots(job, at)
    )


def run_slot(
    database: Database, job: Job[Tools], slot: datetime, tools: Tools, *, worker: str, at: datetime
) -> bool:
    """Run one slot if it is free; a dead worker's run is taken over when its lease has ended."""
    with database.transaction() as session:
        attempt = _claim(session, job.name, slot, worker, job.lease)
    if attempt is None:
        return False
    try:
        counts, error = dict(job.run(tools, at)), None
    except Exception as failure:  # noqa: BLE001 - a job may fail in any way: it is written down and retried
        counts, error = None, storable(f"{type(failure).__name__}: {failure}")
    with database.transaction() as session:
        _finish(session, job.name, slot, attempt, counts=counts, error=error)
    return True


def _claim(session: Session, job: str, slot: datetime, worker: str, lease: timedelta) -> int | None:
    """The number of this attempt; None when the slot is done or somebody is at it."""
    clock = func.clock_timestamp()
    fresh = insert(JobRun).values(
        job=job, slot=slot, worker=worker, started_at=clock, lease_until=clock + lease
    )
    if session.execute(fresh.on_conflict_do_nothing().returning(JobRun.job)).first():
        return 1
    abandoned = (
        update(JobRun)
        .where(
            JobRun.job == job,
            JobRun.slot == slot,
            or_(JobRun.finished_at.is_(None), JobRun.outcome == "failed"),
            JobRun.lease_until < clock,
            JobRun.attempts < GIVE_UP_AFTER_ATTEMPTS,
        )
        .values(
            worker=worker,
            attempts=JobRun.attempts + 1,
            lease_until=clock + lease,
            finished_at=None,
            outcome=None,
        )
    )
    return session.execute(abandoned.returning(JobRun.attempts)).scalar_one_or_none()


def _finish(
    session: Session,
    job: str,
    slot: datetime,
    attempt: int,
    *,
    counts: dict[str, int] | None,
    error: str | None,
) -> None:
    # Only the lease's holder writes the outcome: an attempt that was taken over meanwhile does not.
    session.execute(
        update(JobRun)
        .where(JobRun.job == job, JobRun.slot == slot, JobRun.attempts == attempt)
        .values(
            finished_at=func.clock_timestamp(),
            outcome="failed" if error else "done",
            counts=counts,
            error=error,
        )
    )


def last_runs(session: Session) -> list[JobRun]:
    """The newest slot of each job."""
    return list(
        session.scalars(
            select(JobRun).ext(distinct_on(JobRun.job)).order_by(JobRun.job, JobRun.slot.desc())
        ).all()
    )

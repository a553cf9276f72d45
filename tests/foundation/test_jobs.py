"""Scheduled work: a slot is done once by whoever gets it, and never lost."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread

import pytest

from foundation.clock import TASHKENT
from foundation.database import Database
from foundation.jobs import (
    GIVE_UP_AFTER_ATTEMPTS,
    Daily,
    Every,
    Job,
    JobRun,
    due_slots,
    last_runs,
    run_due,
    run_slot,
)
from tests.superuser import as_superuser

NOON = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
LEASE_OVER = "UPDATE jobs.run SET lease_until = clock_timestamp() - interval '1 second'"


class PowerCut(BaseException):
    """The process is gone: nothing after it is written."""


@dataclass
class Effects:
    """What the job did, counted by slot's time; it fails as often as it is told."""

    failures: int = 0
    done: list[datetime] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def __call__(self, _tools: None, at: datetime) -> Mapping[str, int]:
        with self.lock:
            if self.failures:
                self.failures -= 1
                raise ValueError("the provider sent \x00 and \ud800")
            self.done.append(at)
        return {"done": 1}


def job(run, schedule=None, **more) -> Job[None]:
    return Job("count", schedule or Every(60), run, **more)


def tick(database: Database, work: Job[None], *, worker: str = "a", at: datetime = NOON) -> int:
    return run_due(database, work, None, worker=worker, at=at)


def only_run(database: Database) -> JobRun:
    with database.transaction() as session:
        (run,) = last_runs(session)
    return run


def test_a_slot_is_done_once_by_many_workers_at_once(empty):
    effects = Effects()
    with ThreadPoolExecutor(8) as pool:
        ran = list(pool.map(lambda n: tick(empty, job(effects), worker=f"worker {n}"), range(24)))

    assert sum(ran) == 1
    assert effects.done == [NOON]
    assert (only_run(empty).outcome, only_run(empty).counts) == ("done", {"done": 1})


def test_a_second_tick_in_the_same_slot_finds_nothing_to_do(empty):
    effects = Effects()
    tick(empty, job(effects))

    assert tick(empty, job(effects), at=NOON + timedelta(seconds=59)) == 0
    assert tick(empty, job(effects), at=NOON + timedelta(seconds=60)) == 1
    assert len(effects.done) == 2


def test_a_run_cut_in_the_middle_is_taken_over_when_its_lease_has_ended(empty, empty_url):
    def cut(_tools: None, _at: datetime) -> Mapping[str, int]:
        raise PowerCut

    with pytest.raises(PowerCut):
        tick(empty, job(cut))
    effects = Effects()
    assert tick(empty, job(effects), worker="b") == 0, "the lease still runs"

    as_superuser(empty_url, LEASE_OVER)
    assert tick(empty, job(effects), worker="b") == 1
    run = only_run(empty)
    assert (run.outcome, run.worker, run.attempts) == ("done", "b", 2)


def test_a_worker_that_wakes_up_after_it_was_replaced_writes_no_outcome(empty, empty_url):
    asleep, wake = Event(), Event()

    def sleeps(_tools: None, _at: datetime) -> Mapping[str, int]:
        asleep.set()
        wake.wait(5)
        raise ValueError("far too late")

    sleeper = Thread(target=tick, args=(empty, job(sleeps)), kwargs={"worker": "same name"})
    sleeper.start()
    assert asleep.wait(5)
    as_superuser(empty_url, LEASE_OVER)
    tick(empty, job(Effects()), worker="same name")
    wake.set()
    sleeper.join()

    run = only_run(empty)
    assert (run.outcome, run.error, run.attempts) == ("done", None, 2)


def test_a_failed_slot_is_tried_again_after_its_lease_and_then_done(empty, empty_url):
    effects = Effects(failures=1)
    assert tick(empty, job(effects)) == 1
    failed = only_run(empty)
    assert failed.outcome == "failed"
    assert failed.error == "ValueError: the provider sent  and ?"
    assert tick(empty, job(effects)) == 0

    as_superuser(empty_url, LEASE_OVER)
    assert tick(empty, job(effects)) == 1
    run = only_run(empty)
    assert (run.outcome, run.error, effects.done) == ("done", None, [NOON])


def test_a_slot_that_always_fails_is_given_up(empty, empty_url):
    effects = Effects(failures=1000)
    for _ in range(GIVE_UP_AFTER_ATTEMPTS + 3):
        tick(empty, job(effects))
        as_superuser(empty_url, LEASE_OVER)

    assert 1000 - effects.failures == GIVE_UP_AFTER_ATTEMPTS
    assert only_run(empty).outcome == "failed"


def test_the_next_slot_runs_although_the_one_before_failed(empty):
    effects = Effects(failures=1)
    tick(empty, job(effects))

    assert tick(empty, job(effects), at=NOON + timedelta(minutes=1)) == 1
    assert len(effects.done) == 1


def test_after_an_outage_only_the_newest_slot_of_ordinary_work_is_run(empty):
    effects = Effects()
    tick(empty, job(effects))

    assert tick(empty, job(effects), at=NOON + timedelta(hours=3)) == 1
    assert len(effects.done) == 2


def test_after_an_outage_as_many_slots_are_caught_up_as_the_job_says(empty):
    effects = Effects()
    work = job(effects, catch_up=4)
    tick(empty, work)
    effects.done.clear()

    assert tick(empty, work, at=NOON + timedelta(minutes=2)) == 2
    assert tick(empty, work, at=NOON + timedelta(hours=1)) == 4
    with empty.transaction() as session:
        newest = last_runs(session)[0].slot
    assert newest == NOON + timedelta(hours=1)


def test_slots_missed_are_the_newest_ones_oldest_first():
    at = NOON + timedelta(seconds=61)

    assert due_slots(job(Effects(), catch_up=3), at) == [
        NOON - timedelta(minutes=1),
        NOON,
        NOON + timedelta(minutes=1),
    ]


@pytest.mark.parametrize(
    ("local", "slot"),
    [
        ((2026, 11, 20, 1, 59, 59), (2026, 11, 19, 2)),
        ((2026, 11, 20, 2, 0, 0), (2026, 11, 20, 2)),
        ((2027, 1, 1, 0, 30), (2026, 12, 31, 2)),
        ((2028, 3, 1, 1, 0), (2028, 2, 29, 2)),
    ],
)
def test_a_daily_slot_is_an_hour_in_tashkent(local, slot):
    at = datetime(*local, tzinfo=TASHKENT).astimezone(UTC)
    found = Daily(hour=2).latest(at)

    assert found == datetime(*slot, tzinfo=TASHKENT)
    assert found.tzinfo is UTC


def test_a_daily_slot_comes_one_day_before_and_after_the_next():
    daily = Daily(hour=2, minute=30)
    slot = daily.latest(NOON)

    assert daily.before(slot) == slot - timedelta(days=1)
    assert daily.latest(daily.after(slot)) == daily.after(slot)
    assert daily.latest(daily.after(slot) - timedelta(microseconds=1)) == slot


def test_clocks_that_differ_by_less_than_a_slot_name_the_same_slot():
    every = Every(60)
    assert every.latest(NOON) == every.latest(NOON + timedelta(seconds=59.999999))
    assert every.latest(NOON - timedelta(microseconds=1)) == NOON - timedelta(minutes=1)


def test_one_slot_can_be_run_by_hand(empty):
    effects = Effects()
    work = job(effects)

    assert run_slot(empty, work, NOON, None, worker="hand", at=NOON)
    assert not run_slot(empty, work, NOON, None, worker="hand", at=NOON)

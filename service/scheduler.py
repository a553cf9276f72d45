"""The worker: callbacks are worked and postings sealed as they come, job slots are done once each."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import SQLAlchemyError

from foundation.clock import TASHKENT, now
from foundation.database import Database
from foundation.jobs import Job, run_due
from ledger.evidence.heads import publish_heads
from ledger.evidence.notes import Signer
from ledger.evidence.sealing import MOST_LEAVES, seal_books
from payments.callbacks.dispatch import work_callbacks
from payments.checkout import Till
from payments.jobs import JOBS

log = logging.getLogger(__name__)

# How often the clock ticks; a slot is due by the calendar, not by the tick that notices it.
TICK = timedelta(seconds=5)
INBOX_PAUSE_SECONDS = 0.3
INBOX_BATCH = 20
SEALING_PAUSE_SECONDS = 0.2


def work(till: Till, signers: Sequence[Signer]) -> None:
    """Run until told to stop: a thread works the inbox, one seals, APScheduler's threads tick the jobs."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    scheduler = start_clock(till)
    threads = (
        threading.Thread(target=work_inbox, args=(till, stopping), name="inbox"),
        threading.Thread(
            target=keep_sealed, args=(till.database, signers, stopping), name="sealer"
        ),
    )
    for thread in threads:
        thread.start()
    stopping.wait()
    scheduler.shutdown(wait=True)
    for thread in threads:
        thread.join()


def start_clock(till: Till) -> BackgroundScheduler:
    """Tick every job; a missed tick is no loss, because the next one finds the slot still free."""
    worker = f"{socket.gethostname()}:{os.getpid()}"
    scheduler = BackgroundScheduler(
        timezone=TASHKENT,
        executors={"default": ThreadPoolExecutor(4)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for job in JOBS:
        scheduler.add_job(
            _tick, "interval", seconds=TICK.seconds, args=(till, job, worker), next_run_time=now()
        )
    scheduler.start()
    return scheduler


def work_inbox(till: Till, stopping: threading.Event) -> None:
    """Work callbacks as they come."""

    def once() -> bool:
        return any(work_callbacks(till, at=now(), limit=INBOX_BATCH).values())

    _again_and_again(once, INBOX_PAUSE_SECONDS, stopping)


def keep_sealed(database: Database, signers: Sequence[Signer], stopping: threading.Event) -> None:
    """Seal what was posted, and sign the heads of what has grown; without a key nothing is signed."""

    def once() -> bool:
        # Heads first: a book that cannot be sealed keeps none of the others from being signed.
        if signers:
            with database.transaction() as session:
                publish_heads(session, signers)
        return seal_books(database) >= MOST_LEAVES

    _again_and_again(once, SEALING_PAUSE_SECONDS, stopping)


def _again_and_again(
    once: Callable[[], bool], pause_seconds: float, stopping: threading.Event
) -> None:
    """Do it at once again while there is more; while the database is away, wait and try again."""
    while not stopping.is_set():
        try:
            more = once()
        except SQLAlchemyError:
            log.warning("the database does not answer; the %s waits", _name(), exc_info=True)
            stopping.wait(1)
        except Exception:
            log.exception("the %s could not go on; it is tried again", _name())
            stopping.wait(1)
        else:
            if not more:
                stopping.wait(pause_seconds)


def _name() -> str:
    return threading.current_thread().name


def _tick(till: Till, job: Job[Till], worker: str) -> None:
    try:
        run_due(till.database, job, till, worker=worker, at=now())
    except SQLAlchemyError:
        log.warning("the database does not answer; %s waits", job.name, exc_info=True)

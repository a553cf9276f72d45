"""The worker: APScheduler ticks; callbacks are worked as they come, job slots are done once each."""

import logging
import os
import signal
import socket
import threading
from datetime import timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import SQLAlchemyError

from foundation.clock import TASHKENT, now
from foundation.jobs import Job, run_due
from payments.callbacks.dispatch import work_callbacks
from payments.checkout import Till
from payments.jobs import JOBS

log = logging.getLogger(__name__)

# How often the clock ticks; a slot is due by the calendar, not by the tick that notices it.
TICK = timedelta(seconds=5)
INBOX_PAUSE_SECONDS = 0.3
INBOX_BATCH = 20


def work(till: Till) -> None:
    """Run until told to stop: one thread works the inbox, APScheduler's threads tick the jobs."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    scheduler = start_clock(till)
    inbox = threading.Thread(target=work_inbox, args=(till, stopping), name="inbox")
    inbox.start()
    stopping.wait()
    scheduler.shutdown(wait=True)
    inbox.join()


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
    """Work callbacks as they come; while the database is away, wait and try again."""
    while not stopping.is_set():
        try:
            counts = work_callbacks(till, at=now(), limit=INBOX_BATCH)
        except SQLAlchemyError:
            log.warning("the database does not answer; callbacks wait", exc_info=True)
            stopping.wait(1)
            continue
        except Exception:
            log.exception("the inbox could not be worked; it is tried again")
            stopping.wait(1)
            continue
        if not any(counts.values()):
            stopping.wait(INBOX_PAUSE_SECONDS)


def _tick(till: Till, job: Job[Till], worker: str) -> None:
    try:
        run_due(till.database, job, till, worker=worker, at=now())
    except SQLAlchemyError:
        log.warning("the database does not answer; %s waits", job.name, exc_info=True)

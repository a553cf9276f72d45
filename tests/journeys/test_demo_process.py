"""`mizon demo` as people and scripts run it: its file of facts, its end, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from service.embedded.files import take_lock
from service.settings import ROOT
from tests.journeys.people import Citizen, path_of

KEYS = {
    "base_url": (),
    "pids": ("demo", "web", "worker", "provider", "postgres"),
    "database_url": (),
    "payme": ("url", "login", "key", "account_field"),
    "stripe": ("webhook_url", "webhook_secret"),
}
START_SECONDS, END_SECONDS, CHECK_SECONDS = 60, 10, 60


class Demo:
    """A demo in a process of its own."""

    def __init__(self, home: Path, *arguments: str) -> None:
        home.mkdir(exist_ok=True)
        self.home, self.file = home, home / "info.json"
        self.file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "service", "demo", "--data", str(home / "town")]
        self.process = subprocess.Popen(
            [*command, "--info", str(self.file), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait_for_info(self, changed_from: dict | None = None) -> dict:
        give_up = time.monotonic() + START_SECONDS
        while not self.file.exists() or self.info() == changed_from:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < give_up
            time.sleep(0.05)
        return self.info()

    def info(self) -> dict:
        return json.loads(self.file.read_text(encoding="utf-8"))

    def said(self) -> str:
        self.process.wait(END_SECONDS)
        return self.process.stdout.read().decode()

    def end(self, number: signal.Signals) -> int:
        """Send it a signal; its exit code, once nothing of it is left."""
        pids = self.info()["pids"]
        self.process.send_signal(number)
        give_up = time.monotonic() + END_SECONDS
        code = self.process.wait(END_SECONDS)
        while left := [name for name, pid in pids.items() if is_running(pid)]:
            assert time.monotonic() < give_up, left
            time.sleep(0.05)
        lock = take_lock(self.home / "town" / "server.lock", wait_seconds=2)
        assert lock is not None, "a process of PostgreSQL is left"
        os.close(lock)
        return code


def is_running(pid: int) -> bool:
    """Whether there is such a process, other than one that only waits to be buried."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@contextmanager
def demo(home: Path, *arguments: str):
    running = Demo(home, *arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait(END_SECONDS)
        running.process.stdout.close()


@pytest.fixture
def home():
    with tempfile.TemporaryDirectory(prefix="mizon demo ", ignore_cleanup_errors=True) as path:
        yield Path(path)


def test_the_file_of_facts_is_whole_and_follows_what_was_restarted(home):
    """Meanwhile a neighbour asks for the same port, and somebody for the same data."""
    with demo(home / "one", "--port", "0", "--bills", "60") as running:
        info = running.wait_for_info()
        for name, parts in KEYS.items():
            assert set(parts) <= set(info[name]), name
        assert {one["role"] for one in info["staff"]} == {
            "finance_officer",
            "agency_clerk",
            "chief_accountant",
        }
        assert all({"role", "login", "password"} <= set(one) for one in info["staff"])
        assert len(info["bills"]) >= 60
        for bill in info["bills"][:3]:
            assert {"reference", "amount_minor", "currency", "page_url"} <= set(bill)
            assert httpx2.get(bill["page_url"]).status_code == 200
        assert running.file.stat().st_mode & 0o077 == 0  # there are keys in it
        with demo(home / "another", "--port", info["base_url"].rpartition(":")[2]) as neighbour:
            check_that_they_live_side_by_side(running, neighbour)
        for name in ("web", "worker", "postgres"):
            os.kill(info["pids"][name], signal.SIGKILL)
            after = running.wait_for_info(changed_from=info)
            while after["pids"][name] in {info["pids"][name], 0}:
                after = running.wait_for_info(changed_from=after)
            assert is_running(after["pids"][name])
            info = after
        assert httpx2.get(info["bills"][0]["page_url"], timeout=15).status_code == 200
        assert running.end(signal.SIGINT) == 0
        assert "Stopping the town" in running.said()


def test_kill_nine_leaves_nothing_running_and_the_money_is_there_at_the_next_start(home):
    with demo(home, "--port", "0") as first:
        info = first.wait_for_info()
        citizen = Citizen(info["base_url"])
        bill = info["bills"][0]
        start = citizen.send(f"/bills/{bill['reference']}/payments", provider="payme")
        paid = citizen.choose(start.answer.headers["location"])
        payment = path_of(paid.answer.headers["location"])
        receipt = citizen.open(payment).receipt
        assert receipt
        citizen.close()
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
    with demo(home, "--port", "0") as second:
        again = second.wait_for_info()
        assert again["staff"] == info["staff"]
        assert bill["reference"] not in {one["reference"] for one in again["bills"]}
        citizen = Citizen(again["base_url"])
        assert citizen.open(payment).receipt == receipt
        citizen.close()
        environment = {**os.environ, "MIZON_DATABASE_URL": again["database_url"]}
        proved = subprocess.run(
            [sys.executable, "-m", "service", "prove", "--json"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            check=False,
        )
        assert (proved.returncode, json.loads(proved.stdout)["holds"]) == (0, True)
        assert second.end(signal.SIGTERM) == 0


def check_that_they_live_side_by_side(running: Demo, neighbour: Demo) -> None:
    first, second = running.info(), neighbour.wait_for_info()
    assert first["base_url"] != second["base_url"]
    for info in (first, second):
        assert httpx2.get(info["bills"][0]["page_url"]).status_code == 200
    assert first["bills"][0]["reference"] != second["bills"][0]["reference"]
    uninvited = subprocess.run(
        [sys.executable, "-m", "service", "demo", "--data", str(neighbour.home / "town")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert uninvited.returncode == 2
    assert "Another Mizon is using this data folder" in uninvited.stderr
    assert neighbour.end(signal.SIGINT) == 0


def test_the_check_tells_the_whole_story_and_leaves_nothing_behind():
    began, before = time.monotonic(), set(Path(tempfile.gettempdir()).glob("mizon-check-*"))
    told = subprocess.run(
        [sys.executable, "-m", "service", "demo", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert time.monotonic() - began < CHECK_SECONDS
    assert "All of it came true" in told.stdout
    assert told.stdout.count("posted: ") >= 10
    assert set(Path(tempfile.gettempdir()).glob("mizon-check-*")) <= before

"""The drill: web, worker and PostgreSQL die in the middle of payments; no soʻm is lost or doubled."""

import os
import signal
import socket
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import httpx2
from sqlalchemy import create_engine, text

from foundation.database import Database
from service.demo.town_hall import TownHall, open_town
from tests.journeys.books import attempts, bill_now, differences, posted
from tests.journeys.traffic import Traffic

ROUNDS = 2
BETWEEN_SECONDS = 1.5
RECOVERY_SECONDS = 15
SETTLE_SECONDS = 45


def test_nothing_acknowledged_is_lost_and_nothing_is_posted_twice(record_property):
    with (
        tempfile.TemporaryDirectory(prefix="mizon-drill-", ignore_cleanup_errors=True) as home,
        open_town(Path(home), port=0, bills=400) as hall,
        closing(Database(hall.settings.database_url, name="mizon drill", pool_size=2)) as database,
    ):
        traffic = Traffic(hall.info())
        traffic.start(cards=3, paymes=2)
        try:
            for name in ("worker", "web", "postgres") * ROUNDS:
                keep_up(hall, BETWEEN_SECONDS)
                seconds = kill(hall, name, database)
                record_property(f"{name} back after", f"{seconds:.2f} s")
                say(f"{name} was killed and is back after {seconds:.2f} s")
            cut_connections(hall)
            keep_up(hall, BETWEEN_SECONDS)
        finally:
            traffic.stop()
        told = traffic.told
        assert told.refused == []
        began = time.monotonic()
        settle(hall, database, told.charged)
        say(f"all settled {time.monotonic() - began:.1f} s after the last payment")
        say(f"{len(told.charged)} by card, {len(told.performed)} by Payme")
        check_money(hall, database, told)
        assert differences(database) == []
        lose_the_port(hall)


def say(line: str) -> None:
    """Shown by `pytest -s`, and with a failure."""
    sys.stdout.write(f"{line}\n")


def kill(hall: TownHall, name: str, database: Database) -> float:
    """Kill -9 a process; the seconds until its work is done again."""
    victim, began = hall.pids[name], time.monotonic()
    os.kill(victim, signal.SIGKILL)

    def is_back() -> bool:
        return is_working(database) if name == "worker" else is_ready(hall)

    while hall.pids[name] in {victim, 0} or not is_back():
        assert time.monotonic() - began < RECOVERY_SECONDS, f"{name} does not come back"
        watch(hall)
    return time.monotonic() - began


def cut_connections(hall: TownHall) -> None:
    """Every connection to the database is ended at once, in the middle of whatever it was doing."""
    ending = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name IN ('mizon web', 'mizon worker')"
    )
    engine = create_engine(hall.settings.owner_database_url)
    with engine.connect() as connection:
        for _ in range(5):
            connection.execute(ending)
            time.sleep(0.2)
    engine.dispose()


def watch(hall: TownHall) -> None:
    """One look of the supervisor, as `mizon demo` takes it."""
    hall.keep_running()
    time.sleep(0.1)


def keep_up(hall: TownHall, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        watch(hall)


def is_ready(hall: TownHall) -> bool:
    try:
        return httpx2.get(f"{hall.settings.base_url}/readyz", timeout=0.5).status_code == 200
    except httpx2.TransportError:
        return False


def is_working(database: Database) -> bool:
    """The new worker has connected; it claims what waits as soon as it has."""
    with database.transaction() as session:
        found = text(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mizon worker'"
        )
        return session.execute(found).scalar_one() > 0


def settle(hall: TownHall, database: Database, references: set[str]) -> None:
    """Wait until every bill whose card was charged is paid; nobody helps but the town itself."""
    give_up = time.monotonic() + SETTLE_SECONDS
    while waiting := [one for one in references if bill_now(database, one).state != "paid"]:
        assert time.monotonic() < give_up, f"{len(waiting)} charged but not settled: {waiting[:3]}"
        keep_up(hall, 0.5)


def lose_the_port(hall: TownHall) -> None:
    """Somebody takes PostgreSQL's port while it is down: it moves, and its clients with it."""
    before, address = hall.settings.database_url, ("127.0.0.1", hall.server.port)
    os.kill(hall.pids["postgres"], signal.SIGKILL)
    with occupied(address):
        began = time.monotonic()
        while hall.settings.database_url == before or not is_ready(hall):
            assert time.monotonic() - began < RECOVERY_SECONDS
            watch(hall)


def occupied(address: tuple[str, int]) -> socket.socket:
    give_up = time.monotonic() + RECOVERY_SECONDS
    while True:
        try:
            return socket.create_server(address)
        except OSError:
            assert time.monotonic() < give_up
            time.sleep(0.01)


def check_money(hall: TownHall, database: Database, told) -> None:
    for reference in told.charged | told.performed:
        settled = [one for one in attempts(database, reference) if one.settled_at is not None]
        assert len(settled) == 1, reference
        owed = bill_now(database, reference)
        once = [part.minor for part in posted(database, settled[0])]
        assert sum(once) == owed.amount_minor
        back = [part.minor for part in posted(database, settled[0], "reversed")]
        assert back == (once if reference in told.given_back else [])
        assert owed.state == ("open" if reference in told.given_back else "paid")
    paid = "SELECT count(*) FROM payments.charge WHERE state = 'settled' AND provider = :provider"
    with database.transaction() as session:
        by_card = session.execute(text(paid), {"provider": "stripe"}).scalar_one()
        by_payme = session.execute(text(paid), {"provider": "payme"}).scalar_one()
    assert by_card == len(told.charged) == charged_by_the_provider(hall)
    assert by_payme == len(told.performed) - len(told.given_back)


def charged_by_the_provider(hall: TownHall) -> int:
    """How often the provider's own books say that it took money."""
    provider = hall.info()["stripe"]
    found, after = 0, ""
    while True:
        page = httpx2.get(
            f"{provider['api_url']}/v1/balance_transactions?limit=100{after}",
            headers={"Authorization": f"Bearer {provider['secret_key']}"},
        ).json()
        found += sum(line["type"] == "charge" for line in page["data"])
        if not page["has_more"]:
            return found
        after = f"&starting_after={page['data'][-1]['id']}"

"""Clients and PostgreSQL die of kill -9 under load: what was acknowledged is there once, all adds up."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from foundation.database import Database
from ledger.journals import Action, Outcome, journal_key
from migrations.upgrade import migrate
from service.embedded import DATABASE, SUPERUSER, EmbeddedServer
from tests.ledger.desk import CLEARING, INCOME, Desk
from tests.ledger.poster import MOST_AT_ONCE, call_at, journal_at, post_until_told

ROUNDS = int(os.environ.get("MIZON_DRILL", "1"))
CLIENTS, BETWEEN_SECONDS = 2, 0.7


@pytest.fixture
def durable() -> Iterator[EmbeddedServer]:
    """A server of its own, careful as in production: it is going to be killed."""
    with (
        tempfile.TemporaryDirectory(prefix="mizon-crash-", ignore_cleanup_errors=True) as home,
        EmbeddedServer(Path(home)) as server,
    ):
        migrate(server.url(SUPERUSER, DATABASE))
        yield server


@dataclass
class Client:
    """A process that posts; after its death another goes on from the call that had no answer."""

    url: str
    number: int
    log: Path
    process: subprocess.Popen[bytes] | None = None
    told: dict[int, tuple[int, int]] = field(default_factory=dict)

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.ledger.poster", self.url, str(self.number)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*command, str(self.reached)], stdout=log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        lines = self.log.read_text().rpartition("\n")[0].splitlines()
        for number, outcome, first_id in (
            line.split()[1:] for line in lines if line.startswith("told")
        ):
            self.told[int(number)] = (int(outcome), int(first_id))

    @property
    def reached(self) -> int:
        """The first number of the call that nobody has told it about whole."""
        number = 0
        while all(
            one in self.told for one in range(number, number + len(call_at(self.number, number)))
        ):
            number += len(call_at(self.number, number))
        return number


def test_whatever_dies_what_was_acknowledged_is_there_once_and_the_rest_settles(durable, tmp_path):
    with closing(Database(durable.url(SUPERUSER, DATABASE), pool_size=2)) as database:
        desk = Desk(database).open()
        clients = [Client(database.url, one, tmp_path / str(one)) for one in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(ROUNDS):
            for client in clients:
                time.sleep(BETWEEN_SECONDS)
                client.kill()
                client.start()
                time.sleep(BETWEEN_SECONDS)
                kill_the_server(durable)
        time.sleep(BETWEEN_SECONDS)
        for client in clients:
            client.kill()
        assert min(len(client.told) for client in clients) > 100
        check(database, desk, clients)


def kill_the_server(server: EmbeddedServer) -> None:
    killed = server.pid
    os.kill(killed, signal.SIGKILL)
    while server.pid in {killed, 0}:
        server.ensure_running()


def check(database: Database, desk: Desk, clients: list[Client]) -> None:
    expected = 0
    for client in clients:
        stored, reached = journals_of(database, client), client.reached
        assert client.told.items() <= stored.items()
        # What had no answer is at most one call; asked again it settles, whether it was done or not.
        in_doubt = call_at(client.number, reached)
        assert len(stored) - reached in {0, len(in_doubt)}
        postings = post_until_told(database, in_doubt)
        assert {posting.outcome for posting in postings} == {Outcome.POSTED}
        assert {posting.replayed for posting in postings} == {len(stored) > reached}
        for number in range(reached + len(in_doubt)):
            line = journal_at(client.number, number).lines[0]
            expected += 0 if line.action is Action.HOLD else line.amount.minor
    assert desk.standing(CLEARING).balance.minor == desk.standing(INCOME).balance.minor == expected
    desk.proves()


def journals_of(database: Database, client: Client) -> dict[int, tuple[int, int]]:
    """What the database has of a client's numbers: outcome and first id."""
    with database.transaction() as session:
        found = session.execute(
            text("SELECT journal, outcome, coalesce(first_id, 0) FROM ledger.journal")
        )
        stored = {row[0]: (row[1], row[2]) for row in found}
    keys = {
        n: journal_key(f"client {client.number}", str(n))
        for n in range(client.reached + MOST_AT_ONCE)
    }
    return {number: stored[key] for number, key in keys.items() if key in stored}

"""PostgreSQL from the wheel: its bad days, then its good ones. Everything here is a real server."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from service.embedded import (
    DataFromAnotherVersion,
    DataInUse,
    EmbeddedServer,
    SecretMissing,
)
from service.embedded.programs import choose_account, complaint_of, find_programs, lend_programs

OWNER = """
import sys, time
from pathlib import Path
from service.embedded import EmbeddedServer

with EmbeddedServer(Path(sys.argv[1]), throwaway=True) as server:
    try:  # before it is said: Ctrl-C may follow the words at once
        print(server.pid, server._keeper.pid, flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
print("stopped", flush=True)
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder made once; each test gets a copy."""
    home = tmp_path_factory.mktemp("template") / "data"
    with EmbeddedServer(home, throwaway=True) as server:
        ask(server, "CREATE TABLE kept (word text)")
    return home


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    return copy_with_owners(template, tmp_path / "data")


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(home, throwaway=True) as server:
        yield server


def copy_with_owners(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    for original in source.rglob("*"):
        status = original.stat()
        os.chown(target / original.relative_to(source), status.st_uid, status.st_gid)
    return target


def ask(server: EmbeddedServer, query: str) -> list[tuple]:
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


def setting(server: EmbeddedServer, name: str) -> str:
    return ask(server, f"SHOW {name}")[0][0]


def within(seconds: float, happened: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + seconds
    while not happened() and time.monotonic() < give_up:
        time.sleep(0.02)
    return happened()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat")  # dead, but nobody asked yet how it died
    return state.exists() and ") Z " in state.read_text()


def runtime_dir(home: Path) -> Path:
    return Path(json.loads((home / "last_start").read_text())["runtime_dir"])


def start_owner(home: Path) -> tuple[subprocess.Popen[str], int, int]:
    """Another process that owns a server in `home`, with the ids of its PostgreSQL and keeper."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert owner.stdout is not None
    postgres, keeper = map(int, owner.stdout.readline().split())
    return owner, postgres, keeper


class TestBadDays:
    def test_a_killed_server_comes_back_with_what_was_committed(self, home: Path) -> None:
        with EmbeddedServer(home) as server:  # durable, as people run it
            url, killed = server.superuser_url, server.pid
            ask(server, "INSERT INTO kept VALUES ('acknowledged')")
            os.kill(killed, signal.SIGKILL)
            assert within(5, lambda: server.pid == 0)

            server.ensure_running()

            assert server.pid not in {0, killed}
            assert server.superuser_url == url
            assert ask(server, "SELECT word FROM kept") == [("acknowledged",)]

    def test_a_child_too_busy_to_notice_the_killed_server_does_not_hold_up_the_next(
        self, server: EmbeddedServer
    ) -> None:
        with closing(psycopg.connect(server.superuser_url, autocommit=True)) as connection:
            child = connection.info.backend_pid
            connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000000000)")
            connection.pgconn.flush()
            time.sleep(0.2)
            os.kill(server.pid, signal.SIGKILL)
            assert within(5, lambda: server.pid == 0)

            server.ensure_running()

            assert is_gone(child)
            assert ask(server, "SELECT 1") == [(1,)]

    def test_a_killed_owner_leaves_no_server_behind_and_the_next_start_works(
        self, home: Path
    ) -> None:
        owner, postgres, keeper = start_owner(home)
        owner.kill()
        owner.communicate()

        assert within(5, lambda: is_gone(postgres) and is_gone(keeper))
        assert not runtime_dir(home).exists()
        with EmbeddedServer(home, throwaway=True) as server:
            assert ask(server, "SELECT 1") == [(1,)]

    def test_the_next_start_waits_for_the_server_of_a_killed_owner(self, home: Path) -> None:
        owner, postgres, _ = start_owner(home)
        owner.kill()
        owner.communicate()

        with EmbeddedServer(home, throwaway=True) as server:
            assert is_gone(postgres)
            assert ask(server, "SELECT 1") == [(1,)]

    def test_a_killed_owner_and_keeper_leave_no_server_behind_either(self, home: Path) -> None:
        owner, postgres, keeper = start_owner(home)
        left_behind = runtime_dir(home)
        os.kill(keeper, signal.SIGKILL)
        owner.kill()
        owner.communicate()

        with EmbeddedServer(home, throwaway=True) as server:
            assert is_gone(postgres)
            assert ask(server, "SELECT 1") == [(1,)]
        assert not left_behind.exists()

    def test_ctrl_c_in_the_terminal_ends_in_a_clean_stop(self, home: Path) -> None:
        owner, postgres, _ = start_owner(home)
        os.killpg(owner.pid, signal.SIGINT)
        said, _ = owner.communicate(timeout=10)

        assert said.split() == ["interrupted", "stopped"]
        assert is_gone(postgres)
        assert not (home / "postgres" / "postmaster.pid").exists()

    def test_an_initdb_cut_short_is_done_again(self, tmp_path: Path) -> None:
        (tmp_path / "unfinished" / "base").mkdir(parents=True)
        (tmp_path / "unfinished" / "PG_VERSION").write_text("18\n")

        with EmbeddedServer(tmp_path, throwaway=True) as server:
            assert ask(server, "SELECT 1") == [(1,)]
        assert not (tmp_path / "unfinished").exists()

    def test_a_stale_pid_file_with_the_pid_of_a_stranger_is_no_obstacle(self, home: Path) -> None:
        stranger = os.getpid()
        (home / "postgres" / "postmaster.pid").write_text(
            f"{stranger}\nx\n0\n5432\n/tmp\n\n0 0\nready\n"
        )

        with EmbeddedServer(home, throwaway=True) as server:
            assert server.pid != stranger
            assert ask(server, "SELECT 1") == [(1,)]

    def test_a_port_that_somebody_took_meanwhile_is_given_up(self, home: Path) -> None:
        with EmbeddedServer(home, throwaway=True) as server:
            taken = server.port
        with socket.create_server(("127.0.0.1", taken)), server:
            assert server.port != taken
            assert ask(server, "SELECT 1") == [(1,)]

    def test_a_second_owner_is_told_that_the_data_is_in_use(
        self, server: EmbeddedServer, home: Path
    ) -> None:
        with pytest.raises(DataInUse):
            EmbeddedServer(home).start()
        assert ask(server, "SELECT 1") == [(1,)]

    def test_data_of_another_postgresql_version_is_left_alone(self, home: Path) -> None:
        (home / "postgres" / "PG_VERSION").write_text("17\n")

        with pytest.raises(DataFromAnotherVersion) as refusal:
            EmbeddedServer(home).start()
        assert refusal.value.facts["found"] == "17"

    def test_a_lost_secret_is_told_before_anything_starts(self, home: Path) -> None:
        (home / "secret").unlink()

        with pytest.raises(SecretMissing):
            EmbeddedServer(home).start()

    def test_a_wrong_password_is_refused(self, server: EmbeddedServer) -> None:
        wrong = server.superuser_url.replace(server.password("mizon_admin"), "0" * 64)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)

    def test_the_socket_asks_for_the_password_too(self, server: EmbeddedServer, home: Path) -> None:
        folder = str(runtime_dir(home))
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(host=folder, port=server.port, user="mizon_admin", dbname="mizon")

    @pytest.mark.usefixtures("server")
    def test_the_server_never_runs_as_root(self, home: Path) -> None:
        runs_as = (home / "postgres" / "postmaster.pid").stat().st_uid
        assert runs_as != 0
        assert os.geteuid() in {0, runs_as}

    def test_programs_that_the_account_cannot_reach_are_lent_to_it(self, tmp_path: Path) -> None:
        wheel = find_programs().parent
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        for folder in (wheel, wheel.with_name(f"{wheel.name}.libs")):
            (closed / folder.name).symlink_to(folder)
        programs = closed / wheel.name / "pginstall18"
        account = choose_account(tmp_path / "no data yet")

        with tempfile.TemporaryDirectory(dir="/tmp") as lent:
            os.chown(lent, account.uid, account.gid)
            bin_dir = lend_programs(programs, account, Path(lent))

            assert bin_dir.is_relative_to(lent if os.geteuid() == 0 else closed)
            assert complaint_of(bin_dir.parent, account) == ""


class TestGoodDays:
    def test_data_survive_stop_and_start(self, home: Path) -> None:
        server = EmbeddedServer(home, throwaway=True)
        with server:
            url = server.superuser_url
            ask(server, "INSERT INTO kept VALUES ('written')")
        with server:
            assert ask(server, "SELECT word FROM kept") == [("written",)]
            assert server.superuser_url == url

    def test_stopping_twice_and_starting_twice_change_nothing(self, home: Path) -> None:
        server = EmbeddedServer(home, throwaway=True)
        server.start()
        pid = server.pid
        server.start()
        assert server.pid == pid
        server.stop()
        server.stop()
        assert server.pid == 0

    def test_a_restart_brings_a_new_server_on_the_same_address(
        self, server: EmbeddedServer
    ) -> None:
        before = server.pid, server.superuser_url
        server.restart()
        assert server.pid != before[0]
        assert server.superuser_url == before[1]

    def test_a_second_terminal_attaches_to_the_server_that_runs(
        self, server: EmbeddedServer, home: Path
    ) -> None:
        second = EmbeddedServer(home)

        assert second.attach()
        assert ask(second, "SELECT 1") == [(1,)]
        second.stop()
        assert ask(server, "SELECT 1") == [(1,)]
        server.stop()
        assert not second.attach()

    def test_a_long_path_with_spaces_is_fine(self, template: Path, tmp_path: Path) -> None:
        home = copy_with_owners(template, tmp_path / ("a folder " * 20).strip())
        assert len(str(home)) > 108

        with EmbeddedServer(home, throwaway=True) as server:
            assert ask(server, "SELECT 1") == [(1,)]

    def test_people_s_money_is_on_the_disk_before_it_is_answered(self, home: Path) -> None:
        with EmbeddedServer(home) as server:
            for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
                assert setting(server, name) == "on"

    def test_text_and_time_mean_the_same_on_every_machine(self, server: EmbeddedServer) -> None:
        assert setting(server, "TimeZone") == "UTC"
        assert setting(server, "server_encoding") == "UTF8"
        assert ask(server, "SELECT lower('ЎҚҒҲ')") == [("ўқғҳ",)]
        assert setting(server, "server_version").startswith("18.")

    def test_each_user_has_a_password_of_its_own(self, server: EmbeddedServer) -> None:
        assert server.password("mizon_service") != server.password("mizon_admin")
        assert server.url("mizon_service").endswith(f"@127.0.0.1:{server.port}/mizon")

    @pytest.mark.usefixtures("server")
    def test_only_we_can_read_the_folder(self, home: Path) -> None:
        assert home.stat().st_mode & 0o077 == 0
        assert (home / "secret").stat().st_mode & 0o077 == 0
        assert (home / "postgres").stat().st_mode & 0o077 == 0

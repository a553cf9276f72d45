"""A PostgreSQL server of our own: start, stop, keep running, and who may connect with which password.

Its folder holds `postgres/` (the data), `secret` (whence every password comes), `postgres.log`,
`last_start` (port and runtime folder) and two locks. `owner.lock` is held by the process that started
the server; `server.lock` is inherited by PostgreSQL and its children: once free, nobody touches the data.
"""

import hashlib
import hmac
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from foundation.errors import Conflict, Refused
from service.embedded import keeper
from service.embedded.cluster import (
    DATABASE,
    SUPERUSER,
    Surroundings,
    check_version,
    create_data,
    name_of,
)
from service.embedded.files import (
    POLL_SECONDS,
    free_port,
    is_free,
    program_of,
    take_lock,
    write_private,
)
from service.embedded.programs import ENVIRONMENT, choose_account, find_programs, lend_programs

HOST = "127.0.0.1"
RUNTIME_DIRS = Path("/tmp")  # noqa: S108 - TMPDIR may be too long for a socket, or closed to the server
START_SECONDS = 60  # after a crash the server first replays its log
LEFTOVERS_SECONDS = 15
ATTACH_SECONDS = 0.2  # somebody may just be looking whether the lock is free
STOP_SECONDS = 40
PORT_TRIES = 3
LOG_BYTES = 10_000_000
SETTINGS = {
    "listen_addresses": HOST,
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class DataInUse(Conflict):
    """Another Mizon is using this data folder; stop it first, or choose another folder."""


class DataBelongsToSomebodyElse(Conflict):
    """The data folder belongs to another user; run as that user, or choose another folder."""


class SecretMissing(Conflict):
    """The data is there, but the file with its secret is gone; put it back from the backup."""


class ServerStillRuns(Conflict):
    """An earlier PostgreSQL still uses the data; stop it first."""


class ServerDidNotStart(Refused):
    """PostgreSQL did not start; its log says why."""


class EmbeddedServer:
    """PostgreSQL 18 that lives in `data_dir` and stops with this process, whatever that dies of.

    Money is safe in it: every commit is on the disk before it is answered. `throwaway=True` gives that
    up for speed, in tests only. The folder, and throwing it away, are the caller's.
    """

    def __init__(self, data_dir: Path, *, throwaway: bool = False) -> None:
        self._home = Path(data_dir).absolute()
        self._data = self._home / "postgres"
        self._throwaway = throwaway
        self._owner_lock: int | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        self.log = self._home / "postgres.log"
        self.port = 0

    def start(self) -> None:
        """Start the server, creating its data the first time; return when it takes connections.

        Raises NoEmbeddedPostgres, DataInUse, DataBelongsToSomebodyElse, DataFromAnotherVersion,
        DataNotCreated, SecretMissing, ServerStillRuns and ServerDidNotStart.
        """
        find_programs()
        if self._owner_lock is None:
            self._owner_lock = own(self._home)
        with ExitStack() as undo:
            undo.callback(self.stop)
            self.ensure_running()
            undo.pop_all()

    def attach(self) -> bool:
        """Use the server that another Mizon already runs on this data; False when there is none.

        So that `mizon prove` works in a second terminal. Stopping it stays the owner's.
        """
        lines = self._pid_file()
        if not is_ready(lines):
            return False
        lock = take_lock(self._home / "owner.lock")
        if lock is not None:  # nobody holds it: the lines are from before a crash
            os.close(lock)
            return False
        self.port = int(lines[3])
        return True

    def stop(self) -> None:
        """Stop the server cleanly and let go of the data; nothing happens when it is stopped already."""
        self._dismiss_keeper()
        if self._owner_lock is not None:
            os.close(self._owner_lock)
            self._owner_lock = None

    def restart(self) -> None:
        """Stop and start; the port stays unless somebody took it meanwhile."""
        self._dismiss_keeper()
        self.ensure_running()

    def ensure_running(self) -> None:
        """Bring the server back if it died; cheap when it did not, so call it every second or so.

        Raises what `start` raises; the next call tries again.
        """
        if self._owner_lock is None:
            self.start()
        elif not self._is_kept():
            self._dismiss_keeper()
            self._launch()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the server; 0 when it is not running."""
        lines = self._pid_file()
        return int(lines[0]) if lines and self._is_kept() else 0

    @property
    def superuser_url(self) -> str:
        """Where migrations and backups connect."""
        return self.url(SUPERUSER, DATABASE)

    def url(self, user: str, database: str = DATABASE) -> str:
        """Where a user connects, with the password that `password` gives."""
        return f"postgresql://{user}:{self.password(user)}@{HOST}:{self.port}/{database}"

    def password(self, user: str) -> str:
        """The password a role is to be created with: always the same for the same data and user."""
        secret = self._home / "secret"
        if not secret.exists():
            raise SecretMissing(file=secret)
        return hmac.new(secret.read_bytes(), user.encode(), hashlib.sha256).hexdigest()

    def _launch(self) -> None:
        """Start on the port of last time, or on another one when somebody took that."""
        self.port = self._last_start().get("port", 0)
        for tries_left in reversed(range(PORT_TRIES)):
            if not (self.port and is_free(HOST, self.port)):
                self.port = free_port(HOST)
            try:
                self._launch_on_port()
            except ServerDidNotStart:
                if not tries_left or is_free(HOST, self.port):
                    raise
            else:
                return

    def _launch_on_port(self) -> None:
        with ExitStack() as undo, ExitStack() as passing:
            lock = self._wait_for_leftovers()
            passing.callback(os.close, lock)
            runtime_dir = self._new_runtime_dir()
            undo.callback(shutil.rmtree, runtime_dir, ignore_errors=True)
            account = choose_account(self._data)
            os.chown(runtime_dir, account.uid, account.gid)
            bin_dir = lend_programs(find_programs(), account, runtime_dir)
            around = Surroundings(bin_dir, account, runtime_dir, lock)
            self._prepare_data(around)
            undo.callback(self._dismiss_keeper)
            name, fds = passing.enter_context(name_of(self._data, account))
            self._keeper = self._start_keeper(around, name, (*fds, lock))
            self._wait_until_ready()
            undo.pop_all()

    def _wait_for_leftovers(self) -> int:
        """The lock on the data, once no process of an earlier start is left."""
        lock = take_lock(self._home / "server.lock")
        if lock is None:
            pid = self._pid_in_file()
            if program_of(pid) == "postgres":  # its keeper was killed too, and this is not Linux
                with suppress(OSError):
                    os.kill(pid, signal.SIGINT)
            lock = take_lock(self._home / "server.lock", wait_seconds=LEFTOVERS_SECONDS)
        if lock is None:
            raise ServerStillRuns(pid=self._pid_in_file(), folder=self._home)
        # Nobody is left: the pid in the file is free, or of a stranger whom PostgreSQL would mistake.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        return lock

    def _new_runtime_dir(self) -> Path:
        """A folder with a name short enough for sockets; written down, to be removed after a crash."""
        left_behind = Path(self._last_start().get("runtime_dir", ""))
        if left_behind.parent == RUNTIME_DIRS:
            shutil.rmtree(left_behind, ignore_errors=True)
        runtime_dir = tempfile.mkdtemp(prefix="mizon-", dir=RUNTIME_DIRS)
        facts = {"port": self.port, "runtime_dir": runtime_dir}
        write_private(self._home / "last_start", json.dumps(facts))
        return Path(runtime_dir)

    def _last_start(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self._home / "last_start").read_text()))
        except (OSError, ValueError):
            return {}

    def _prepare_data(self, around: Surroundings) -> None:
        secret = self._home / "secret"
        if not self._data.exists() and not secret.exists():
            write_private(secret, secrets.token_hex(32))
        password = self.password(SUPERUSER)
        if not self._data.exists():
            create_data(self._data, around, password=password, throwaway=self._throwaway)
        check_version(self._data)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))

    def _start_keeper(
        self, around: Surroundings, name: str, fds: tuple[int, ...]
    ) -> subprocess.Popen[bytes]:
        settings = SETTINGS | {
            "port": str(self.port),
            "unix_socket_directories": str(around.runtime_dir),
        }
        settings |= NOT_DURABLE if self._throwaway else {}
        order = {
            "command": [str(around.bin_dir / "postgres"), "-D", name]
            + [f"--{key}={value}" for key, value in settings.items()],
            "identity": around.account.identity,
            "environment": ENVIRONMENT,
            "inherited_fds": fds,
            "log": str(self.log),
            "runtime_dir": str(around.runtime_dir),
        }
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own script
                [sys.executable, "-I", "-S", keeper.__file__, json.dumps(order)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                pass_fds=fds,
                start_new_session=True,
            )

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + START_SECONDS
        while self._is_kept() and time.monotonic() < give_up:
            if is_ready(self._pid_file()):
                return
            time.sleep(POLL_SECONDS)
        raise ServerDidNotStart(log=self.log, said=last_complaint(self.log))

    def _is_kept(self) -> bool:
        return self._keeper is not None and self._keeper.poll() is None

    def _dismiss_keeper(self) -> None:
        """End the pipe that the keeper listens to; it stops the server and goes."""
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            self._keeper.wait(STOP_SECONDS)
            self._keeper = None

    def _pid_file(self) -> list[str]:
        """Its own lines about itself: pid, folder, start, port, socket, address, memory, status."""
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _pid_in_file(self) -> int:
        lines = self._pid_file()
        return int(lines[0]) if lines else 0


def is_ready(pid_file: list[str]) -> bool:
    """Whether the server says so itself, in the eighth line."""
    return [line.strip() for line in pid_file[7:8]] == ["ready"]


def own(home: Path) -> int:
    """Make the folder ours alone. Raises DataInUse and DataBelongsToSomebodyElse."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        lock = take_lock(home / "owner.lock", wait_seconds=ATTACH_SECONDS)
    except PermissionError as error:
        raise DataBelongsToSomebodyElse(folder=home) from error
    if lock is None:
        raise DataInUse(folder=home)
    return lock


def last_complaint(log: Path) -> str:
    """The line of the log that most likely says why."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return next((line for line in reversed(lines) if "FATAL" in line), lines[-1] if lines else "")

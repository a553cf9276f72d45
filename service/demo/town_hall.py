"""`mizon demo`: keep the town running: its database, its pages, its worker and its provider.

Children leave when this process does, however it ended; a child or a PostgreSQL that was killed is
started again. The listening sockets are ours: while the web process starts again, callers wait and
are not refused. Nothing is left behind but the town's own data folder.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from foundation.database import Database
from foundation.errors import Refusal
from ledger.evidence.notes import Signer
from payments.gateways.payme import ACCOUNT_FIELD
from service.demo.database import SERVICE_LOGIN, open_database
from service.demo.town import Town, build_town
from service.embedded import EmbeddedServer
from service.processes import LEAVES_WITH_PARENT
from service.sandbox import provider_settings
from service.settings import ROOT, TOWN, Settings

HOST = "127.0.0.1"
LEDGER_NAME = "ledger.namuna.example"
READY_SECONDS = 60
STOP_SECONDS = 6
WATCH_SECONDS = 0.25


@dataclass
class TownHall:
    """A running town."""

    settings: Settings
    town: Town
    server: EmbeddedServer | None
    home: Path
    sockets: dict[str, socket.socket]
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def pids(self) -> dict[str, int]:
        """Who runs as which process."""
        found = {name: child.pid for name, child in self.children.items()}
        if self.server is not None:
            found["postgres"] = self.server.pid
        return {"demo": os.getpid(), **found}

    def keep_running(self) -> bool:
        """Start again what has died; returns whether anything had to be started."""
        before = self.pids
        if self.server is not None:
            self.server.ensure_running()
            self._follow(self.server)
        for name in COMMANDS:
            child = self.children.get(name)
            if child is not None and child.poll() is not None:
                _end(child)
                child = None
            self.children[name] = child or self._spawn(name)
        if self.pids == before:
            return False
        write_whole(self.home / "environment.json", environment(self.settings))
        return True

    def info(self) -> dict[str, Any]:
        """What a script needs to drive this town."""
        provider = provider_settings(self.settings)
        base_url = self.settings.base_url
        return {
            "base_url": base_url,
            "pids": self.pids,
            "database_url": self.settings.database_url,
            "owner_database_url": self.settings.owner_database_url,
            "payme": {
                "url": provider.payme_endpoint_url,
                "login": provider.payme_login,
                "key": provider.payme_key,
                "account_field": ACCOUNT_FIELD,
            },
            "stripe": {
                "webhook_url": provider.stripe_webhook_url,
                "webhook_secret": provider.stripe_webhook_secret,
                "secret_key": provider.stripe_secret_key,
                "api_url": self.settings.sandbox_url,
            },
            "provider_url": self.settings.sandbox_url,
            "operator_account": self.settings.operator_account,
            "evidence": {
                "url": f"{base_url}/evidence",
                "public_key": Signer.read(self.settings.signing_key).public_text,
            },
            "staff": [vars(member) for member in self.town.staff],
            "bills": [
                {
                    "reference": bill.reference,
                    "amount_minor": bill.amount_minor,
                    "currency": bill.currency,
                    "page_url": f"{base_url}/bills/{bill.reference}",
                }
                for bill in self.town.bills
            ],
        }

    def stop(self) -> None:
        """Ask every child to end, then make it."""
        for child in self.children.values():
            child.terminate()
        give_up = time.monotonic() + STOP_SECONDS
        for child in self.children.values():
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=max(0.0, give_up - time.monotonic()))
            _end(child)

    def _follow(self, server: EmbeddedServer) -> None:
        """The database has moved when somebody took its port meanwhile: the children must know."""
        found = replace(
            self.settings,
            database_url=server.url(SERVICE_LOGIN),
            owner_database_url=server.superuser_url,
        )
        if found != self.settings:
            self.settings = found
            while self.children:
                _end(self.children.popitem()[1])

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        listening = self.sockets.get(name)
        fds = () if listening is None else (listening.fileno(),)
        command = [*COMMANDS[name], *(f"--fd={fd}" for fd in fds)]
        if name == "provider":
            command.append(f"--journal={self.home / 'provider.jsonl'}")
        with (self.home / f"{name}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "service", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment(self.settings), "PYTHONPATH": str(ROOT)},
                pass_fds=fds,
                start_new_session=True,  # Ctrl-C is ours to pass on, in order
            )


def _end(child: subprocess.Popen[bytes]) -> None:
    """Make sure that a child is gone, and with it the pipe that kept it here."""
    child.kill()
    child.wait()
    if child.stdin is not None:
        child.stdin.close()


COMMANDS: dict[str, tuple[str, ...]] = {
    "web": ("serve",),
    "worker": ("work",),
    "provider": ("provider",),
}


def environment(settings: Settings) -> dict[str, str]:
    """The settings, as a child reads them."""
    return {
        "MIZON_DATABASE_URL": settings.database_url,
        "MIZON_OWNER_DATABASE_URL": settings.owner_database_url,
        "MIZON_BASE_URL": settings.base_url,
        "MIZON_SANDBOX_URL": settings.sandbox_url,
        "MIZON_SANDBOX_SECRET": settings.sandbox_secret,
        "MIZON_OPERATOR_ACCOUNT": settings.operator_account,
        "MIZON_SIGNING_KEY": settings.signing_key,
        LEAVES_WITH_PARENT: "1",
    }


@contextmanager
def open_town(home: Path, *, port: int, bills: int, throwaway: bool = False) -> Iterator[TownHall]:
    """Bring a town up and, at the end, down again."""
    _ask_ourselves_directly()
    with ExitStack() as leaving:
        home.mkdir(parents=True, exist_ok=True)
        lives = leaving.enter_context(open_database(home, throwaway=throwaway))
        sockets = {
            name: leaving.enter_context(_listen(wanted))
            for name, wanted in (("web", port), ("provider", 0))
        }
        settings = Settings(
            database_url=lives.service_url,
            owner_database_url=lives.owner_url,
            base_url=_address(sockets["web"]),
            sandbox_url=_address(sockets["provider"]),
            sandbox_secret=_secret(home),
            signing_key=_signing_key(home),
        )
        with closing(Database(lives.service_url, name="mizon demo", pool_size=1)) as database:
            town = build_town(
                database, settings.operator_account, bills=bills, secret=settings.sandbox_secret
            )
        hall = TownHall(settings, town, lives.server, home, sockets)
        leaving.callback(hall.stop)
        hall.keep_running()
        wait_until_ready(hall)
        yield hall


def run_demo(*, port: int, bills: int, info: Path | None, data: Path | None) -> int:
    """Run a town until Ctrl-C."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if info is not None:
        info.parent.mkdir(parents=True, exist_ok=True)
        info.unlink(missing_ok=True)  # whoever waits for it must not read the last town's
    with open_town((data or TOWN).absolute(), port=port, bills=bills) as hall:
        _write_info(info, hall)
        _say(hall)
        while not stopping.wait(WATCH_SECONDS):
            _watch(hall, info)
        print("Stopping the town…", flush=True)
    return 0


def _watch(hall: TownHall, info: Path | None) -> None:
    try:
        if hall.keep_running():
            _write_info(info, hall)
    except Refusal as refusal:  # PostgreSQL could not be started; the next round tries again
        print(f"mizon: {refusal}", file=sys.stderr, flush=True)


def wait_until_ready(hall: TownHall) -> None:
    """Wait until pages and provider answer; says which log to read when one never does."""
    for name, url in (("web", hall.settings.base_url), ("provider", hall.settings.sandbox_url)):
        give_up = time.monotonic() + READY_SECONDS
        while not _answers(f"{url}/healthz"):
            if time.monotonic() > give_up or hall.children[name].poll() is not None:
                log = (hall.home / f"{name}.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{name} does not answer at {url}\n{log}")
            time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _secret(home: Path) -> str:
    """A random secret, made at the first start and kept with the town's data."""
    return _kept(home / "town-secret", secrets.token_hex(24))


def _signing_key(home: Path) -> str:
    """The key of the town's heads, likewise: nobody else's, and worth nothing outside it."""
    return _kept(home / "signing-key", Signer.new(LEDGER_NAME).private_text)


def _kept(path: Path, fresh: str) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(fresh, encoding="ascii")
    return path.read_text(encoding="ascii")


def _ask_ourselves_directly() -> None:
    """A proxy that the environment names is no way to our own address, here and in our children."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (HOST, os.environ.get(name))))


def _listen(port: int) -> socket.socket:
    """A socket on the wanted port, or on another one when somebody has it."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError:
        listening.bind((HOST, 0))
    listening.listen(512)
    return listening


def _address(listening: socket.socket) -> str:
    return f"http://{HOST}:{listening.getsockname()[1]}"


def _write_info(path: Path | None, hall: TownHall) -> None:
    if path is None:
        return
    write_whole(path, hall.info())


def write_whole(path: Path, told: Mapping[str, Any]) -> None:
    """Write JSON for this user's eyes, so that whoever reads it finds the whole of it."""
    partial = path.with_name(f".{path.name}.part")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(told, indent=2, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)


def _say(hall: TownHall) -> None:
    bills = hall.town.bills
    print(f"\nMizon is running: {hall.settings.base_url}\n")
    print("Pay a bill, as a citizen:")
    for bill in bills[:4]:
        print(f"  {hall.settings.base_url}/bills/{bill.reference}   {bill.amount}")
    print(f"  … {len(bills)} open bills in all\n")
    print(f"Work here, as staff: {hall.settings.base_url}/staff")
    for member in hall.town.staff:
        print(f"  {member.role:16} {member.login} / {member.password}")
    print(f"\nThe sandbox provider and bank (no real money): {hall.settings.sandbox_url}")
    print("  End the day there, then import its statement as the finance officer.")
    print("Ctrl-C ends it; the town's data stays for the next start.\n", flush=True)

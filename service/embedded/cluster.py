"""The data folder of a PostgreSQL server: create it whole or not at all, check it, give it a name."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import Conflict, Refused
from service.embedded.files import sync_folder
from service.embedded.programs import MAJOR_VERSION, Account, run

SUPERUSER = "mizon_admin"
DATABASE = "mizon"


class DataFromAnotherVersion(Conflict):
    """The data was written by another version of PostgreSQL; dump it with that one, load it into this."""


class DataNotCreated(Refused):
    """PostgreSQL could not create its data folder."""


@dataclass(frozen=True)
class Surroundings:
    """What every program of one start shares."""

    bin_dir: Path
    account: Account
    runtime_dir: Path
    lock: int


def create_data(data: Path, around: Surroundings, *, password: str, throwaway: bool) -> None:
    """Create the data with checksums, our superuser and an empty database, then give it its name.

    Killed in the middle, nothing has the name yet and the next start begins anew; the programs hold
    the lock, so that it waits for them first. Raises DataNotCreated.
    """
    unfinished = data.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    password_file = around.runtime_dir / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    for path in (unfinished, password_file):
        os.chown(path, around.account.uid, around.account.gid)

    with name_of(unfinished, around.account) as (name, fds):
        initdb = [str(around.bin_dir / "initdb"), "-D", name, f"--pwfile={password_file}", *CHOICES]
        run_or_refuse(initdb + ["--no-sync"] * throwaway, around, fds)
        single = [
            str(around.bin_dir / "postgres"),
            "--single",
            "-D",
            name,
            "-c",
            "exit_on_error=on",
        ]
        run_or_refuse([*single, "postgres"], around, fds, typed=f"CREATE DATABASE {DATABASE}\n")
    password_file.unlink()
    unfinished.rename(data)
    sync_folder(data.parent)


# PostgreSQL's own Unicode rules: Ў, Қ, Ғ, Ҳ have the same small letters on every machine.
CHOICES = (
    f"--username={SUPERUSER}",
    "--auth=scram-sha-256",
    "--data-checksums",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=PG_UNICODE_FAST",
    "--no-instructions",
)


def check_version(data: Path) -> None:
    """Raises DataFromAnotherVersion when this PostgreSQL cannot read the data."""
    found = (data / "PG_VERSION").read_text().strip()
    if found != MAJOR_VERSION:
        raise DataFromAnotherVersion(found=found, needed=MAJOR_VERSION, folder=data)


@contextmanager
def name_of(data: Path, account: Account) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A name by which the account reaches the data, and the open files that the name lives on.

    Another user than ourselves may not be able to walk there (/root is closed, and so should it stay): root
    opens the folder and hands it over.
    """
    if not account.is_somebody_else:
        yield str(data), ()
        return
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}", (folder,)
    finally:
        os.close(folder)


def run_or_refuse(
    command: list[str], around: Surroundings, fds: tuple[int, ...], *, typed: str = ""
) -> None:
    """Run a program to its end. Raises DataNotCreated with its last words."""
    done = run(command, around.account, inherited_fds=(*fds, around.lock), typed=typed)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise DataNotCreated(said=said[-1] if said else f"exit code {done.returncode}")

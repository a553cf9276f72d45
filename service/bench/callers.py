"""Call one function from many clients at once: by PostgreSQL's own pgbench, or else by psycopg."""

import multiprocessing
import os
import random
import re
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict

from foundation.database import APPLICATION_ROLE
from foundation.errors import Refused
from service.embedded.programs import ENVIRONMENT, find_programs

OPTIONS = f"-c role={APPLICATION_ROLE} -c timezone=UTC"
FEW_CALLS = 10
# Two accounts that differ: any two, or the last one and any other.
UNIFORM = """\
\\set debit random(:first, :last)
\\set credit :first + (:debit - :first + random(1, :last - :first)) % (:last - :first + 1)
"""
HOT = """\
\\set debit :last
\\set credit random(:first, :last - 1)
"""


class CallsFailed(Refused):
    """The calls that were to be measured did not all succeed."""


@dataclass(frozen=True)
class Call:
    """A statement over :debit and :credit, set anew for each call to two accounts in a range."""

    statement: str
    first: int
    last: int
    hot: bool


class Callers(Protocol):
    """Somebody who calls as fast as the answers come."""

    note: str

    def rate(self, url: str, call: Call, *, clients: int, seconds: float) -> float:
        """Calls a second of `clients` together, each waiting for its answer. Raises CallsFailed."""


def find_callers() -> Callers:
    """The pgbench beside the server's programs, or psycopg."""
    program = find_programs() / "bin" / "pgbench"
    return Pgbench(program) if program.exists() else Psycopg()


class Pgbench:
    """PostgreSQL's pgbench with prepared statements."""

    note = "single calls by pgbench, prepared statements"

    def __init__(self, program: Path) -> None:
        self._program = program

    def rate(self, url: str, call: Call, *, clients: int, seconds: float) -> float:
        """Calls a second; connecting is not counted. Raises CallsFailed."""
        threads = min(clients, os.cpu_count() or 1)
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write((HOT if call.hot else UNIFORM) + call.statement + ";\n")
            script.flush()
            # It takes whole seconds; a few calls of each client are for trying out.
            length = {"T": round(seconds)} if seconds >= 1 else {"t": FEW_CALLS}
            options = {"M": "prepared", "c": clients, "j": threads, "f": script.name, **length}
            command = [str(self._program), "--no-vacuum", f"--define=first={call.first}"]
            command += [f"--define=last={call.last}"]
            command += [f"-{name}{value}" for name, value in options.items()]
            done = subprocess.run(  # noqa: S603 - the wheel's own program
                command, capture_output=True, text=True, check=False, env=_environment(url)
            )
        found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
        if done.returncode != 0 or found is None:
            raise CallsFailed(said=(done.stderr or done.stdout)[-500:])
        return float(found[1])


class Psycopg:
    """Processes with a thread for each client; slower than pgbench, and so are the ratios' two sides."""

    note = "single calls by psycopg from Python, there is no pgbench here: compare ratios only"

    def rate(self, url: str, call: Call, *, clients: int, seconds: float) -> float:
        """Calls a second; connecting is not counted. Raises CallsFailed."""
        processes = min(clients, 2 * (os.cpu_count() or 1))
        shares = [clients // processes + (i < clients % processes) for i in range(processes)]
        # Spawned, not forked: nothing of ours, threads and connections included, goes along.
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
            jobs = [pool.submit(_rate_of_one_process, url, call, n, seconds) for n in shares]
            try:
                return sum(job.result() for job in jobs)
            except psycopg.Error as error:
                raise CallsFailed(said=str(error)) from error


def _rate_of_one_process(url: str, call: Call, clients: int, seconds: float) -> float:
    statement = re.sub(r"(?<!:):([a-z]\w*)", r"%(\1)s", call.statement).encode()
    with ExitStack() as leaving:
        connections = [
            leaving.enter_context(psycopg.connect(url, autocommit=True, options=OPTIONS))
            for _ in range(clients)
        ]
        began = time.perf_counter()

        def work(connection: psycopg.Connection[Any]) -> int:
            count = 0
            while time.perf_counter() < began + seconds:
                connection.execute(statement, _two_accounts(call), prepare=True)
                count += 1
            return count

        with ThreadPoolExecutor(clients) as threads:
            return sum(threads.map(work, connections)) / (time.perf_counter() - began)


def _two_accounts(call: Call) -> dict[str, int]:
    """What the scripts of pgbench set."""
    if call.hot:
        debit, credit = call.last, random.randint(call.first, call.last - 1)  # noqa: S311 - no secret
    else:
        debit, credit = random.sample(range(call.first, call.last + 1), 2)
    return {"debit": debit, "credit": credit}


def _environment(url: str) -> dict[str, str]:
    """The address as libpq's variables: a password on the command line could be read by everybody."""
    address = conninfo_to_dict(url)
    names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password"}
    named = {name: str(address[key]) for name, key in names.items()}
    return {**ENVIRONMENT, **named, "PGDATABASE": str(address["dbname"]), "PGOPTIONS": OPTIONS}

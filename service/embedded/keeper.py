"""The process between Mizon and its PostgreSQL: runs the server, and stops it when Mizon is gone.

Its standard input is a pipe that the owner holds open and never writes to: when the owner stops the server,
or dies of anything, kill -9 included, the pipe ends. It lives in a session of its own, so Ctrl-C in the
owner's terminal reaches neither the keeper nor the server. Started as a script with one JSON argument;
standard library only, so that it starts in milliseconds whatever happens to the packages.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

# Ways to stop, and the seconds that each is given.
PATIENCE = ((signal.SIGINT, 20), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def keep(order: dict[str, Any]) -> int:
    """Run the server until the owner goes or the server ends; answer with the server's exit code."""
    signals = signals_as_a_pipe()
    tell_linux(PR_SET_CHILD_SUBREAPER, 1)
    try:
        server = start(order)
        while server.poll() is None and not time_to_stop(signals):
            pass
        return stop(server)
    finally:
        shutil.rmtree(order["runtime_dir"], ignore_errors=True)


def start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start the server as the right user; hand it the lock on the data, which its children inherit too."""
    with Path(order["log"]).open("ab") as log:
        server = subprocess.Popen(  # noqa: S603 - the command comes from our own launcher
            order["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=order["environment"],
            pass_fds=order["inherited_fds"],
            preexec_fn=follow_the_keeper,  # noqa: PLW1509 - the keeper has no threads
            **order["identity"],
        )
    for fd in order["inherited_fds"]:
        os.close(fd)
    return server


def follow_the_keeper() -> None:
    """Stop the server even if the keeper is killed; elsewhere than on Linux the next start does it."""
    tell_linux(PR_SET_PDEATHSIG, signal.SIGINT)


def tell_linux(option: int, value: int) -> None:
    """Set a property of this process; other systems do not have it, and the rest works without."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


def signals_as_a_pipe() -> int:
    """Make the end of the server and the wish to stop readable, so that one select waits for everything."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return readable


def time_to_stop(signals: int) -> bool:
    """Sleep until something happens; True when the owner is gone or we were told to stop."""
    readable, _, _ = select.select([sys.stdin, signals], [], [])
    if sys.stdin in readable:
        return True
    return any(number != signal.SIGCHLD for number in os.read(signals, 64))


def stop(server: subprocess.Popen[bytes]) -> int:
    """Stop the server: cleanly, then at once (the next start replays its log), then by force."""
    for number, seconds in PATIENCE:
        if server.poll() is None:
            server.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(seconds)
    quit_orphans()
    return server.wait()


def quit_orphans() -> None:
    """End what a killed server left behind: a busy child would work on, and hold the data, for hours.

    On Linux they are our children now; elsewhere the next start waits for them.
    """
    with contextlib.suppress(OSError):
        for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            os.kill(int(pid), signal.SIGQUIT)


if __name__ == "__main__":
    sys.exit(abs(keep(json.loads(sys.argv[1]))))

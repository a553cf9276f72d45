"""The processes as people deploy them: web, worker and sandbox provider."""

import os
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from foundation.logs import configure_logs
from service.settings import read_settings

# A child of the demo leaves when the demo does, however that ended: its standard input closes.
LEAVES_WITH_PARENT = "MIZON_LEAVES_WITH_PARENT"
FAREWELL_SECONDS = 6


def serve(*, host: str, port: int, fd: int | None = None) -> int:
    """Pages and callbacks; on the listening socket `fd` when a parent has opened one."""
    _leave_with_parent()
    from service.app import create_app

    configure_logs("web")
    _run(create_app(read_settings()), host, port, fd)
    return 0


def run_worker() -> int:
    """Callbacks, sealing and scheduled jobs; what it settles at once shares its commits."""
    _leave_with_parent()
    from ledger.lane import Lane
    from service.scheduler import work
    from service.wiring import signers, till

    configure_logs("worker")
    settings = read_settings()
    keys = signers(settings)
    plain = till(settings, name="mizon worker")
    lane = Lane(plain.database, workers=2)
    try:
        work(replace(plain, lane=lane), keys)
    finally:
        lane.close()
        plain.database.close()
    return 0


def run_provider(*, host: str, port: int, fd: int | None = None, journal: Path | None) -> int:
    """The sandbox provider: a twin of Stripe, Payme and a bank."""
    _leave_with_parent()
    from payments.gateways.sandbox.app import create_provider
    from service.sandbox import provider_settings

    configure_logs("provider")
    _run(create_provider(provider_settings(read_settings()), journal), host, port, fd)
    return 0


def _run(app: object, host: str, port: int, fd: int | None) -> None:
    import uvicorn

    # Behind a proxy on the same machine or in compose the forwarded scheme is right; nobody else's is.
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        limit_concurrency=512,
    )
    uvicorn.Server(config).run(sockets=None if fd is None else [socket.socket(fileno=fd)])


def _leave_with_parent() -> None:
    if os.environ.get(LEAVES_WITH_PARENT):
        threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    os.read(
        sys.stdin.fileno(), 1
    )  # not through its buffer, whose lock would outlive the interpreter
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(FAREWELL_SECONDS)
    os._exit(1)  # still busy with somebody who does not answer; what was written down is enough

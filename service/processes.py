"""The processes as people deploy them: web, worker and sandbox provider."""

import os
import signal
import sys
import threading
from pathlib import Path

import uvicorn

from foundation.logs import configure_logs
from service.settings import read_settings

# A child of the demo leaves when the demo does, however that ended: its standard input closes.
LEAVES_WITH_PARENT = "MIZON_LEAVES_WITH_PARENT"


def serve(*, host: str, port: int) -> int:
    """Pages and callbacks."""
    from service.app import create_app

    configure_logs("web")
    _leave_with_parent()
    _run(create_app(read_settings()), host, port)
    return 0


def run_worker() -> int:
    """Callbacks and scheduled jobs."""
    from service.scheduler import work
    from service.wiring import till

    configure_logs("worker")
    _leave_with_parent()
    with_till = till(read_settings(), name="mizon worker")
    try:
        work(with_till)
    finally:
        with_till.database.close()
    return 0


def run_provider(*, host: str, port: int, journal: Path | None) -> int:
    """The sandbox provider: a twin of Stripe, Payme and a bank."""
    from payments.gateways.sandbox import create_provider
    from service.wiring import provider_settings

    configure_logs("provider")
    _leave_with_parent()
    _run(create_provider(provider_settings(read_settings()), journal), host, port)
    return 0


def _run(app: object, host: str, port: int) -> None:
    # Behind a proxy on the same machine or in compose the forwarded scheme is right; nobody else's is.
    uvicorn.run(
        app,  # type: ignore[arg-type]
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        limit_concurrency=512,
    )


def _leave_with_parent() -> None:
    if os.environ.get(LEAVES_WITH_PARENT):
        threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)

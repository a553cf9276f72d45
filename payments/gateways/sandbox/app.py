"""The provider as one web application, with the threads that deliver, expire and repeat."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

import stripe
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from foundation.errors import Refusal
from payments.gateways.sandbox import checkout
from payments.gateways.sandbox.control import bank_routes, settlement_routes
from payments.gateways.sandbox.hosted import hosted_routes
from payments.gateways.sandbox.index import index_routes
from payments.gateways.sandbox.payme import payme_routes
from payments.gateways.sandbox.payme_merchant import PaymeMerchant
from payments.gateways.sandbox.payme_payments import PaymePayments
from payments.gateways.sandbox.provider import Provider, ProviderSettings
from payments.gateways.sandbox.store import Store
from payments.gateways.sandbox.stripe_api import stripe_routes
from payments.gateways.sandbox.stripe_objects import new_id
from payments.gateways.sandbox.stripe_protocol import StripeRefusal
from payments.gateways.sandbox.webhooks import Courier

log = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 0.1
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def create_provider(settings: ProviderSettings, journal: Path | None) -> FastAPI:
    """Build the provider; with a `journal` file it remembers everything acknowledged, also after kill -9.

    Raises JournalBroken.
    """
    provider = Provider(settings, Store(journal))
    courier, merchant = Courier(provider), PaymeMerchant(provider)
    payments = PaymePayments(provider, merchant)
    workers = [
        Worker("deliver webhooks", courier.deliver_due),
        Worker("repeat payme calls", payments.advance_due),
        Worker("expire sessions", lambda: checkout.expire_due(provider)),
        Worker("finish debits", lambda: checkout.finish_debits(provider)),
    ]

    closing = (courier.close, merchant.close, provider.store.close)
    app = FastAPI(
        lifespan=_while(workers, closing), docs_url=None, redoc_url=None, openapi_url=None
    )
    app.middleware("http")(_with_headers)
    app.exception_handler(Refusal)(_refused)
    for router in (
        index_routes(provider),
        stripe_routes(provider),
        hosted_routes(provider, courier),
        # Before Payme's own: a register's address would otherwise read as a link.
        settlement_routes(provider),
        payme_routes(provider, merchant, payments),
        bank_routes(provider),
    ):
        app.include_router(router)
    return app


def _while(
    workers: Sequence["Worker"], closing: Sequence[Callable[[], None]]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for worker in workers:
            worker.start()
        yield
        for worker in workers:
            worker.stop()
        for close in closing:
            close()

    return lifespan


async def _with_headers(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.url.path.startswith("/v1/"):
        response.headers["Request-Id"] = new_id("req_")
        version = request.headers.get("stripe-version", str(stripe.api_version))
        response.headers["Stripe-Version"] = version
    return response


async def _refused(_: Request, refusal: Exception) -> JSONResponse:
    """Stripe's refusals in Stripe's shape, our own as problem details (RFC 9457)."""
    if isinstance(refusal, StripeRefusal):
        return JSONResponse(refusal.body, status_code=refusal.status)
    if not isinstance(refusal, Refusal):
        raise refusal
    problem = {
        "type": refusal.code(),
        "title": refusal.sentence(),
        "status": refusal.status,
        **{name: str(value) for name, value in refusal.facts.items()},
    }
    return JSONResponse(problem, status_code=refusal.status, media_type="application/problem+json")


class Worker:
    """A thread that repeats `task`, a tenth of a second apart, until it is told to stop."""

    def __init__(self, name: str, task: Callable[[], None]) -> None:
        self._task = task
        self._stopped = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the round under way, and no more."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(PAUSE_SECONDS):
            try:
                self._task()
            except OSError:
                # The journal could not be written: nothing was changed, so the next round tries again.
                log.exception("%s: the journal cannot be written", self._thread.name)

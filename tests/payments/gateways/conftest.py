"""A running provider, a shop that hears its webhooks and answers its Payme calls, and a clock to move."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import httpx2
import pytest
import requests
import stripe
import uvicorn
from fastapi import FastAPI, Request, Response

from foundation.clock import now
from payments.gateways.sandbox.app import create_provider
from payments.gateways.sandbox.provider import ProviderSettings

STRIPE_KEY = "sk_test_sandbox"
WEBHOOK_SECRET = "whsec_sandbox"
ACCOUNT = "20208000900000000001"
MERCHANT = "587f72c72cac0d162c722ae2"


class MovableClock:
    """Runs like the machine's, ahead of it by as much as a test has said."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return now() + self.ahead

    def forward(self, **by: int) -> None:
        self.ahead += timedelta(**by)


@dataclass
class Shop:
    """Takes webhooks and Payme calls, and keeps them; `refusals` webhooks are refused first."""

    refusals: int = 0
    refused: int = 0
    webhooks: list[tuple[bytes, str]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)

    def events(self) -> list[stripe.Event]:
        """The webhooks, each proved by Stripe's own check of its signature."""
        return [
            stripe.Webhook.construct_event(body, signature, WEBHOOK_SECRET)
            for body, signature in self.webhooks
        ]

    def types(self) -> list[str]:
        return [event.type for event in self.events()]

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/webhook")
        async def take(request: Request) -> Response:
            if self.refused < self.refusals:
                self.refused += 1
                return Response(status_code=503)
            self.webhooks.append((await request.body(), request.headers["stripe-signature"]))
            return Response(status_code=200)

        @app.post("/payme")
        async def answer(request: Request) -> Response:
            call = await request.json()
            self.calls.append(call)
            headers = request.headers
            self.sent.append((headers["authorization"], headers["content-type"]))
            status, body = self._answer(call)
            return Response(
                body if isinstance(body, bytes) else _json({**body, "id": call["id"]}),
                status_code=status,
            )

        return app

    def _answer(self, call: dict[str, Any]) -> tuple[int, Any]:
        prepared = self.answers.get(call["method"])
        if prepared:
            return prepared.pop(0)
        return 200, {"result": PAYME_RESULTS[call["method"]]}


PAYME_RESULTS: dict[str, dict[str, Any]] = {
    "CheckPerformTransaction": {"allow": True},
    "CreateTransaction": {"create_time": 1_000, "transaction": "ours", "state": 1},
    "PerformTransaction": {"transaction": "ours", "perform_time": 2_000, "state": 2},
    "CancelTransaction": {"transaction": "ours", "cancel_time": 3_000, "state": -1},
}


def _json(value: Any) -> bytes:
    return httpx2.Request("POST", "http://shop", json=value).read()


@contextmanager
def served(app: FastAPI, sock: socket.socket) -> Iterator[None]:
    """Serve the app on a listening socket until the block ends."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="on"))
    thread = Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    try:
        until(lambda: server.started)
        yield
    finally:
        server.should_exit = True
        thread.join()
        sock.close()


def until(true: Callable[[], object], *, seconds: float = 5) -> None:
    """Wait until it is true, at most so long."""
    ends = monotonic() + seconds
    while not true():
        assert monotonic() < ends, "it did not become true in time"
        sleep(0.02)


def listening() -> tuple[socket.socket, str]:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return sock, f"http://127.0.0.1:{sock.getsockname()[1]}"


@contextmanager
def quiet_twin(folder: Path) -> Iterator[httpx2.Client]:
    """The provider alone; its webhooks go where nobody reads them."""
    sock, url = listening()
    with (
        served(Shop().app(), sock),
        World(MovableClock(), Shop(), url, folder / "provider.jsonl").running() as browser,
    ):
        yield browser


@dataclass
class World:
    """The provider and the shop; `running` starts the provider again on the same journal."""

    clock: MovableClock
    shop: Shop
    shop_url: str
    journal: Path
    url: str = ""

    @contextmanager
    def running(self, journal: Path | None = None, **changes: Any) -> Iterator[httpx2.Client]:
        """The provider with its journal; yields a client without redirects to drive its pages."""
        sock, self.url = listening()
        settings = ProviderSettings(
            **{
                "base_url": self.url,
                "clock": self.clock,
                "stripe_secret_key": STRIPE_KEY,
                "stripe_webhook_url": f"{self.shop_url}/webhook",
                "stripe_webhook_secret": WEBHOOK_SECRET,
                "payme_endpoint_url": f"{self.shop_url}/payme",
                "payme_key": "k" * 36,
                "payme_merchant": MERCHANT,
                "collection_accounts": {"UZS": ACCOUNT},
            }
            | changes
        )
        app = create_provider(settings, journal or self.journal)
        with served(app, sock), httpx2.Client(base_url=self.url, timeout=20) as browser:
            yield browser

    @contextmanager
    def stripe(self, key: str = STRIPE_KEY) -> Iterator[stripe.StripeClient]:
        """Stripe's own SDK, talking to the twin."""
        with requests.Session() as session:
            yield stripe.StripeClient(
                key,
                base_addresses={"api": self.url},
                max_network_retries=2,
                http_client=stripe.RequestsClient(session=session, timeout=10),
            )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    shop = Shop()
    sock, url = listening()
    with served(shop.app(), sock):
        yield World(MovableClock(), shop, url, tmp_path / "provider.jsonl")


@pytest.fixture
def browser(world: World) -> Iterator[httpx2.Client]:
    with world.running() as client:
        yield client


@pytest.fixture
def sdk(world: World, browser: httpx2.Client) -> Iterator[stripe.StripeClient]:
    with world.stripe() as client:
        yield client


def order(amount_minor: int = 5_000_000, **more: Any) -> dict[str, Any]:
    """What Mizon asks of Stripe."""
    return {
        "mode": "payment",
        "client_reference_id": "charge-1",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "uzs",
                    "unit_amount": amount_minor,
                    "product_data": {"name": "Passport fee"},
                },
            }
        ],
        "metadata": {"payment_reference": "10100007000000000178"},
        "payment_intent_data": {"metadata": {"payment_reference": "10100007000000000178"}},
        "success_url": "http://shop.test/back?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://shop.test/cancelled",
        "locale": "ru",
        **more,
    }

"""A till with the real Stripe gateway before the provider's twin, and the door where callbacks come in."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from foundation.clock import now
from foundation.database import Database
from foundation.errors import Refusal
from foundation.ids import new_id
from payments.bills import Bill
from payments.breaks import BreakState, breaks_in
from payments.callbacks.dispatch import work_callbacks
from payments.callbacks.endpoint import callbacks_router
from payments.charges import Charge, Handle, find_charge
from payments.checkout import Till, start_checkout
from payments.gateways.payme import PaymeGateway
from payments.gateways.stripe import StripeGateway
from service.embedded import EmbeddedServer
from tests.conftest import TOWN
from tests.conftest import _copy as copy
from tests.given import Given
from tests.payments.callbacks.payme import Payme
from tests.payments.gateways.conftest import (
    STRIPE_KEY,
    WEBHOOK_SECRET,
    quiet_twin,
)
from tests.payments.stub import StubGateway
from tests.superuser import rows

ROTATED_SECRET = "whsec_the_next_one"


@pytest.fixture(scope="module")
def provider(tmp_path_factory) -> Iterator[httpx2.Client]:
    """The provider's twin, one for all tests of a module; its webhooks go where nobody reads them."""
    with quiet_twin(tmp_path_factory.mktemp("provider")) as browser:
        yield browser


@pytest.fixture(scope="module")
def stripe_gateway(provider: httpx2.Client) -> StripeGateway:
    url = str(provider.base_url).rstrip("/")
    return StripeGateway(STRIPE_KEY, [WEBHOOK_SECRET, ROTATED_SECRET], api_url=url)


def door(till: Till) -> TestClient:
    """The callbacks' routes alone, with refusals answered by their status."""
    app = FastAPI()
    app.include_router(callbacks_router(till))

    @app.exception_handler(Refusal)
    def refused(_: Request, refusal: Refusal) -> JSONResponse:
        return JSONResponse({"type": refusal.code()}, refusal.status)

    return TestClient(app)


def signed(body: bytes, secret: str = WEBHOOK_SECRET, at: datetime | None = None) -> dict[str, str]:
    """The header Stripe sends with this body."""
    stamp = int((at or now()).timestamp())
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={mac}"}


def event(type: str = "checkout.session.completed", **subject) -> dict:
    """An event in Stripe's shape."""
    kept = {"id": f"cs_{new_id().hex}", "object": "checkout.session"} | subject
    return {"id": f"evt_{new_id().hex}", "object": "event", "type": type, "data": {"object": kept}}


@dataclass
class Desk:
    """A payer, the provider and our door in one place; callbacks are delivered by hand."""

    till: Till
    client: TestClient
    browser: httpx2.Client
    given: Given
    stub: StubGateway

    @property
    def db(self) -> Database:
        return self.till.database

    def bill(self) -> Bill:
        return self.given.open_bill(at=now())

    def begin(self, bill: Bill) -> Charge:
        """An attempt to pay at the twin of Stripe."""
        handle, _ = start_checkout(
            self.till, bill.reference, provider="stripe", language="uz", at=now()
        )
        return self.charge(handle)

    def charge(self, handle: Handle) -> Charge:
        with self.db.transaction() as session:
            return find_charge(session, handle)

    def pay(self, charge: Charge, outcome: str = "pay") -> None:
        """What the payer does on the provider's page."""
        answer = self.browser.post(f"/c/pay/{charge.provider_ref}", data={"outcome": outcome})
        assert answer.status_code == (402 if outcome == "decline" else 303), answer.text

    def paid(self, bill: Bill) -> tuple[Charge, list[dict[str, Any]]]:
        """A payment made at the provider, of which we have heard nothing; and what it would tell."""
        charge = self.begin(bill)
        self.pay(charge)
        return charge, self.events(charge)

    def events(self, charge: Charge) -> list[dict[str, Any]]:
        """The provider's events about this attempt, oldest first."""
        bearer = {"Authorization": f"Bearer {STRIPE_KEY}"}
        told = self.browser.get("/v1/events?limit=100", headers=bearer).json()["data"]
        return [one for one in reversed(told) if str(charge.handle) in json.dumps(one)]

    def deliver(self, event: object, secret: str = WEBHOOK_SECRET) -> httpx2.Response:
        """Deliver an event, or raw bytes, with a right signature of now."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self.client.post("/callbacks/stripe", content=body, headers=signed(body, secret))

    def work(self) -> dict[str, int]:
        """Work what waits, now."""
        with self.db.transaction() as session:
            session.connection().exec_driver_sql(
                "UPDATE payments.callback SET next_attempt_at = clock_timestamp()"
                " WHERE state = 'stored'"
            )
        return work_callbacks(self.till, at=now())

    def breaks(self) -> list[str]:
        """The kinds of the open differences."""
        with self.db.transaction() as session:
            return [one.kind for one in breaks_in(session, BreakState.OPEN)]

    def inbox(self) -> list[tuple[str, int]]:
        """State and number of deliveries of each callback kept."""
        return rows(self.db.url, "SELECT state, deliveries FROM payments.callback ORDER BY 1")


@pytest.fixture(scope="module")
def away() -> Iterator[Database]:
    """A database that nobody answers for."""
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    yield database
    database.close()


@pytest.fixture(scope="module")
def shut_door(away: Database) -> TestClient:
    """A door behind which nothing can be kept: what it refuses, it refuses on sight."""
    gateway = StripeGateway("sk_test_unused", [WEBHOOK_SECRET])
    payme = PaymeGateway("587f72c72cac0d162c722ae2", key="k" * 36)
    return door(Till(away, {"stripe": gateway, "payme": payme}, "https://mizon.example"))


@pytest.fixture
def desk(
    db: Database, given: Given, provider: httpx2.Client, stripe_gateway: StripeGateway
) -> Desk:
    stub = StubGateway(name="stub")
    payme = PaymeGateway("587f72c72cac0d162c722ae2", key="k" * 36)
    till = Till(
        db, {"stripe": stripe_gateway, "payme": payme, "stub": stub}, "https://mizon.example"
    )
    return Desk(till, door(till), provider, given, stub)


@pytest.fixture
def payme(db: Database, given: Given) -> Payme:
    return Payme(db, given)


@pytest.fixture(scope="module")
def asker(server: EmbeddedServer, admin: Engine, templates: None) -> Iterator[Payme]:
    """Payme before one town for a whole module: for calls that leave nothing behind."""
    for url in copy(server, admin, TOWN):
        database = Database(url)
        yield Payme(database, Given(database))
        database.close()


@pytest.fixture
def bill(given: Given) -> Bill:
    return given.open_bill()

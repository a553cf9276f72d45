"""Webhooks: write down what happened, sign it as Stripe does, and deliver it until somebody says 2xx."""

import hmac
import json
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Final

import httpx2

from payments.gateways.sandbox import stripe_objects
from payments.gateways.sandbox.provider import Provider
from payments.gateways.sandbox.scenarios import NORMAL, Behaviour
from payments.gateways.sandbox.store import Record

log = logging.getLogger(__name__)

GIVE_UP_AFTER_MS: Final = 3 * 24 * 60 * 60 * 1_000
ANSWER_WITHIN_SECONDS: Final = 10
# Events of one cause are told this far apart, so that "out of order" means an order.
STEP_MS: Final = 100


def emit(
    provider: Provider, happened: Sequence[tuple[str, Record]], *, behaviour: Behaviour = NORMAL
) -> list[str]:
    """Write down one event per (type, object) and when each is to be told; answers the events' ids.

    Call it inside the change that made the facts: the fact and its telling are kept together.
    """
    store, at, now_ms = provider.store, provider.now(), provider.now_ms()
    events = [stripe_objects.event(name, fact, at=at) for name, fact in happened]
    for event in events:
        store.put("event", event)
    told = list(reversed(events)) if behaviour.newest_first else events
    for place, event in enumerate(told):
        for number, after_ms in enumerate(behaviour.webhooks_after_ms):
            delivery = {
                "id": f"{event['id']}.{number}",
                "event": event["id"],
                "first_ms": now_ms,
                "due_ms": now_ms + after_ms + place * STEP_MS,
                "attempts": 0,
            }
            store.put("delivery", delivery)
    return [str(event["id"]) for event in events]


def signature_header(body: bytes, *, secret: str, timestamp: int) -> str:
    """Stripe-Signature: HMAC-SHA256 of "t.body". Source: Stripe, "Verify webhook signatures manually"."""
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, sha256).hexdigest()
    return f"t={timestamp},v1={signed}"


def pause_ms(attempts: int) -> int:
    """How long to wait after so many failed attempts: 1, 2, 4, 8 … 60 seconds."""
    return 1_000 * min(1 << (attempts - 1), 60)


class Courier:
    """Delivers what is due, a few at a time; what was not taken is tried again later."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._client = httpx2.Client(timeout=ANSWER_WITHIN_SECONDS, trust_env=False)
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="webhooks")

    def close(self) -> None:
        """Finish what is on its way, then stop."""
        self._pool.shutdown()
        self._client.close()

    def deliver_due(self) -> None:
        """Try every delivery whose time has come, once."""
        now_ms = self._provider.now_ms()
        due = [one for one in self._provider.store.all("delivery") if one["due_ms"] <= now_ms]
        list(self._pool.map(self._deliver, sorted(due, key=lambda one: int(one["due_ms"]))))

    def wait_until_tried(self, event_ids: Sequence[str], *, timeout_seconds: int) -> None:
        """Wait until each event was told or at least tried: the webhook that overtakes the browser."""
        ends = time.monotonic() + timeout_seconds
        while time.monotonic() < ends and self._untried(event_ids):
            time.sleep(0.02)

    def _untried(self, event_ids: Sequence[str]) -> bool:
        deliveries = self._provider.store.all("delivery")
        return any(one["event"] in event_ids and not one["attempts"] for one in deliveries)

    def _deliver(self, delivery: Record) -> None:
        event = self._provider.store.find("event", delivery["event"])
        taken = event is not None and self._send(event)
        with self._provider.store.change():
            if taken and event is not None:
                self._provider.store.drop("delivery", delivery["id"])
                self._provider.store.put("event", {**event, "pending_webhooks": 0})
            else:
                self._postpone(delivery)

    def _send(self, event: Record) -> bool:
        settings = self._provider.settings
        # As it happened: the count of open deliveries is the only field that changes afterwards.
        body = json.dumps({**event, "pending_webhooks": 1}, separators=(",", ":")).encode()
        timestamp = self._provider.now_ms() // 1_000
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (Mizon sandbox)",
            "Stripe-Signature": signature_header(
                body, secret=settings.stripe_webhook_secret, timestamp=timestamp
            ),
        }
        try:
            answer = self._client.post(settings.stripe_webhook_url, content=body, headers=headers)
        except httpx2.RequestError as fault:
            log.info("webhook %s was not taken: %s", event["id"], fault)
            return False
        return answer.is_success

    def _postpone(self, delivery: Record) -> None:
        attempts, now_ms = delivery["attempts"] + 1, self._provider.now_ms()
        if now_ms - delivery["first_ms"] >= GIVE_UP_AFTER_MS:
            log.warning("webhook %s given up after %s attempts", delivery["event"], attempts)
            self._provider.store.drop("delivery", delivery["id"])
            return
        later = {**delivery, "attempts": attempts, "due_ms": now_ms + pause_ms(attempts)}
        self._provider.store.put("delivery", later)

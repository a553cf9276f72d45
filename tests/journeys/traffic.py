"""Clients that pay while things die: they repeat what was not answered, and note what was acknowledged."""

import base64
import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from foundation.clock import now

SYSTEM_FAILURE = -32400
PAUSE_SECONDS = 0.1
# What a page may answer while something is being started again; anything else is a fault of ours.
FINE = {200, 303, 404, 409, 503}

Bill = dict[str, Any]


@dataclass
class Acknowledged:
    """What somebody was told is done, so what must never be lost: by payment reference."""

    started: set[str] = field(default_factory=set)
    charged: set[str] = field(default_factory=set)
    performed: set[str] = field(default_factory=set)
    given_back: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)


class Traffic:
    """Threads at work on a town, each on its own bills; `stop` waits for what they have begun."""

    def __init__(self, info: dict[str, Any]) -> None:
        self.info = info
        self.told = Acknowledged()
        self._bills = iter(info["bills"])
        self._turn = threading.Lock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, *, cards: int, paymes: int) -> None:
        work: list[Callable[[httpx2.Client], None]] = [self._pay_by_card] * cards
        work += [self._pay_by_payme] * paymes + [self._repeat_webhooks]
        for number, what in enumerate(work):
            thread = threading.Thread(target=self._repeat, args=(what,), name=f"client {number}")
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, what: Callable[[httpx2.Client], None]) -> None:
        with httpx2.Client(base_url=self.info["base_url"], timeout=8) as http:
            while not self._stopping.is_set():
                what(http)

    def _next_bill(self) -> Bill:
        with self._turn:
            bill: Bill = next(self._bills)
        return bill

    def _pay_by_card(self, http: httpx2.Client) -> None:
        """The payer's browser: what is not answered is sent again, until the provider's page is there."""
        bill = self._next_bill()
        way = f"/bills/{bill['reference']}/payments"
        started = self._until(lambda: http.post(way, data={"provider": "stripe"}), {303})
        self.told.started.add(bill["reference"])
        paid = httpx2.post(started.headers["location"], data=self._choice(), timeout=15)
        assert paid.status_code == 303, paid.text
        self.told.charged.add(bill["reference"])
        self._look(http, paid.headers["location"])

    def _choice(self) -> dict[str, str]:
        behaviours = ("normal", "duplicates", "before_redirect")
        return {"outcome": "pay", "behaviour": behaviours[len(self.told.charged) % 3]}

    def _look(self, http: httpx2.Client, url: str) -> None:
        """A payer looks at the page a few times; whatever dies, it never shows a fault."""
        for _ in range(3):
            self._until(lambda: http.get(url), FINE - {503})
            time.sleep(PAUSE_SECONDS)

    def _pay_by_payme(self, _: httpx2.Client) -> None:
        """Payme itself: the same call again, with the same id and parameters, until it is answered."""
        bill, transaction = self._next_bill(), os.urandom(12).hex()
        reference = bill["reference"]
        account = {self.info["payme"]["account_field"]: reference}
        known = {"amount": bill["amount_minor"], "account": account}
        created = {"id": transaction, "time": time.time_ns() // 1_000_000, **known}
        if not self._call("CreateTransaction", created, 1):
            return
        if self._call("PerformTransaction", {"id": transaction}, 2):
            self.told.performed.add(reference)
            if len(self.told.performed) % 4 == 0 and self._call(
                "CancelTransaction", {"id": transaction, "reason": 5}, -2
            ):
                self.told.given_back.add(reference)

    def _call(self, method: str, params: dict[str, Any], state: int) -> bool:
        payme = self.info["payme"]
        basic = base64.b64encode(f"{payme['login']}:{payme['key']}".encode()).decode()
        body = {"method": method, "params": params, "id": 1}
        headers = {"Authorization": f"Basic {basic}"}
        while True:
            answer = self._until(
                lambda: httpx2.post(payme["url"], json=body, headers=headers, timeout=8), {200}
            ).json()
            error = answer.get("error", {}).get("code")
            if error == SYSTEM_FAILURE:
                time.sleep(PAUSE_SECONDS)
                continue
            if error is not None or answer["result"]["state"] != state:
                self.told.refused.append(f"{method}: {answer}")
                return False
            return True

    def _repeat_webhooks(self, _: httpx2.Client) -> None:
        """Every event that the provider knows, once more, as it may send each for three days."""
        stripe = self.info["stripe"]
        bearer = {"Authorization": f"Bearer {stripe['secret_key']}"}
        url = f"{stripe['api_url']}/v1/events?limit=20"
        for event in httpx2.get(url, headers=bearer, timeout=8).json()["data"]:
            body, stamp = json.dumps(event).encode(), int(now().timestamp())
            secret = stripe["webhook_secret"].encode()
            signed = hmac.new(secret, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
            headers = {"Stripe-Signature": f"t={stamp},v1={signed}"}
            self._until(
                lambda body=body, headers=headers: httpx2.post(
                    stripe["webhook_url"], content=body, headers=headers, timeout=8
                ),
                {200},
            )
        time.sleep(PAUSE_SECONDS)

    def _until(self, ask: Callable[[], httpx2.Response], wanted: set[int]) -> httpx2.Response:
        """Ask until there is an answer; "not available" is one that is asked again."""
        give_up = time.monotonic() + 40
        while True:
            try:
                answer = ask()
            except httpx2.TransportError:
                answer = None
            if answer is not None and answer.status_code in wanted:
                return answer
            if answer is not None and answer.status_code != 503:
                self.told.refused.append(f"{answer.status_code} {answer.url} {answer.text[:300]}")
            assert time.monotonic() < give_up, f"no answer: {answer}"
            time.sleep(PAUSE_SECONDS)

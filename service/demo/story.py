"""The demo's story, driven as its people would: over HTTP, with signed callbacks and real files."""

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2

from foundation.clock import now
from foundation.database import Database
from ledger.money import Money
from service.demo.journals import Journals, shown
from service.demo.town_hall import TownHall, environment
from service.settings import ROOT

PATIENCE_SECONDS = 15
TWELVE_HOURS_MILLISECONDS = 43_200_000


class StoryBroken(Exception):
    """Something did not happen as it should."""


class Story:
    """A citizen, Payme, a bank and a finance officer, acting on one town."""

    def __init__(self, hall: TownHall, say: Callable[[str], None]) -> None:
        self.info = hall.info()
        self.hall = hall
        self.say = say
        self.web = httpx2.Client(base_url=self.info["base_url"], timeout=10)
        self.provider = httpx2.Client(base_url=self.info["provider_url"], timeout=10)
        self.bills = list(self.info["bills"])
        self.journals = Journals(Database(self.info["database_url"], name="mizon story"))

    def tell(self) -> None:
        """Every chapter in turn. Raises StoryBroken at the first thing that is not as it should be."""
        with closing(self.journals.database):
            self.pay_by_card()
            self.pay_by_payme()
            self.pay_on_the_page_of_payme()
            self.pay_by_bank_transfer()
            self.settle_and_reconcile()
            self.prove()

    def pay_by_card(self) -> None:
        """Bill → hosted checkout → webhook, three times and out of order → receipt."""
        bill = self.bills.pop(0)
        self.say(f"A citizen opens bill {bill['reference']}: {_sum(bill)}")
        _expect(self.web.get(f"/bills/{bill['reference']}").status_code, 200, "the bill's page")
        sent = self.web.post(f"/bills/{bill['reference']}/payments", data={"provider": "stripe"})
        _expect(sent.status_code, 303, "start of the payment")
        checkout = sent.headers["location"]
        self.say(f"  is sent to the provider's own page: {checkout.partition('?')[0]}")
        paid = httpx2.post(checkout, data={"outcome": "pay", "behaviour": "duplicates"}, timeout=10)
        _expect(paid.status_code, 303, "payment at the provider")
        receipt = self._wait_for_receipt(paid.headers["location"])
        self.say(f"  the webhook came three times, out of order; receipt {receipt}, {_sum(bill)}")
        self._replay_events()
        self._say_posted()

    def pay_by_payme(self) -> None:
        """The sandbox sequence of Payme's Merchant API, every repeat answered equally."""
        bill, other = self.bills.pop(0), self.bills.pop(0)
        account, amount = {"reference": bill["reference"]}, bill["amount_minor"]
        self.say(f"Payme asks about bill {bill['reference']}: {_sum(bill)}")
        known = {"amount": amount, "account": account}
        _error(self._payme("CheckTransaction", {"id": "0"}, key="wrong"), -32504)
        _error(self._payme("CheckPerformTransaction", {**known, "amount": amount + 1}), -31001)
        _error(
            self._payme("CheckPerformTransaction", {**known, "account": {"reference": "1"}}), -31050
        )
        told = _result(self._payme("CheckPerformTransaction", known))
        _expect(told, {**told, "allow": True}, "CheckPerformTransaction")
        first, second, third = (_payme_id() for _ in range(3))
        created = self._twice("CreateTransaction", {"id": first, "time": _ms(), **known})
        _expect(created["state"], 1, "state of a created transaction")
        _error(self._payme("CreateTransaction", {"id": second, "time": _ms(), **known}), -31008)
        cancelled = self._twice("CancelTransaction", {"id": first, "reason": 3})
        _expect(cancelled["state"], -1, "state of a cancelled transaction")
        _result(self._payme("CreateTransaction", {"id": third, "time": _ms(), **known}))
        performed = self._twice("PerformTransaction", {"id": third})
        _expect(performed["state"], 2, "state of a performed transaction")
        self.say(f"  created, cancelled, created again, performed twice: posted once, {_sum(bill)}")
        _error(self._payme("PerformTransaction", {"id": first}), -31008)
        self._let_time_out(other)
        statement = {"from": _ms() - 2 * TWELVE_HOURS_MILLISECONDS, "to": _ms()}
        listed = _result(self._payme("GetStatement", statement))["transactions"]
        _expect([one["state"] for one in listed][-2:], [-1, 2], "states in GetStatement")
        self.say(f"  GetStatement lists {len(listed)} transactions, by Payme's time")
        self._say_posted()

    def pay_on_the_page_of_payme(self) -> None:
        """Bill → Payme's page → its calls to us, each first answer thrown away → receipt."""
        bill = self.bills.pop(0)
        self.say(f"A citizen pays bill {bill['reference']} on Payme's page: {_sum(bill)}")
        sent = self.web.post(f"/bills/{bill['reference']}/payments", data={"provider": "payme"})
        _expect(sent.status_code, 303, "start of the payment")
        choice = {"outcome": "pay", "behaviour": "answer_lost"}
        paid = httpx2.post(sent.headers["location"], data=choice, timeout=10)
        _expect(paid.status_code, 303, "payment at Payme")
        receipt = self._wait_for_receipt(paid.headers["location"])
        self.say(f"  each of its calls came twice; receipt {receipt}, {_sum(bill)}")
        self._say_posted()

    def pay_by_bank_transfer(self) -> None:
        """One payer writes the reference into the bank's form; another one forgets it."""
        bill = self.bills.pop(0)
        self._bank("transfers", bill["amount_minor"], f"Toʻlov {bill['reference']} pasport")
        self._bank("transfers", 77_000_00, "toʻlov")
        self.say(
            f"Two people pay at their bank: {_sum(bill)} with its reference, 77 000.00 UZS without"
        )

    def settle_and_reconcile(self) -> None:
        """Settlement reports, payouts, a camt.053 file, twice; then reconcile."""
        payouts = self.provider.post("/settlement", json={"provider": "all"}).json()["payouts"]
        for payout in payouts:
            gross, fee, net = (_amount(payout, part) for part in ("gross", "fee", "net"))
            self.say(f"{payout['provider']} announces payout {payout['payout_id']}: {net}")
            self.say(f"  {gross} gross, {fee} in fees, items: {payout['items']}")
        closed = self.provider.post("/bank/statements", json={}).json()
        path = self.hall.home / "statement.xml"
        path.write_bytes(httpx2.get(closed["url"], timeout=10).content)
        self.say(f"The bank closes its statement: {closed['entries']} entries, a camt.053 file")
        checked = json.loads(self._mizon("bank", "check", str(path), "--json"))
        _expect(checked["verdict"], "accepted", "the gate's verdict")
        _expect([one["provider"] for one in payouts], ["stripe", "payme"], "the payouts")
        lines = json.loads(self._mizon("bank", "import", str(path), "--json"))["lines"]
        again = json.loads(self._mizon("bank", "import", str(path), "--json"))
        _expect((again["known_before"], again["lines"]), (True, 0), "the second import")
        self.say(f"  imported twice: {lines} lines, then 0")
        counts = json.loads(self._mizon("reconcile", "--json"))["counts"]
        _expect(
            (counts["payouts"], counts["bank_transfers"]), (len(payouts), 1), "what was matched"
        )
        _expect(counts["suspense"], 1, "what nobody could match")
        self.say(f"Reconciled: {json.dumps(counts)}")
        self._say_posted()

    def prove(self) -> None:
        """Recompute everything from the transfers."""
        told = json.loads(self._mizon("prove", "--json"))
        _expect([one for one in told["checks"] if one["difference"]], [], "the proof")
        for check in told["checks"]:
            self.say(f"  holds: {check['sentence']} ({check['examined']})")

    def _wait_for_receipt(self, url: str) -> str:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            page = httpx2.get(url, timeout=10).text
            if found := re.search(r"\b\d{4}-\d{4}-\d{7}\b", page):
                return found.group()
            time.sleep(0.2)
        raise StoryBroken(f"no receipt after {PATIENCE_SECONDS} seconds: {url}")

    def _say_posted(self) -> None:
        for line in self.journals.new():
            self.say(f"    posted: {line}")

    def _replay_events(self) -> None:
        """The same signed events once more, and one with a forged signature."""
        stripe = self.info["stripe"]
        bearer = {"Authorization": f"Bearer {stripe['secret_key']}"}
        for event in self.provider.get("/v1/events", headers=bearer).json()["data"]:
            body = json.dumps(event).encode()
            again = self._webhook(body, stripe["webhook_secret"])
            _expect((again.status_code, again.json()["new"]), (200, False), "a repeated event")
            _expect(
                self._webhook(body, "whsec_of_somebody_else").status_code, 400, "a forged event"
            )
        self.say("  every event sent once more: known; with another signature: refused")

    def _webhook(self, body: bytes, secret: str) -> httpx2.Response:
        stamp = int(now().timestamp())
        signed = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={stamp},v1={signed}"}
        return httpx2.post(
            self.info["stripe"]["webhook_url"], content=body, headers=headers, timeout=10
        )

    def _let_time_out(self, bill: dict[str, Any]) -> None:
        """A transaction whose twelve hours end in a moment."""
        late = _payme_id()
        known = {"amount": bill["amount_minor"], "account": {"reference": bill["reference"]}}
        began = _ms() - TWELVE_HOURS_MILLISECONDS + 1_500
        _result(self._payme("CreateTransaction", {"id": late, "time": began, **known}))
        time.sleep(1.6)
        _error(self._payme("PerformTransaction", {"id": late}), -31008)
        told = _result(self._payme("CheckTransaction", {"id": late}))
        _expect((told["state"], told["reason"]), (-1, 4), "a transaction after twelve hours")
        self.say(
            "  one that waited twelve hours is cancelled with reason 4; its bill is free again"
        )

    def _twice(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        first, second = (_result(self._payme(method, params)) for _ in range(2))
        _expect(second, first, f"the repeated {method}")
        return first

    def _payme(self, method: str, params: dict[str, Any], key: str = "") -> dict[str, Any]:
        payme = self.info["payme"]
        secret = base64.b64encode(f"{payme['login']}:{key or payme['key']}".encode()).decode()
        answer = httpx2.post(
            payme["url"],
            json={"method": method, "params": params, "id": 1},
            headers={"Authorization": f"Basic {secret}"},
            timeout=10,
        )
        _expect(answer.status_code, 200, "Payme's HTTP status")
        told: dict[str, Any] = answer.json()
        return told

    def _bank(self, what: str, amount_minor: int, purpose: str) -> None:
        order = {
            "amount_minor": amount_minor,
            "purpose": purpose,
            "payer_name": "Jasur Toxtayev",
            "payer_account": "22618000905703819001",
        }
        _expect(self.provider.post(f"/bank/{what}", json=order).status_code, 201, "a bank transfer")

    def _mizon(self, *command: str) -> str:
        ran = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "service", *command],
            env={**os.environ, **environment(self.hall.settings), "PYTHONPATH": str(ROOT)},
            cwd=Path.cwd(),
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise StoryBroken(f"mizon {' '.join(command)}: {ran.stdout} {ran.stderr}")
        return ran.stdout


def _expect(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise StoryBroken(f"{what}: expected {expected}, found {found}")


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    if "result" not in answer:
        raise StoryBroken(f"Payme was refused: {answer}")
    result: dict[str, Any] = answer["result"]
    return result


def _error(answer: dict[str, Any], code: int) -> None:
    _expect(answer.get("error", {}).get("code"), code, "Payme's error code")


def _payme_id() -> str:
    return os.urandom(12).hex()


def _ms() -> int:
    return time.time_ns() // 1_000_000


def _sum(bill: dict[str, Any]) -> str:
    return _amount(bill, "amount")


def _amount(record: dict[str, Any], name: str) -> str:
    """As people write it: "412 000.00 UZS"."""
    return shown(Money(record[f"{name}_minor"], record["currency"]))

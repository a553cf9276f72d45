"""Payme, calling us in tests: its calls, its clock, its key."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from foundation.database import Database
from ledger.accounts import AccountKey
from ledger.chart import PROVIDER_CLEARING
from payments.bills import Bill
from payments.callbacks.payme.records import milliseconds
from payments.callbacks.payme.server import answer
from payments.gateways.payme import PaymeGateway
from tests.given import NOON, Given

KEY = "k" * 36
GATEWAY = PaymeGateway("587f72c72cac0d162c722ae2", key=KEY)
RIGHT = "Basic " + base64.b64encode(f"Paycom:{KEY}".encode()).decode()
FEE = 412_000_00
CLEARING = AccountKey(PROVIDER_CLEARING, "payme", "UZS")
TWELVE_HOURS = timedelta(hours=12)


@dataclass
class Payme:
    """Payme, calling us; its clock is NOON unless a call says otherwise."""

    database: Database
    given: Given

    def raw(self, body: bytes, authorization: str = RIGHT, at: datetime = NOON) -> dict[str, Any]:
        told = answer(self.database, GATEWAY, body, authorization, at=at)
        json.dumps(told, ensure_ascii=False, allow_nan=False).encode()  # it can be sent
        assert told.get("error", {}).get("code") != -32400, "an exception was caught: our fault"
        return told

    def call(self, method: str, at: datetime = NOON, **params: Any) -> dict[str, Any]:
        return self.raw(
            json.dumps({"method": method, "params": params, "id": 7}, default=int).encode(), at=at
        )

    def result(self, method: str, at: datetime = NOON, **params: Any) -> dict[str, Any]:
        told = self.call(method, at, **params)
        assert "result" in told, told
        assert told["id"] == 7
        return told["result"]

    def error(self, method: str, at: datetime = NOON, **params: Any) -> int:
        told = self.call(method, at, **params)
        assert set(told) == {"error", "id"}, told
        assert {"uz", "ru", "en"} == set(told["error"]["message"])
        assert all(told["error"]["message"].values())
        return told["error"]["code"]

    def create(self, bill: Bill, id: str = "", at: datetime = NOON, **changes: Any) -> str:
        """A created transaction's id."""
        made = id or new()
        self.result("CreateTransaction", at, **asked(bill, made, **changes))
        return made

    def performed(self, bill: Bill, at: datetime = NOON) -> str:
        made = self.create(bill, at=at)
        self.result("PerformTransaction", at, id=made)
        return made

    def state(self, id: str) -> tuple[int, int | None]:
        told = self.result("CheckTransaction", id=id)
        return told["state"], told["reason"]


def new() -> str:
    """An id as Payme makes them: 24 hexadecimal characters."""
    return uuid4().hex[:24]


def asked(bill: Bill, id: str, time: datetime = NOON, **changes: Any) -> dict[str, Any]:
    """The parameters of a Create."""
    return {
        "id": id,
        "time": milliseconds(time),
        "amount": bill.amount_minor,
        "account": {"reference": bill.reference},
    } | changes


def about(bill: Bill, **changes: Any) -> dict[str, Any]:
    """The parameters of a CheckPerform."""
    return {"amount": bill.amount_minor, "account": {"reference": bill.reference}} | changes


def at(seconds: int) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def basic(credentials: str) -> str:
    """HTTP Basic credentials."""
    return "Basic " + base64.b64encode(credentials.encode()).decode()


VALID: dict[str, dict[str, Any]] = {
    "CheckPerformTransaction": {"amount": 1, "account": {"reference": "1"}},
    "CreateTransaction": {"id": "a", "time": 1, "amount": 1, "account": {"reference": "1"}},
    "PerformTransaction": {"id": "a"},
    "CancelTransaction": {"id": "a", "reason": 3},
    "CheckTransaction": {"id": "a"},
    "GetStatement": {"from": 1, "to": 2},
    "SetFiscalData": {"id": "a", "type": "PERFORM", "fiscal_data": {}},
    "ChangePassword": {"password": "another"},
}

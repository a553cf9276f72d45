"""Payme's side of its Merchant API: call the shop's JSON-RPC endpoint, and keep one's own list."""

import json
from base64 import b64encode
from collections.abc import Mapping
from itertools import count
from secrets import token_hex
from typing import Any, Final

import httpx2

from payments.gateways.sandbox.provider import Provider
from payments.gateways.sandbox.store import Record

ANSWER_WITHIN_SECONDS: Final = 10
SYSTEM_FAILURE: Final = -32400


class AnswerLost(Exception):
    """The shop did not answer in the protocol: what it did is not known."""


class PaymeMerchant:
    """The shop as Payme sees it: an address, a key, and answers that may be lost."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        settings = provider.settings
        login = b64encode(f"{settings.payme_login}:{settings.payme_key}".encode()).decode()
        self._client = httpx2.Client(
            timeout=ANSWER_WITHIN_SECONDS,
            trust_env=False,
            headers={"Authorization": f"Basic {login}", "Content-Type": "text/json"},
        )
        self._numbers = count(1)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def call(self, method: str, params: Mapping[str, Any]) -> Record:
        """One signed call; its answer holds `result` or `error`, and our list follows the results.

        Raises AnswerLost for anything but HTTP 200 with a JSON-RPC answer to this very call.
        """
        number = next(self._numbers)
        body = {"method": method, "params": params, "id": number}
        try:
            response = self._client.post(
                self._provider.settings.payme_endpoint_url, content=json.dumps(body).encode()
            )
            answer = response.json()
        except (httpx2.RequestError, ValueError) as fault:
            raise AnswerLost(f"{method}: {fault}") from fault
        _check_answer(response.status_code, answer, number=number)
        if "result" in answer and answer.get("error") is None:
            self._note(method, params, answer["result"])
        return dict(answer)

    def _note(self, method: str, params: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Keep our own list of transactions in step with what the shop acknowledged."""
        with self._provider.store.change():
            named = str(params.get("id", ""))
            known = self._provider.store.find("payme_transaction", named) or {"state": 0}
            match method:
                case "CreateTransaction" if known["state"] == 0:
                    now = {**new_transaction(named, params), **known, **_times(result), "state": 1}
                case "PerformTransaction" if known["state"] == 1:
                    now = {**known, **_times(result), "state": 2}
                case "CancelTransaction" if known["state"] in {1, 2}:
                    state, reason = -int(known["state"]), params.get("reason")
                    now = {**known, **_times(result), "state": state, "reason": reason}
                case _:
                    return
            self._provider.store.put("payme_transaction", now)


def new_transaction_id() -> str:
    """24 hexadecimal characters, as Payme's ids are."""
    return token_hex(12)


def new_transaction(id: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """A transaction that the shop has not acknowledged yet (state 0); times are milliseconds."""
    return {
        "id": id,
        "time": params["time"],
        "amount": params["amount"],
        "account": dict(params["account"]),
        "transaction": None,
        "create_time": 0,
        "perform_time": 0,
        "cancel_time": 0,
        "state": 0,
        "reason": None,
    }


def _times(result: Mapping[str, Any]) -> dict[str, Any]:
    names = ("transaction", "create_time", "perform_time", "cancel_time")
    return {name: result[name] for name in names if name in result}


def _check_answer(status: int, answer: object, *, number: int) -> None:
    """Payme takes only HTTP 200 for an answer, and a system failure for none. Raises AnswerLost."""
    if status != httpx2.codes.OK or not isinstance(answer, dict) or answer.get("id") != number:
        raise AnswerLost(f"HTTP {status}: {str(answer)[:200]}")
    result, error = answer.get("result"), answer.get("error")
    if not isinstance(result, dict) and not isinstance(error, dict):
        raise AnswerLost(f"neither result nor error: {str(answer)[:200]}")
    if isinstance(error, dict) and error.get("code") == SYSTEM_FAILURE:
        raise AnswerLost(f"system failure: {str(error)[:200]}")

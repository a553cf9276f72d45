"""Payme payments: walk one payment through the shop's methods, repeat what was lost, give up in order."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from payments.gateways.sandbox.payme_links import CheckoutLink
from payments.gateways.sandbox.payme_merchant import (
    AnswerLost,
    PaymeMerchant,
    new_transaction,
    new_transaction_id,
)
from payments.gateways.sandbox.provider import Provider
from payments.gateways.sandbox.scenarios import PaymeConduct
from payments.gateways.sandbox.store import Record
from payments.gateways.sandbox.webhooks import pause_ms

log = logging.getLogger(__name__)

# Reasons of CancelTransaction. Source: Payme, "Merchant API: reasons".
DEBIT_FAILED, EXECUTION_ERROR, TIMEOUT, REFUND = 2, 3, 4, 5
CANNOT_CANCEL: Final = -31007

METHODS: Final = {
    "check": "CheckPerformTransaction",
    "create": "CreateTransaction",
    "perform": "PerformTransaction",
    "cancel": "CancelTransaction",
}
STEPS: Final = {
    PaymeConduct.NORMAL: ("check", "create", "perform"),
    PaymeConduct.ANSWER_LOST: ("check", "create", "perform"),
    PaymeConduct.CANCEL_AFTER_CREATE: ("check", "create", f"cancel {EXECUTION_ERROR}"),
    PaymeConduct.REFUND_AFTER_PERFORM: ("check", "create", "perform", f"cancel {REFUND}"),
}
DECLINED_STEPS: Final = ("check", "create", f"cancel {DEBIT_FAILED}")

# After so many lost answers to one call (about four minutes) Payme calls it off instead.
MOST_ATTEMPTS: Final = 10
# Who takes a step holds it this long: longer than a call may last, so a dead process frees it.
HOLD_MS: Final = 15_000


class PaymePayments:
    """Payments under way; each step is written down before and after it is taken."""

    def __init__(self, provider: Provider, merchant: PaymeMerchant) -> None:
        self._provider = provider
        self._store = provider.store
        self._merchant = merchant

    def start(self, link: CheckoutLink, *, conduct: PaymeConduct, declined: bool = False) -> str:
        """Write the payment of a link down; answers its id.

        A link that is being paid, or was, keeps its transaction: two submits are one payment.
        """
        with self._store.change():
            if live := self.payment_of(link):
                return str(live["id"])
            transaction_id = new_transaction_id()
            params = {
                "time": self._provider.now_ms(),
                "amount": link.amount_minor,
                "account": link.account,
            }
            steps = DECLINED_STEPS if declined else STEPS[conduct]
            self._store.put("payme_transaction", new_transaction(transaction_id, params))
            self._store.put("payme_link", {"id": link.encoded, "transaction": transaction_id})
            work = {
                "id": transaction_id,
                "steps": list(steps),
                "attempts": 0,
                "due_ms": 0,
                "lose_first": conduct == PaymeConduct.ANSWER_LOST,
            }
            self._store.put("payme_work", work)
            return transaction_id

    def payment_of(self, link: CheckoutLink) -> Record | None:
        """The link's transaction, if it is under way or the money was taken."""
        latest = self._store.find("payme_link", link.encoded)
        if latest is None:
            return None
        transaction = self.transaction(latest["transaction"])
        under_way = self._store.find("payme_work", transaction["id"]) is not None
        return transaction if under_way or transaction["state"] == 2 else None

    def transaction(self, id: str) -> Record:
        """The transaction as our list has it."""
        transaction = self._store.find("payme_transaction", id)
        if transaction is None:
            raise LookupError(f"no Payme transaction {id}")
        return transaction

    def under_way(self, id: str) -> bool:
        """Whether there are steps left to take."""
        return self._store.find("payme_work", id) is not None

    def advance(self, id: str) -> None:
        """Take the payment's steps until none is left, an answer is lost, or another has the turn."""
        while work := self._take_turn(id):
            step = work["steps"][0]
            try:
                answer = self._ask(id, step)
                if work["lose_first"] and step != "check":
                    answer = self._ask_again(id, step, lost=answer)
            except AnswerLost as lost:
                log.info("payme %s: %s", id, lost)
                self._postpone(work)
                return
            self._take_answer(work, answer)

    def advance_due(self) -> None:
        """Go on with what was lost, or left behind by a process that died."""
        now_ms = self._provider.now_ms()
        for work in self._store.all("payme_work"):
            if work["due_ms"] <= now_ms:
                self.advance(work["id"])

    def _take_turn(self, id: str) -> Record | None:
        with self._store.change():
            work = self._store.find("payme_work", id)
            if work is None or work["due_ms"] > self._provider.now_ms():
                return None
            held = {**work, "due_ms": self._provider.now_ms() + HOLD_MS}
            self._store.put("payme_work", held)
            return held

    def _ask(self, id: str, step: str) -> Record:
        name, _, reason = step.partition(" ")
        transaction = self.transaction(id)
        whole = {name: transaction[name] for name in ("id", "time", "amount", "account")}
        params: Mapping[str, Any] = {
            "check": {"amount": whole["amount"], "account": whole["account"]},
            "create": whole,
            "perform": {"id": id},
            "cancel": {"id": id, "reason": int(reason or 0)},
        }[name]
        return self._merchant.call(METHODS[name], params)

    def _ask_again(self, id: str, step: str, *, lost: Record) -> Record:
        """The first answer is thrown away; the shop owes the same one to the same call."""
        answer = self._ask(id, step)
        if answer.get("result") != lost.get("result"):
            log.warning("payme %s: %s was answered differently when repeated", id, step)
        return answer

    def _take_answer(self, work: Record, answer: Record) -> None:
        step, *rest = work["steps"]
        error = answer.get("error")
        if error is not None:
            self._explain(work["id"], error)
            # A refused Perform is called off; nothing follows another refusal.
            rest = [f"cancel {EXECUTION_ERROR}"] if step == "perform" else []
            if step.startswith("cancel") and error.get("code") == CANNOT_CANCEL:
                self._let_stand(work["id"])
        self._go_on(work, steps=rest)

    def _let_stand(self, id: str) -> None:
        """The shop has given the service and keeps the money: it did perform, though we never heard."""
        with self._store.change():
            transaction = self.transaction(id)
            if transaction["state"] == 1:
                performed = {"state": 2, "perform_time": self._provider.now_ms()}
                self._store.put("payme_transaction", {**transaction, **performed})

    def _postpone(self, work: Record) -> None:
        attempts = work["attempts"] + 1
        if attempts < MOST_ATTEMPTS:
            due_ms = self._provider.now_ms() + pause_ms(attempts)
            self._store.put("payme_work", {**work, "attempts": attempts, "due_ms": due_ms})
        elif work["steps"][0].startswith("cancel"):
            log.warning("payme %s: given up, the shop never answered", work["id"])
            self._go_on(work, steps=[])
        else:
            self._go_on(work, steps=[f"cancel {TIMEOUT}"])

    def _go_on(self, work: Record, *, steps: list[str]) -> None:
        if steps:
            fresh = {**work, "steps": steps, "attempts": 0, "due_ms": 0}
            self._store.put("payme_work", fresh)
        else:
            self._store.drop("payme_work", work["id"])

    def _explain(self, id: str, error: Mapping[str, Any]) -> None:
        with self._store.change():
            self._store.put("payme_transaction", {**self.transaction(id), "error": dict(error)})

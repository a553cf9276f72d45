"""Settlement: close a period, pay out what was collected less fees, and list what each payout holds."""

import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from typing import Any, Final

from foundation.clock import business_date
from foundation.errors import NotFound
from payments.gateways.sandbox import bank, stripe_objects
from payments.gateways.sandbox.provider import EPOCH, Provider
from payments.gateways.sandbox.store import Record
from payments.gateways.sandbox.webhooks import emit

# `arrival` is the payout's day at the bank, `time` the item's own instant, both ISO 8601 in UTC.
COLUMNS: Final = (
    "payout_id",
    "arrival",
    "kind",
    "transaction",
    "account_reference",
    "gross_minor",
    "fee_minor",
    "net_minor",
    "currency",
    "time",
)
PAYME_CURRENCY: Final = "UZS"


class RegisterNotFound(NotFound):
    """There is no register of such a payout."""


def settle_stripe(provider: Provider, *, on: date | None = None) -> list[Record]:
    """Pay out every balance line not yet paid out, one payout per currency; answers what was paid.

    A currency without an account of ours, or whose refunds outweigh its payments, waits.
    """
    with provider.store.change():
        open_lines = [
            line
            for line in provider.store.all("balance_transaction")
            if line["type"] != "payout" and provider.store.find("settled", line["id"]) is None
        ]
        currencies = sorted({line["currency"] for line in open_lines})
        paid = [
            _pay_stripe(
                provider, [line for line in open_lines if line["currency"] == currency], on=on
            )
            for currency in currencies
            if currency.upper() in provider.settings.collection_accounts
        ]
    return [payout for payout in paid if payout is not None]


def settle_payme(provider: Provider, *, on: date | None = None) -> list[Record]:
    """Pay out performed payments less refunds and fees, with a register of every line."""
    with provider.store.change():
        lines = [
            line
            for transaction in provider.store.all("payme_transaction")
            for line in _payme_lines(provider, transaction)
            if provider.store.find("settled", line["item"]) is None
        ]
        net = sum(line["net_minor"] for line in lines)
        if net <= 0:
            return []
        day = on or business_date(provider.now())
        payout_id = stripe_objects.new_id("pm_")
        _mark_settled(provider, payout_id, [line["item"] for line in lines])
        register = {
            "id": payout_id,
            "created": provider.now().isoformat(),
            "arrival": _midnight(day).isoformat(),
            "lines": lines,
        }
        provider.store.put("payme_register", register)
        _credit(provider, payout_id, name="Payme", net_minor=net, currency=PAYME_CURRENCY, on=day)
    return [_summary("payme", payout_id, PAYME_CURRENCY, lines)]


def registers(provider: Provider, *, since: datetime | None = None) -> list[Record]:
    """Payme's registers made since then, the oldest first, without their lines."""
    return [
        {
            **_summary("payme", register["id"], PAYME_CURRENCY, register["lines"]),
            "arrival": register["arrival"],
            "url": f"{provider.settings.base_url}/payme/registers/{register['id']}.csv",
        }
        for register in provider.store.all("payme_register")
        if since is None or datetime.fromisoformat(register["created"]) >= since
    ]


def register_csv(provider: Provider, payout_id: str) -> str:
    """One register as CSV, amounts in tiyin, refunds negative. Raises RegisterNotFound."""
    register = provider.store.find("payme_register", payout_id)
    if register is None:
        raise RegisterNotFound(payout=payout_id)
    text = StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    payout = {"payout_id": payout_id, "arrival": register["arrival"]}
    writer.writerows({**line, **payout} for line in register["lines"])
    return text.getvalue()


def _pay_stripe(provider: Provider, lines: Sequence[Record], *, on: date | None) -> Record | None:
    net, currency = sum(line["net"] for line in lines), lines[0]["currency"]
    if net <= 0:
        return None
    at = provider.now()
    day = on or business_date(at)
    created = stripe_objects.payout(
        amount_minor=net, currency=currency, arrival=_midnight(day), at=at
    )
    # As at Stripe, the payout is itself a line of its own list: without it the nets sum to the payout.
    line = stripe_objects.balance_transaction(
        type="payout",
        source=created["id"],
        amount_minor=-net,
        fee_minor=0,
        currency=currency,
        at=at,
    )
    pending = {**created, "balance_transaction": line["id"]}
    paid = {**pending, "status": "paid", "reconciliation_status": "completed"}
    provider.store.put("payout", paid)
    provider.store.put("balance_transaction", line)
    for settled in lines:
        provider.store.put("balance_transaction", {**settled, "status": "available"})
    _mark_settled(provider, created["id"], [*(one["id"] for one in lines), line["id"]])
    _credit(
        provider, created["id"], name="Stripe", net_minor=net, currency=currency.upper(), on=day
    )
    told = [("payout.created", pending), ("payout.paid", paid)]
    emit(provider, [*told, ("payout.reconciliation_completed", paid)])
    items = [
        {"gross_minor": one["amount"], "fee_minor": one["fee"], "net_minor": one["net"]}
        for one in lines
    ]
    return _summary("stripe", created["id"], currency.upper(), items)


def _payme_lines(provider: Provider, transaction: Record) -> list[dict[str, Any]]:
    """What a transaction brought: a payment when performed, and its refund when cancelled after."""
    if not transaction["perform_time"]:
        return []
    gross = int(transaction["amount"])
    fee = provider.settings.payme_fee.fee_minor(gross)
    lines = [_payme_line(transaction, "payment", gross, fee, transaction["perform_time"])]
    if transaction["state"] == -2:
        lines.append(_payme_line(transaction, "refund", -gross, 0, transaction["cancel_time"]))
    return lines


def _payme_line(
    transaction: Record, kind: str, gross_minor: int, fee_minor: int, time_ms: int
) -> dict[str, Any]:
    return {
        "item": f"{transaction['id']}.{kind}",
        "kind": kind,
        "transaction": transaction["id"],
        "account_reference": "/".join(map(str, transaction["account"].values())),
        "gross_minor": gross_minor,
        "fee_minor": fee_minor,
        "net_minor": gross_minor - fee_minor,
        "currency": PAYME_CURRENCY,
        "time": (EPOCH + timedelta(milliseconds=time_ms)).isoformat(),
    }


def _mark_settled(provider: Provider, payout: str, items: Sequence[str]) -> None:
    for item in items:
        provider.store.put("settled", {"id": item, "payout": payout})


def _credit(
    provider: Provider, payout: str, *, name: str, net_minor: int, currency: str, on: date
) -> None:
    bank.book(
        provider,
        amount_minor=net_minor,
        currency=currency,
        purpose=f"{name} payout {payout}",
        code=bank.TRANSFER_RECEIVED,
        end_to_end_id=payout,
        payer_name=f"{name} (sandbox)",
        on=on,
    )


def _summary(provider: str, payout: str, currency: str, items: Sequence[Record]) -> Record:
    return {
        "provider": provider,
        "payout_id": payout,
        "currency": currency,
        "items": len(items),
        **{
            name: sum(item[name] for item in items)
            for name in ("gross_minor", "fee_minor", "net_minor")
        },
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)

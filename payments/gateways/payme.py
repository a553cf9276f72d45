"""Payme: the link to its checkout page, and who may call our Merchant API.

Payme calls us (payments/callbacks/payme/ is the server); we never call it, so it cannot be asked.
Source: Payme developer pages, "Merchant API" and "Initialisation of payments by link".
"""

import base64
import binascii
import csv
import hmac
import io
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import httpx2

from foundation.errors import Refused
from ledger.money import Money
from payments.gateways.protocol import (
    CallbackForged,
    CheckoutRequest,
    Notice,
    OpenedCheckout,
    ProviderPayment,
    ProviderUnreachable,
    SettledItem,
    SettlementReport,
)

log = logging.getLogger(__name__)

CHECKOUT_URL = "https://checkout.paycom.uz"
ACCOUNT_FIELD = "reference"
# What reading somebody else's JSON or CSV may end in.
MALFORMED = (
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    csv.Error,
    Refused,
)
LANGUAGES = {"uz": "uz", "uz-Cyrl": "uz", "ru": "ru", "en": "en"}


class PaymeGateway:
    """Payme behind the gateway protocol. `registers_url` is where its settlement registers are read."""

    name = "payme"
    can_be_asked = False

    def __init__(
        self,
        merchant: str,
        *,
        login: str = "Paycom",
        key: str,
        checkout_url: str = CHECKOUT_URL,
        registers_url: str | None = None,
    ) -> None:
        self.merchant, self.login, self.key = merchant, login, key
        self.checkout_url = checkout_url.rstrip("/")
        self.registers_url = registers_url

    def open_checkout(self, request: CheckoutRequest) -> OpenedCheckout:
        """Build the link; Payme tells us by CreateTransaction when the payer has gone there."""
        fields = {
            "m": self.merchant,
            f"ac.{ACCOUNT_FIELD}": request.reference,
            "a": str(request.amount.minor),
            "l": LANGUAGES.get(request.language, "ru"),
            "c": request.return_url,
            "cr": request.amount.currency,
        }
        return OpenedCheckout(url=f"{self.checkout_url}/{checkout_link(fields)}", provider_ref=None)

    def close_checkout(self, provider_ref: str) -> ProviderPayment:
        """Payme alone cancels its transactions; we may only wait for it."""
        raise ProviderUnreachable(provider=self.name, transaction=provider_ref)

    def ask(self, provider_ref: str) -> None:  # noqa: ARG002 - the protocol's question has no answer here
        """Payme offers a merchant no question: it always calls us."""
        return

    def read_callback(self, body: bytes, headers: Mapping[str, str], *, at: datetime) -> Notice:
        """Payme's calls are answered in the same request, by its own endpoint."""
        raise CallbackForged(
            provider=self.name, reason="endpoint", bytes=len(body), at=at, of=len(headers)
        )

    def reread(self, body: bytes) -> Notice:
        """Nothing of Payme's is ever in the inbox."""
        raise CallbackForged(provider=self.name, reason="endpoint", bytes=len(body))

    def settlements(self, *, since: datetime) -> list[SettlementReport]:
        """Read the registers Payme has published since then (CSV, one payout each)."""
        if self.registers_url is None:
            return []
        try:
            listed = _fetch(self.registers_url, since=since.isoformat()).json()
            texts = [_fetch(str(entry["url"])).text for entry in listed["registers"]]
        except (httpx2.HTTPError, httpx2.InvalidURL, *MALFORMED) as failure:
            raise ProviderUnreachable(
                provider=self.name, reason=type(failure).__name__
            ) from failure
        return [report for report in map(_readable, texts) if report is not None]


def _fetch(url: str, **params: str) -> httpx2.Response:
    return httpx2.get(url, params=params or None, timeout=10).raise_for_status()


def _readable(text: str) -> SettlementReport | None:
    """A register; a damaged one is logged and left out, so that its neighbours are read."""
    try:
        return read_register(text)
    except MALFORMED as fault:
        log.warning("a Payme register cannot be read: %r", fault)
        return None


def checkout_link(fields: Mapping[str, str]) -> str:
    """The base64 path of a checkout link, over `m=…;ac.<field>=…;a=<tiyin>;…`."""
    joined = ";".join(f"{name}={value}" for name, value in fields.items())
    return base64.b64encode(joined.encode()).decode()


def authorised(authorization: str, login: str, key_matches: Callable[[str], bool]) -> bool:
    """Whether HTTP Basic credentials are Payme's; every comparison takes the same time."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return False
    given_login, _, given_key = decoded.partition(":")
    right_login = hmac.compare_digest(given_login.encode(), login.encode())
    return (scheme.lower() == "basic") & right_login & key_matches(given_key)


def read_register(text: str) -> SettlementReport:
    """A settlement register: one row an item, the payout's id and arrival repeated on each.

    Columns: payout_id, arrival, kind, transaction, gross_minor, fee_minor, currency. Raises one of
    MALFORMED.
    """
    rows = list(csv.DictReader(io.StringIO(text)))
    items = [_item(row) for row in rows]
    net = Money(sum(item.gross.minor - item.fee.minor for item in items), rows[0]["currency"])
    arrival = datetime.fromisoformat(rows[0]["arrival"]).astimezone(UTC)
    return SettlementReport(rows[0]["payout_id"], arrival, net, items)


def _item(row: Mapping[str, str]) -> SettledItem:
    if row["kind"] not in {"payment", "refund"}:
        raise ValueError(f"kind {row['kind']}")
    return SettledItem(
        kind=row["kind"],
        payment_ref=row["transaction"],
        gross=Money(int(row["gross_minor"]), row["currency"]),
        fee=Money(int(row["fee_minor"]), row["currency"]),
    )

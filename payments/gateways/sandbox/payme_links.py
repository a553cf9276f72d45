"""Payme's checkout link: read base64("m=…;ac.<field>=…;a=<tiyin>;l=…;c=<return>;ct=<ms>")."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from foundation.errors import Refused
from payments.gateways.sandbox.store import Record

LONGEST_LINK: Final = 4_096
ACCOUNT: Final = "ac."


class LinkMalformed(Refused):
    """This is not a Payme checkout link."""


@dataclass(frozen=True, slots=True)
class CheckoutLink:
    """What the shop asks Payme to collect: `amount_minor` tiyin for `account`."""

    encoded: str
    merchant: str
    account: Mapping[str, str]
    amount_minor: int
    language: str
    return_url: str | None

    def return_url_for(self, transaction: Record | None) -> str | None:
        """Where the browser goes back to; `:transaction` and `:account.<field>` are filled in."""
        url = self.return_url
        if url is None:
            return None
        for name, value in self.account.items():
            url = url.replace(f":account.{name}", value)
        return url.replace(":transaction", str(transaction["id"]) if transaction else "")


def read_link(encoded: str, *, merchant: str) -> CheckoutLink:
    """Read a link made for `merchant`. Raises LinkMalformed.

    Source: Payme, "Checkout by GET": keys m, ac.*, a, l, c, ct, separated by semicolons.
    """
    fields = _fields(encoded)
    account = {
        name.removeprefix(ACCOUNT): value
        for name, value in fields.items()
        if name.startswith(ACCOUNT)
    }
    amount, return_url = fields.get("a", ""), fields.get("c")
    if fields.get("m") != merchant:
        raise LinkMalformed(code=-31601, reason="merchant not found")
    if not (amount.isascii() and amount.isdigit() and len(amount) <= 12 and int(amount) > 0):
        raise LinkMalformed(code=-31610, reason="amount is not a positive number of tiyin")
    if not account:
        raise LinkMalformed(code=-31630, reason="account is missing")
    if return_url is not None and urlsplit(return_url).scheme not in {"http", "https"}:
        raise LinkMalformed(code=-31622, reason="return address is not http(s)")
    return CheckoutLink(
        encoded=encoded,
        merchant=merchant,
        account=account,
        amount_minor=int(amount),
        language=fields.get("l", ""),
        return_url=return_url,
    )


def _fields(encoded: str) -> dict[str, str]:
    if len(encoded) > LONGEST_LINK:
        raise LinkMalformed(reason="too long")
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        text = b64decode(padded.replace("-", "+").replace("_", "/"), validate=True).decode()
    except (binascii.Error, ValueError) as fault:
        raise LinkMalformed(reason="not base64 of UTF-8") from fault
    pairs = (part.partition("=") for part in text.split(";") if part)
    return {name: value for name, _, value in pairs}

"""Scenarios: what the payer does, how the provider behaves, and the amounts that choose by themselves."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What the payer does on the hosted page."""

    PAY = "pay"
    DECLINE = "decline"
    CANCEL = "cancel"
    PAY_LATER = "pay_later"
    FAIL_LATER = "fail_later"


class Conduct(StrEnum):
    """How the Stripe twin behaves after the payer's choice."""

    NORMAL = "normal"
    DELAYED = "delayed"
    DUPLICATES = "duplicates"
    ANSWER_LOST = "answer_lost"
    NO_WEBHOOK = "no_webhook"
    BEFORE_REDIRECT = "before_redirect"


class PaymeConduct(StrEnum):
    """How the Payme twin behaves after the payer's choice."""

    NORMAL = "normal"
    ANSWER_LOST = "answer_lost"
    CANCEL_AFTER_CREATE = "cancel_after_create"
    REFUND_AFTER_PERFORM = "refund_after_perform"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How events are told: each one once per entry of `webhooks_after_ms`, milliseconds after the fact."""

    webhooks_after_ms: tuple[int, ...] = (0,)
    newest_first: bool = False
    answer_lost: bool = False
    before_redirect: bool = False


NORMAL = Behaviour()
BEHAVIOURS = {
    Conduct.NORMAL: NORMAL,
    Conduct.DELAYED: Behaviour(webhooks_after_ms=(5_000,)),
    Conduct.DUPLICATES: Behaviour(webhooks_after_ms=(0, 700, 1_400), newest_first=True),
    Conduct.ANSWER_LOST: Behaviour(webhooks_after_ms=(10_000,), answer_lost=True),
    Conduct.NO_WEBHOOK: Behaviour(webhooks_after_ms=()),
    Conduct.BEFORE_REDIRECT: Behaviour(before_redirect=True),
}

# How long a bank debit takes that is not settled on the spot (outcomes pay_later and fail_later).
DEBIT_TAKES_MS = 5_000

# An amount that ends in these two digits makes the first POST of its session answer 500, once.
CREATION_ANSWER_LOST = 6


@dataclass(frozen=True, slots=True)
class Magic:
    """What an amount chooses beforehand; the payer may still choose otherwise."""

    meaning: str
    outcome: Outcome = Outcome.PAY
    conduct: Conduct = Conduct.NORMAL
    payme: PaymeConduct = PaymeConduct.NORMAL


PLAIN = Magic("paid, and the webhook comes at once")
MAGIC = {
    1: Magic("the card is declined", outcome=Outcome.DECLINE),
    2: Magic("the webhook comes 5 seconds late", conduct=Conduct.DELAYED),
    3: Magic("each webhook comes three times and out of order", conduct=Conduct.DUPLICATES),
    4: Magic(
        "charged, but the browser gets a 502 page, and the webhook comes after 10 seconds; "
        "at Payme the first answers are thrown away and the calls repeated",
        conduct=Conduct.ANSWER_LOST,
        payme=PaymeConduct.ANSWER_LOST,
    ),
    5: Magic("charged, but the webhook never comes", conduct=Conduct.NO_WEBHOOK),
    CREATION_ANSWER_LOST: Magic("the session is created, but the first answer is a 500"),
}


def magic_of(amount_minor: int) -> Magic:
    """What the last two digits of the amount (in minor units) choose."""
    return MAGIC.get(amount_minor % 100, PLAIN)

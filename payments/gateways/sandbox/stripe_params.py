"""Parameters of Stripe's calls, as far as the twin goes; what the API does not know is refused."""

from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ledger.currencies import CURRENCIES

# The languages that Stripe's Checkout knows; Uzbek is not among them: such a caller sends "auto".
_LOCALES = """
auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hi-IN hr hu id it ja ko lt lv ms
mt nb nl pl pt pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW
"""
LOCALES: Final = frozenset(_LOCALES.split())


def _digits(text: object) -> int:
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 12):
        raise PydanticCustomError("int_parsing", "Invalid integer: {text}", {"text": str(text)})
    return int(text)


def _currency(text: str) -> str:
    if text.upper() not in CURRENCIES:
        raise PydanticCustomError("currency", "Invalid currency: {text}", {"text": text})
    return text.lower()


def _http_url(text: str) -> str:
    AnyHttpUrl(text)
    return text


def _locale(text: str) -> str:
    if text not in LOCALES:
        known = ", ".join(sorted(LOCALES))
        raise PydanticCustomError(
            "locale", "Invalid locale: must be one of {known}", {"known": known}
        )
    return text


Digits = Annotated[int, BeforeValidator(_digits)]
Url = Annotated[str, Field(max_length=5_000), AfterValidator(_http_url)]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=500)]],
    Field(max_length=50),
]


Expand = Annotated[list[str], Field(max_length=20)]


class Params(BaseModel):
    """Parameters of a call; what Stripe's API does not know is refused, as there."""

    model_config = ConfigDict(extra="forbid")


class ProductData(Params):
    """What is sold."""

    name: Annotated[str, Field(min_length=1, max_length=250)]
    description: Annotated[str, Field(max_length=1_000)] | None = None


class PriceData(Params):
    """Its price, in minor units."""

    currency: Annotated[str, AfterValidator(_currency)]
    unit_amount: Digits
    product_data: ProductData


class LineItem(Params):
    """So many of it."""

    price_data: PriceData
    quantity: Digits = 1


class PaymentIntentData(Params):
    """What the payment intent will carry."""

    description: Annotated[str, Field(max_length=1_000)] | None = None
    metadata: Metadata = {}


class SessionOrder(Params):
    """POST /v1/checkout/sessions, as far as the twin goes: one-time payments on the hosted page."""

    mode: Literal["payment"]
    line_items: Annotated[list[LineItem], Field(min_length=1, max_length=100)]
    success_url: Url
    cancel_url: Url | None = None
    client_reference_id: Annotated[str, Field(max_length=200)] | None = None
    customer_email: Annotated[str, Field(max_length=800)] | None = None
    expires_at: Digits | None = None
    locale: Annotated[str, AfterValidator(_locale)] | None = None
    metadata: Metadata = {}
    payment_intent_data: PaymentIntentData = PaymentIntentData()
    payment_method_types: list[Literal["card"]] | None = None
    submit_type: Literal["auto", "pay"] | None = None
    ui_mode: Literal["hosted_page"] = "hosted_page"
    expand: Expand = []

    @model_validator(mode="after")
    def one_currency(self) -> Self:
        """All lines of a session are in one currency."""
        if len({line.price_data.currency for line in self.line_items}) > 1:
            raise PydanticCustomError(
                "currency", "All prices on a session must be in one currency."
            )
        return self

    @property
    def total_minor(self) -> int:
        """What the payer will pay."""
        return sum(line.price_data.unit_amount * line.quantity for line in self.line_items)


class ExpireParams(Params):
    """POST /v1/checkout/sessions/{id}/expire."""

    expand: Expand = []


class RefundOrder(Params):
    """POST /v1/refunds: of a charge, or of the intent's last charge."""

    charge: str | None = None
    payment_intent: str | None = None
    amount: Annotated[Digits, Field(gt=0)] | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
    metadata: Metadata = {}
    expand: Expand = []


class ListParams(Params):
    """What every list takes; the filters of one kind are in its row of the table of resources."""

    limit: Annotated[Digits, Field(ge=1, le=100)] = 10
    starting_after: str | None = None
    ending_before: str | None = None
    created: Digits | dict[Literal["gt", "gte", "lt", "lte"], Digits] | None = None
    expand: Expand = []


class RetrieveParams(Params):
    """What every retrieve takes."""

    expand: Expand = []

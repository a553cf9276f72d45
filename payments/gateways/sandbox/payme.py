"""The Payme twin's addresses: its checkout page, and a door for scripts to its calls."""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Form, Header, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from payments.gateways.sandbox.pages import notice, page, see_other, shown
from payments.gateways.sandbox.payme_links import CheckoutLink, LinkMalformed, read_link
from payments.gateways.sandbox.payme_merchant import AnswerLost, PaymeMerchant
from payments.gateways.sandbox.payme_payments import PaymePayments
from payments.gateways.sandbox.provider import Provider
from payments.gateways.sandbox.scenarios import Outcome, PaymeConduct, magic_of
from payments.gateways.sandbox.texts import TEXTS, Language, language_of

OUTCOMES: Final = (Outcome.PAY, Outcome.DECLINE, Outcome.CANCEL)
# How long a browser waits while another of its submits is being worked on.
WAIT_SECONDS: Final = 5

Choice = Literal["pay", "decline", "cancel"]
Lang = str | None
Accepts = Annotated[str | None, Header(alias="accept-language")]


class MerchantCall(BaseModel):
    """One call to the shop, as Payme would send it."""

    model_config = ConfigDict(extra="forbid")

    method: str
    params: dict[str, Any]


def payme_routes(provider: Provider, merchant: PaymeMerchant, payments: PaymePayments) -> APIRouter:
    """GET and POST /payme/{link}, and POST /payme/calls."""
    router = APIRouter(prefix="/payme")

    @router.post("/calls")
    def pass_call(call: MerchantCall) -> JSONResponse:
        try:
            return JSONResponse(merchant.call(call.method, call.params))
        except AnswerLost as lost:
            return JSONResponse({"lost": str(lost)}, status_code=502)

    @router.get("/{encoded:path}")
    def show(encoded: str, lang: Lang = None, accepts: Accepts = None) -> Response:
        try:
            link = read_link(encoded, merchant=provider.settings.payme_merchant)
        except LinkMalformed as refusal:
            return _malformed(refusal, language_of(lang, accepts=accepts))
        language = language_of(lang, link.language, accepts=accepts)
        if payment := payments.payment_of(link):
            return _result(link, payments, payment["id"], language=language)
        return _pay_page(link, language=language)

    @router.post("/{encoded:path}")
    def submit(
        encoded: str,
        outcome: Annotated[Choice | None, Form()] = None,
        behaviour: Annotated[PaymeConduct | None, Form()] = None,
        lang: Lang = None,
        accepts: Accepts = None,
    ) -> Response:
        try:
            link = read_link(encoded, merchant=provider.settings.payme_merchant)
        except LinkMalformed as refusal:
            return _malformed(refusal, language_of(lang, accepts=accepts))
        language = language_of(lang, link.language, accepts=accepts)
        return _submit(link, payments, outcome=outcome, conduct=behaviour, language=language)

    return router


def _submit(
    link: CheckoutLink,
    payments: PaymePayments,
    *,
    outcome: Choice | None,
    conduct: PaymeConduct | None,
    language: Language,
) -> Response:
    magic = magic_of(link.amount_minor)
    chosen = Outcome(outcome or magic.outcome)
    back = link.return_url_for(None)
    if chosen == Outcome.CANCEL:
        return see_other(back) if back else _pay_page(link, language=language)
    declined = chosen == Outcome.DECLINE
    payment = payments.start(link, conduct=conduct or magic.payme, declined=declined)
    payments.advance(payment)
    _wait_for(payments, payment)
    return _result(link, payments, payment, language=language)


def _wait_for(payments: PaymePayments, id: str) -> None:
    """Give a lost answer, or the other of two submits, a little time."""
    ends = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < ends and payments.under_way(id):
        time.sleep(0.02)


def _result(
    link: CheckoutLink, payments: PaymePayments, id: str, *, language: Language
) -> Response:
    """Back to the shop when the money moved; else a page that says why it did not."""
    transaction = payments.transaction(id)
    back = link.return_url_for(transaction)
    if payments.under_way(id):
        return notice("in_process", language=language, status=202, back=back)
    if transaction["state"] in {2, -2}:
        return see_other(back) if back else notice("paid", language=language, status=200)
    if error := transaction.get("error"):
        detail = _message(error, language)
        return notice("refused", language=language, status=409, back=back, detail=detail)
    return notice("called_off", language=language, status=402, back=back)


def _message(error: Mapping[str, Any], language: Language) -> str:
    """The shop's sentence in the payer's language; a shop may also send one plain text."""
    told = error.get("message")
    text = told.get(language) if isinstance(told, Mapping) else told
    return f"{text or ''} ({error.get('code')})".strip()


def _malformed(refusal: LinkMalformed, language: Language) -> Response:
    detail = ", ".join(f"{name}: {value}" for name, value in refusal.facts.items())
    return notice("missing", language=language, status=400, detail=detail)


def _pay_page(link: CheckoutLink, *, language: Language) -> Response:
    t, magic = TEXTS[language], magic_of(link.amount_minor)
    amount = shown(link.amount_minor, "UZS", language)
    accounts = [(f"{t['account']} ({name})", value) for name, value in link.account.items()]
    return page(
        "pay.html",
        language=language,
        leads_to=(link.return_url,),
        heading=t["pay_question"].format(amount=amount),
        facts=[*accounts, (t["amount"], amount)],
        declined=False,
        outcomes=OUTCOMES,
        outcome=magic.outcome,
        conducts=list(PaymeConduct),
        conduct=magic.payme,
    )

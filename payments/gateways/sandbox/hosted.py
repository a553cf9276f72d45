"""The hosted checkout page: what Stripe shows to the payer, without any field for a card."""

from typing import Annotated

from fastapi import APIRouter, Form, Header, Response

from payments.gateways.sandbox import checkout
from payments.gateways.sandbox.pages import notice, page, see_other, shown
from payments.gateways.sandbox.provider import Provider
from payments.gateways.sandbox.scenarios import BEHAVIOURS, Conduct, Outcome, magic_of
from payments.gateways.sandbox.store import Record
from payments.gateways.sandbox.texts import TEXTS, Language, language_of
from payments.gateways.sandbox.webhooks import Courier

# How long the browser waits for a webhook that is to overtake it.
OVERTAKING_SECONDS = 5

Lang = str | None
Accepts = Annotated[str | None, Header(alias="accept-language")]


def hosted_routes(provider: Provider, courier: Courier) -> APIRouter:
    """GET and POST /c/pay/{session}: no script needed, neither in the browser nor to drive it."""
    router = APIRouter(prefix="/c/pay")

    @router.get("/{session_id}")
    def show(session_id: str, lang: Lang = None, accepts: Accepts = None) -> Response:
        try:
            session = checkout.find_session(provider, session_id)
        except checkout.CheckoutSessionNotFound:
            return notice("missing", language=language_of(lang, accepts=accepts), status=404)
        language = _language(session, lang, accepts)
        if session["status"] == "complete":
            return see_other(_success_url(session))
        if session["status"] == "expired":
            return notice("closed", language=language, status=410, back=session["cancel_url"])
        return _pay_page(provider, session, language=language)

    @router.post("/{session_id}")
    def submit(
        session_id: str,
        outcome: Annotated[Outcome | None, Form()] = None,
        behaviour: Annotated[Conduct | None, Form()] = None,
        lang: Lang = None,
        accepts: Accepts = None,
    ) -> Response:
        try:
            session = checkout.find_session(provider, session_id)
        except checkout.CheckoutSessionNotFound:
            return notice("missing", language=language_of(lang, accepts=accepts), status=404)
        language = _language(session, lang, accepts)
        return _submit(
            provider, courier, session, outcome=outcome, conduct=behaviour, language=language
        )

    return router


def _submit(
    provider: Provider,
    courier: Courier,
    session: Record,
    *,
    outcome: Outcome | None,
    conduct: Conduct | None,
    language: Language,
) -> Response:
    magic, back = magic_of(session["amount_total"]), session["cancel_url"]
    chosen, behaviour = outcome or magic.outcome, BEHAVIOURS[conduct or magic.conduct]
    if chosen == Outcome.CANCEL and session["status"] == "open":
        return see_other(back) if back else _pay_page(provider, session, language=language)
    try:
        session, events = checkout.submit_payment(
            provider, session["id"], outcome=chosen, behaviour=behaviour
        )
    except checkout.CheckoutSessionClosed:
        return notice("closed", language=language, status=410, back=back)
    if session["status"] == "open":
        return _pay_page(provider, session, language=language, declined=True)
    if behaviour.before_redirect:
        courier.wait_until_tried(events, timeout_seconds=OVERTAKING_SECONDS)
    if behaviour.answer_lost and events:
        return notice("lost", language=language, status=502)
    return see_other(_success_url(session))


def _pay_page(
    provider: Provider, session: Record, *, language: Language, declined: bool = False
) -> Response:
    t, magic = TEXTS[language], magic_of(session["amount_total"])
    order = provider.store.find("order", session["id"]) or {"lines": []}
    amount = shown(session["amount_total"], session["currency"], language)
    facts = [(t["for"], f"{line['description']} × {line['quantity']}") for line in order["lines"]]
    return page(
        "pay.html",
        language=language,
        status=402 if declined else 200,
        leads_to=(session["success_url"], session["cancel_url"]),
        heading=t["pay_question"].format(amount=amount),
        facts=[*facts, (t["amount"], amount)],
        declined=declined,
        outcomes=list(Outcome),
        outcome=Outcome.PAY if declined else magic.outcome,
        conducts=list(Conduct),
        conduct=magic.conduct,
    )


def _language(session: Record, lang: str | None, accepts: str | None) -> Language:
    """The page's own switch, the session's metadata (Stripe's locales lack Uzbek), then its locale."""
    told = session["metadata"].get("language")
    return language_of(lang, told, session["locale"], accepts=accepts)


def _success_url(session: Record) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])

"""The front page: what the sandbox does, which amounts choose what, and what is open now."""

from typing import Final

from fastapi import APIRouter, Response

from payments.gateways.sandbox import bank, settlement
from payments.gateways.sandbox.pages import STYLE, page, see_other, shown
from payments.gateways.sandbox.provider import Provider
from payments.gateways.sandbox.scenarios import MAGIC, PLAIN

SHOWN_AT_MOST: Final = 50
CALLS: Final = (
    ("POST /c/pay/{session}", "form: outcome, behaviour; both may be left out"),
    ("POST /payme/{link}", "form: outcome, behaviour; both may be left out"),
    ("POST /payme/calls", "JSON: method, params; one signed call to Mizon, its answer passed back"),
    ("POST /settlement", "JSON: provider (stripe, payme, all), date; pays out what was collected"),
    ("GET /payme/registers", "what each Payme payout holds, as CSV files"),
    ("POST /bank/transfers", "JSON: amount_minor, purpose, payer_name, payer_account, date"),
    ("POST /bank/charges", "JSON: amount_minor, purpose, date"),
    ("POST /bank/statements", "JSON: date, currency; closes a camt.053 statement"),
    ("GET /bank/statements", "the closed statements and where their files are"),
    ("POST /day-end", "settles everything and closes the bank's statement, as the button does"),
    ("GET /healthz", "whether it runs, and how many webhooks wait"),
)


def index_routes(provider: Provider) -> APIRouter:
    """GET /, POST /day-end, GET /style.css and /healthz."""
    router = APIRouter()

    @router.get("/")
    def index() -> Response:
        return page(
            "index.html",
            magic=MAGIC,
            plain=PLAIN,
            fees=(("Stripe", provider.settings.stripe_fee), ("Payme", provider.settings.payme_fee)),
            sessions=_open_sessions(provider),
            files=_files(provider),
            calls=CALLS,
            deliveries=len(provider.store.all("delivery")),
        )

    @router.post("/day-end")
    def end_the_day() -> Response:
        settlement.settle_stripe(provider, on=None)
        settlement.settle_payme(provider, on=None)
        for currency in provider.settings.collection_accounts:
            bank.close_statement(provider, currency=currency, on=None)
        return see_other("/#files")

    @router.get("/style.css")
    def style() -> Response:
        return Response(STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    @router.get("/healthz")
    def health() -> dict[str, str | int]:
        return {"status": "ok", "deliveries_waiting": len(provider.store.all("delivery"))}

    return router


def _open_sessions(provider: Provider) -> list[dict[str, str | None]]:
    waiting = provider.store.all("open_session")[-SHOWN_AT_MOST:]
    sessions = [provider.store.find("session", one["id"]) for one in reversed(waiting)]
    return [
        {
            "url": session["url"],
            "amount": shown(session["amount_total"], session["currency"]),
            "reference": session["client_reference_id"],
        }
        for session in sessions
        if session is not None
    ]


def _files(provider: Provider) -> list[tuple[str, str]]:
    statements = [
        (f"/bank/statements/{one['id']}.xml", f"Statement {one['id']}, up to {one['last_day']}")
        for one in bank.statements_of(provider)
    ]
    registers = [
        (one["url"], f"Payme register {one['payout_id']}") for one in settlement.registers(provider)
    ]
    return [*statements, *registers][-SHOWN_AT_MOST:]

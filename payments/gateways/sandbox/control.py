"""The sandbox's own controls: settle a period, move money at the bank, close and fetch statements."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from payments.gateways.sandbox import bank, settlement
from payments.gateways.sandbox.camt import camt053
from payments.gateways.sandbox.provider import Provider
from payments.gateways.sandbox.store import Record

# XML 1.0 cannot carry control characters, and a bank prints none.
Text = Annotated[
    str, Field(min_length=1, max_length=420, pattern=r"^[^\x00-\x1f\x7f\x{fffe}\x{ffff}]+$")
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Minor = Annotated[int, Field(gt=0, le=10**15, strict=True)]


# A field called `date` hides the class of that name from its own annotation.
Day = date


class Order(BaseModel):
    """What a control is told."""

    model_config = ConfigDict(extra="forbid")


class SettlementOrder(Order):
    """Close the period of one provider, or of both; the payout arrives on `date` (today)."""

    provider: Literal["stripe", "payme", "all"] = "all"
    date: Day | None = None


class TransferOrder(Order):
    """A person or a firm pays our operator by bank transfer."""

    amount_minor: Minor
    purpose: Text
    payer_name: Text
    payer_account: Annotated[str, Field(pattern=r"^[0-9]{20}$")]
    currency: Currency = "UZS"
    date: Day | None = None


class BankChargeOrder(Order):
    """The bank takes its fee from our account."""

    amount_minor: Minor
    purpose: Text = "Bank charge"
    currency: Currency = "UZS"
    date: Day | None = None


class StatementOrder(Order):
    """Close a statement up to the day `date`, or up to today or the next open day."""

    currency: Currency = "UZS"
    date: Day | None = None


def settlement_routes(provider: Provider) -> APIRouter:
    """POST /settlement and Payme's registers."""
    router = APIRouter()

    @router.post("/settlement")
    def settle(order: SettlementOrder) -> Record:
        payouts: list[Record] = []
        if order.provider in {"stripe", "all"}:
            payouts += settlement.settle_stripe(provider, on=order.date)
        if order.provider in {"payme", "all"}:
            payouts += settlement.settle_payme(provider, on=order.date)
        return {"payouts": payouts}

    @router.get("/payme/registers")
    def registers(since: AwareDatetime | None = None) -> Record:
        return {"registers": settlement.registers(provider, since=since)}

    @router.get("/payme/registers/{payout_id}.csv")
    def register(payout_id: str) -> Response:
        text = settlement.register_csv(provider, payout_id)
        return _file(text.encode(), f"payme-{payout_id}.csv", "text/csv; charset=utf-8")

    return router


def bank_routes(provider: Provider) -> APIRouter:
    """Everything under /bank."""
    router = APIRouter(prefix="/bank")

    _add_booking(router, provider)

    @router.post("/statements", status_code=201)
    def close_statement(order: StatementOrder) -> Record:
        statement = bank.close_statement(provider, currency=order.currency, on=order.date)
        return _statement_view(provider, statement)

    @router.get("/statements")
    def statements() -> Record:
        closed = bank.statements_of(provider)
        return {"statements": [_statement_view(provider, statement) for statement in closed]}

    @router.get("/statements/{id}.xml")
    def statement(id: str) -> Response:
        found = bank.find_statement(provider, id)
        xml = camt053(provider, found, bank.entries_of(provider, found))
        return _file(xml, f"statement-{id}.xml", "application/xml")

    return router


def _add_booking(router: APIRouter, provider: Provider) -> None:
    @router.post("/transfers", status_code=201)
    def transfer(order: TransferOrder) -> Record:
        return bank.book(
            provider,
            amount_minor=order.amount_minor,
            currency=order.currency,
            purpose=order.purpose,
            code=bank.TRANSFER_RECEIVED,
            payer_name=order.payer_name,
            payer_account=order.payer_account,
            on=order.date,
        )

    @router.post("/charges", status_code=201)
    def charge(order: BankChargeOrder) -> Record:
        return bank.book(
            provider,
            amount_minor=-order.amount_minor,
            currency=order.currency,
            purpose=order.purpose,
            code=bank.BANK_CHARGE,
            on=order.date,
        )


def _statement_view(provider: Provider, statement: Record) -> Record:
    url = f"{provider.settings.base_url}/bank/statements/{statement['id']}.xml"
    return {**statement, "entries": len(statement["entries"]), "url": url}


def _file(content: bytes, name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)

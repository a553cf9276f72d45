"""Stripe's API, the part that Mizon uses: checkout sessions, intents, refunds, balance, payouts, events."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse

from payments.gateways.sandbox import checkout, stripe_lists
from payments.gateways.sandbox.charges import (
    ChargeAlreadyRefunded,
    RefundTooLarge,
    refund_charge,
)
from payments.gateways.sandbox.provider import Provider
from payments.gateways.sandbox.scenarios import CREATION_ANSWER_LOST
from payments.gateways.sandbox.store import Record
from payments.gateways.sandbox.stripe_lists import RESOURCES, Resource, expand, find
from payments.gateways.sandbox.stripe_params import ExpireParams, RefundOrder, SessionOrder
from payments.gateways.sandbox.stripe_protocol import (
    InternalError,
    ResourceMissing,
    StripeCall,
    StripeRefusal,
    answer_once,
    check_key,
    read_call,
    read_params,
)
from payments.gateways.sandbox.webhooks import emit

Call = Annotated[StripeCall, Depends(read_call)]
BY_KIND = {resource.kind: resource for resource in RESOURCES}


def stripe_routes(provider: Provider) -> APIRouter:
    """The addresses under /v1; every one of them wants the secret key first."""

    def keyed(authorization: Annotated[str | None, Header()] = None) -> None:
        check_key(provider, authorization)

    router = APIRouter(prefix="/v1", dependencies=[Depends(keyed)])

    @router.post("/checkout/sessions")
    def create_session(call: Call) -> JSONResponse:
        return _create_session(provider, call)

    @router.post("/checkout/sessions/{id}/expire")
    def expire_session(id: str, call: Call) -> JSONResponse:
        return answer_once(provider, call, lambda: _expire_session(provider, id, call))

    @router.post("/refunds")
    def create_refund(call: Call) -> JSONResponse:
        return answer_once(provider, call, lambda: _create_refund(provider, call))

    for resource in RESOURCES:
        _add_reading(router, provider, resource)

    @router.api_route("/{path:path}", methods=["GET", "POST", "DELETE"])
    def unknown(path: str, request: Request) -> None:
        raise ResourceMissing(f"Unrecognized request URL ({request.method}: /v1/{path}).")

    return router


def _add_reading(router: APIRouter, provider: Provider, resource: Resource) -> None:
    @router.get(f"/{resource.path}")
    def page(call: Call) -> JSONResponse:
        return JSONResponse(stripe_lists.page(provider, resource, call))

    @router.get(f"/{resource.path}/{{id}}")
    def retrieve(id: str, call: Call) -> JSONResponse:
        return JSONResponse(stripe_lists.retrieve(provider, resource, id, call))


def _create_session(provider: Provider, call: StripeCall) -> JSONResponse:
    order = read_params(call, SessionOrder)

    def create() -> Record:
        try:
            session = checkout.create_session(provider, order)
        except checkout.ExpiryOutOfRange as refusal:
            raise StripeRefusal(refusal.sentence(), param="expires_at") from refusal
        return expand(provider, session, order.expand)

    answer = answer_once(provider, call, create)
    first_time = "idempotent-replayed" not in answer.headers
    if first_time and order.total_minor % 100 == CREATION_ANSWER_LOST:
        raise InternalError("An unknown error occurred.")
    return answer


def _expire_session(provider: Provider, id: str, call: StripeCall) -> Record:
    params = read_params(call, ExpireParams)
    session = find(provider, BY_KIND["session"], id)
    if session["status"] != "open":
        raise StripeRefusal(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of `{session['status']}`."
        )
    return expand(provider, checkout.expire_session(provider, id), params.expand)


def _create_refund(provider: Provider, call: StripeCall) -> Record:
    order = read_params(call, RefundOrder)
    charge = _charge_to_refund(provider, order)
    given = {"metadata": order.metadata, "reason": order.reason}
    try:
        refund, happened = refund_charge(provider, charge, amount_minor=order.amount, given=given)
    except ChargeAlreadyRefunded as refusal:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeRefusal(message, code="charge_already_refunded") from refusal
    except RefundTooLarge as refusal:
        raise StripeRefusal(str(refusal), param="amount") from refusal
    emit(provider, happened)
    return expand(provider, refund, order.expand)


def _charge_to_refund(provider: Provider, order: RefundOrder) -> Record:
    if order.charge is not None:
        return find(provider, BY_KIND["charge"], order.charge)
    if order.payment_intent is None:
        message = "One of the following params should be provided: payment_intent or charge."
        raise StripeRefusal(message, code="parameter_missing", param="payment_intent")
    intent = find(provider, BY_KIND["payment_intent"], order.payment_intent)
    if intent["status"] != "succeeded":
        message = f"The payment intent {intent['id']} does not have a successful charge to refund."
        raise StripeRefusal(message, code="payment_intent_unexpected_state")
    return find(provider, BY_KIND["charge"], intent["latest_charge"])

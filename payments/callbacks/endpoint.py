"""Where providers call us: verify the raw bytes, store once, answer fast; work comes later."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from foundation.clock import now
from foundation.errors import NotFound, Refused
from payments.callbacks import inbox
from payments.callbacks.payme import server as payme_server
from payments.checkout import Till
from payments.gateways.payme import PaymeGateway

# The largest event of Stripe is some tens of kilobytes; more is not a callback.
MOST_BYTES = 512 * 1024


class BodyTooLarge(Refused):
    """The message is larger than any callback."""

    status = 413


class NoSuchProvider(NotFound):
    """No provider of this name calls here."""


def callbacks_router(till: Till) -> APIRouter:
    """The routes providers call; async only to read the raw bytes."""
    router = APIRouter(prefix="/callbacks", include_in_schema=False)

    @router.api_route(
        "/payme", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
    )
    async def payme(request: Request) -> JSONResponse:
        """Payme's Merchant API: the answer is in the same call, and always HTTP 200."""
        if request.method != "POST":
            return JSONResponse(payme_server.not_post())
        gateway = till.gateways.get("payme")
        if not isinstance(gateway, PaymeGateway):
            raise NoSuchProvider(provider="payme")
        try:
            body = await _raw_body(request)
        except BodyTooLarge:
            return JSONResponse(payme_server.not_json())
        authorization = request.headers.get("authorization", "")
        told = await run_in_threadpool(
            payme_server.answer, till.database, gateway, body, authorization, at=now()
        )
        return JSONResponse(told)

    @router.post("/{provider}")
    async def webhook(provider: str, request: Request) -> dict[str, Any]:
        """A signed event: stored once; a repeat is answered like the first."""
        body = await _raw_body(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        new = await run_in_threadpool(_store, till, provider, body, headers)
        return {"received": True, "new": new}

    return router


def _store(till: Till, provider: str, body: bytes, headers: dict[str, str]) -> bool:
    gateway = till.gateways.get(provider)
    if gateway is None:
        raise NoSuchProvider(provider=provider[:40])
    at = now()
    notice = gateway.read_callback(body, headers, at=at)
    with till.database.transaction() as session:
        return inbox.store(session, provider, notice, body, at=at)


async def _raw_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise BodyTooLarge(most_bytes=MOST_BYTES)
    return bytes(body)

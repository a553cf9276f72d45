"""Stripe's way of speaking HTTP: the key, form parameters, idempotency, and errors in its own shape."""

import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from foundation.errors import Refusal
from payments.gateways.sandbox.provider import Provider, seconds
from payments.gateways.sandbox.store import Record

LARGEST_BODY_BYTES: Final = 64 * 1024
MOST_FIELDS: Final = 500
DEEPEST_FIELD: Final = 6
KEY_LASTS: Final = timedelta(hours=24)
# Form fields with numbered keys are lists under these names only: metadata may have a key "0".
LISTS: Final = frozenset({"line_items", "expand", "payment_method_types"})

Shape = TypeVar("Shape", bound=BaseModel)


class StripeRefusal(Refusal):
    """The call is refused, in Stripe's words."""

    status = 400
    error_type: ClassVar[str] = "invalid_request_error"

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message=message)
        error = {"code": code, "message": message, "param": param, "type": self.error_type}
        self.body = {"error": {name: value for name, value in error.items() if value is not None}}


class KeyInvalid(StripeRefusal):
    """The secret key is missing or not ours."""

    status = 401


class ResourceMissing(StripeRefusal):
    """There is no such object or address."""

    status = 404


class IdempotencyKeyReused(StripeRefusal):
    """The same idempotency key came with other parameters."""

    error_type = "idempotency_error"


class InternalError(StripeRefusal):
    """The call was carried out, and its answer is an internal error."""

    status = 500
    error_type = "api_error"


@dataclass(frozen=True, slots=True)
class StripeCall:
    """One call: its parameters as a tree, and what makes it the same call when it is repeated."""

    params: dict[str, Any]
    idempotency_key: str | None
    fingerprint: str


def check_key(provider: Provider, authorization: str | None) -> None:
    """Let in whoever holds the secret key, as Bearer. Raises KeyInvalid."""
    given = (authorization or "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), provider.settings.stripe_secret_key.encode()):
        raise KeyInvalid(f"Invalid API Key provided: {given[:8]}{'*' * 8 if given else '(none)'}")


async def read_call(request: Request) -> StripeCall:
    """Parse the query of a GET or the form of a POST. Raises StripeRefusal."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY_BYTES:
            raise StripeRefusal("The request is too large.")
    raw = request.url.query.encode() if request.method == "GET" else body
    marks = (request.method.encode(), request.url.path.encode(), raw)
    return StripeCall(
        params=tree(_fields(raw)),
        idempotency_key=request.headers.get("idempotency-key"),
        fingerprint=sha256(b"\0".join(marks)).hexdigest(),
    )


def tree(fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Unfold form fields: a[b][0][c]=v becomes {"a": {"b": …}}. Raises StripeRefusal."""
    root: dict[str, Any] = {}
    for name, value in fields:
        *path, last = re.findall(r"[^\[\]]+", name) or [name]
        if len(path) > DEEPEST_FIELD:
            raise StripeRefusal(f"Received unknown parameter: {name}", param=name)
        node = root
        for part in path:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise StripeRefusal(f"Invalid parameter: {name}", param=name)
        if name.endswith("[]"):
            node = node.setdefault(last, {})
            last = str(len(node))
        node[last] = value
    return {name: _listed(name, value) for name, value in root.items()}


def read_params(call: StripeCall, shape: type[Shape]) -> Shape:
    """The call's parameters as `shape`. Raises StripeRefusal, naming the parameter as Stripe does."""
    try:
        return shape.model_validate(call.params)
    except ValidationError as fault:
        raise _refusal_of(fault.errors()[0]) from fault


def answer_once(
    provider: Provider, call: StripeCall, operation: Callable[[], Record]
) -> JSONResponse:
    """Do a POST once per idempotency key; its repeat gets the first answer again, for 24 hours.

    The answer is kept in the same change as the deed. A refused call is not remembered: nothing was
    done. Raises IdempotencyKeyReused and whatever the operation raises.
    """
    key = call.idempotency_key
    with provider.store.change():
        remembered = provider.store.find("idempotency", key) if key else None
        if remembered and remembered["until"] > seconds(provider.now()):
            return _replayed(call, remembered)
        answer = operation()
        if key:
            until = seconds(provider.now() + KEY_LASTS)
            kept = {"id": key, "fingerprint": call.fingerprint, "answer": answer, "until": until}
            provider.store.put("idempotency", kept)
    return JSONResponse(answer)


def _replayed(call: StripeCall, remembered: Record) -> JSONResponse:
    if remembered["fingerprint"] != call.fingerprint:
        raise IdempotencyKeyReused(
            "Keys for idempotent requests can only be used with the same parameters they were first "
            f"used with. Try using a key other than '{call.idempotency_key}' if you meant to execute "
            "a different request."
        )
    return JSONResponse(remembered["answer"], headers={"Idempotent-Replayed": "true"})


def _fields(raw: bytes) -> list[tuple[str, str]]:
    try:
        text = raw.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as fault:
        raise StripeRefusal("The parameters are not form-encoded UTF-8.") from fault


def _listed(name: str, value: Any) -> Any:  # noqa: ANN401 - a tree of strings
    if not isinstance(value, dict):
        return value
    inner = {part: _listed(part, one) for part, one in value.items()}
    if name in LISTS and all(part.isascii() and part.isdigit() for part in inner):
        return [inner[part] for part in sorted(inner, key=int)]
    return inner


def _refusal_of(error: ErrorDetails) -> StripeRefusal:
    head, *rest = (str(part) for part in error["loc"] or ("",))
    param = head + "".join(f"[{part}]" for part in rest)
    message, code = {
        "missing": (f"Missing required param: {param}.", "parameter_missing"),
        "extra_forbidden": (f"Received unknown parameter: {param}", "parameter_unknown"),
        "int_parsing": (error["msg"], "parameter_invalid_integer"),
    }.get(error["type"], (error["msg"], None))
    return StripeRefusal(message, code=code, param=param or None)

"""The JSON-RPC side: who calls, is it well formed, which operation; always answers HTTP 200."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from foundation.database import Database, storable
from ledger.posting import BookShut
from payments.callbacks.payme import errors, transactions
from payments.callbacks.payme.errors import PaymeError
from payments.callbacks.payme.fiscal import set_fiscal_data
from payments.callbacks.payme.secrets import change_key, key_matches
from payments.callbacks.payme.transactions import Answer
from payments.gateways.payme import PaymeGateway, authorised

log = logging.getLogger(__name__)

Operation = Callable[..., Answer]
_MOST_BIGINT = 2**63 - 1


@dataclass(frozen=True)
class Method:
    """A method of the protocol: its operation and the types of its named parameters."""

    run: Operation
    params: Mapping[str, type]


def _change_password(session: Session, params: Mapping[str, Any], *, at: datetime) -> Answer:
    change_key(session, params["password"], at=at)
    return {"success": True}


METHODS: dict[str, Method] = {
    "CheckPerformTransaction": Method(transactions.check_perform, {"amount": int, "account": dict}),
    "CreateTransaction": Method(
        transactions.create, {"id": str, "time": int, "amount": int, "account": dict}
    ),
    "PerformTransaction": Method(transactions.perform, {"id": str}),
    "CancelTransaction": Method(transactions.cancel, {"id": str, "reason": int}),
    "CheckTransaction": Method(transactions.check, {"id": str}),
    "GetStatement": Method(transactions.get_statement, {"from": int, "to": int}),
    "SetFiscalData": Method(set_fiscal_data, {"id": str, "type": str, "fiscal_data": dict}),
    "ChangePassword": Method(_change_password, {"password": str}),
}


def answer(
    database: Database, gateway: PaymeGateway, body: bytes, authorization: str, *, at: datetime
) -> dict[str, Any]:
    """Answer one call, in one transaction; whatever goes wrong is an `error`, never another status."""
    request = _parse(body)
    id = _id_of(request)  # noqa: A001
    try:
        with database.transaction() as session:
            told = _call(session, gateway, request, authorization, at=at)
    except PaymeError as refusal:
        told = refusal
    except BookShut:
        told = errors.SYSTEM_FAILURE  # Payme calls again until it is told otherwise
    except Exception:
        log.exception("payme call failed")
        told = errors.SYSTEM_FAILURE
    if isinstance(told, PaymeError):
        return {"error": told.as_json(), "id": id}
    return {"result": told, "id": id}


def not_post() -> dict[str, Any]:
    """The answer to any HTTP method but POST."""
    return {"error": errors.NOT_POST.as_json(), "id": None}


def not_json() -> dict[str, Any]:
    """The answer to a body that is not even read to its end."""
    return {"error": errors.NOT_JSON.as_json(), "id": None}


def _id_of(request: Any) -> int | str | None:  # noqa: ANN401
    """The call's id as it is sent back; JSON-RPC takes numbers and strings, anything else is none."""
    id = request.get("id") if isinstance(request, dict) else None  # noqa: A001
    return id if isinstance(id, int) or _is_text(id) else None


def _is_text(value: object) -> bool:
    """Whether this is text that JSON and the database can carry: no NUL, no lone surrogate."""
    return isinstance(value, str) and storable(value) == value


def _parse(body: bytes) -> Any:  # noqa: ANN401 - whatever was sent
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return errors.NOT_JSON


def _call(
    session: Session,
    gateway: PaymeGateway,
    request: Any,  # noqa: ANN401
    authorization: str,
    *,
    at: datetime,
) -> Answer:
    def right_key(given: str) -> bool:
        return key_matches(session, given, gateway.key)

    if not authorised(authorization, gateway.login, right_key):
        raise errors.NO_PRIVILEGE
    if isinstance(request, PaymeError):
        raise request
    if not isinstance(request, dict) or not _is_text(request.get("method")):
        raise errors.BAD_REQUEST
    method = METHODS.get(request["method"])
    if method is None:
        raise errors.UNKNOWN_METHOD.about(request["method"][:100])
    params = request.get("params")
    if not isinstance(params, dict):
        raise errors.BAD_REQUEST.about("params")
    _check_types(params, method.params)
    return method.run(session, params, at=at)


def _check_types(params: Mapping[str, Any], wanted: Mapping[str, type]) -> None:
    for name, kind in wanted.items():
        value = params.get(name)
        # bool is an int to Python, not to the protocol
        if not isinstance(value, kind) or isinstance(value, bool):
            raise errors.BAD_REQUEST.about(name)
        if isinstance(value, int) and abs(value) > _MOST_BIGINT:
            raise errors.WRONG_AMOUNT if name == "amount" else errors.BAD_REQUEST.about(name)
        if isinstance(value, str) and not (1 <= len(value) <= 200 and _is_text(value)):
            raise errors.BAD_REQUEST.about(name)

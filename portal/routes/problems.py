"""What people and machines read when a request is refused or fails: a page, or problem+json."""

import logging
import secrets

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException as StarletteHTTPException

from foundation.errors import Refusal
from portal.pages.problems import ProblemPage
from portal.rendering import redirect, render
from portal.routes.given import SignInNeeded

log = logging.getLogger(__name__)


def answer_problems(app: FastAPI) -> None:
    """Register every way a request can fail. A refusal changed nothing; a fault is said to be unknown."""
    app.exception_handler(Refusal)(_refused)
    app.exception_handler(SignInNeeded)(_to_sign_in)
    app.exception_handler(StarletteHTTPException)(_http)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(OperationalError)(_away)
    app.exception_handler(PoolTimeout)(_away)
    app.exception_handler(Exception)(_fault)


def new_code(request: Request, problem: BaseException) -> str:
    """A short code that a caller reads to the call centre and an engineer finds in the log.

    The log has the route, not the address, which may be a payer's own; and no fact of the refusal.
    """
    code = secrets.token_hex(4)
    route = getattr(request.scope.get("route"), "path", "no route")
    log.warning("%s %s %s: %s", code, request.method, route, type(problem).__name__)
    return code


def _refused(request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, Refusal):
        raise refusal
    code = new_code(request, refusal)
    if _wants_page(request):
        page = ProblemPage.of(refusal, code=code, staff=_is_staff(request))
        return render(request, "problem.html", page, status=refusal.status)
    facts = {name: str(fact) for name, fact in refusal.facts.items()}
    return _problem(refusal.status, refusal.code(), refusal.sentence(), code, facts)


def _to_sign_in(request: Request, needed: Exception) -> Response:
    onward = needed.onward if isinstance(needed, SignInNeeded) else "/staff"
    return redirect(request, f"/staff/sign-in?onward={onward}")


def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException | StarletteHTTPException) else 500
    headers = dict(getattr(error, "headers", None) or {})
    code = new_code(request, error)
    if _wants_page(request):
        answer: Response = _page(request, status, code)
    else:
        answer = _problem(status, f"http-{status}", str(getattr(error, "detail", "")), code, {})
    answer.headers.update(headers)
    return answer


def _invalid(request: Request, error: Exception) -> Response:
    code = new_code(request, error)
    if _wants_page(request):
        return _page(request, 422, code)
    return _problem(422, "invalid-request", "The request is not well formed.", code, {})


def _away(request: Request, error: Exception) -> Response:
    """The database does not answer: say so, and that nobody knows yet; providers will call again."""
    code = new_code(request, error)
    if _wants_page(request):
        answer: Response = _page(request, 503, code, money="unknown")
    else:
        answer = _problem(503, "away", "The service is starting again. Try again.", code, {})
    answer.headers["Retry-After"] = "5"
    return answer


def _fault(request: Request, error: Exception) -> Response:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return _away(request, error)
    code = new_code(request, error)
    log.error("%s", code, exc_info=error)
    if _wants_page(request):
        return _page(request, 500, code, money="unknown")
    return _problem(500, "fault", "Something went wrong on our side.", code, {})


def _page(request: Request, status: int, code: str, *, money: str = "untouched") -> Response:
    page = ProblemPage(status, code, money=money, staff=_is_staff(request))
    return render(request, "problem.html", page, status=status)


def _problem(status: int, type: str, title: str, code: str, facts: dict[str, str]) -> JSONResponse:
    """RFC 9457."""
    body = {"type": f"about:blank#{type}", "title": title, "status": status, "code": code, **facts}
    return JSONResponse(body, status, media_type="application/problem+json")


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith(("/callbacks/", "/api/", "/healthz", "/readyz"))


def _is_staff(request: Request) -> bool:
    return request.url.path.startswith("/staff")

"""Sign in and out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from foundation.clock import now
from identity.sessions import LIFETIME, SignInRefused, TooManyAttempts, sign_in, sign_out
from portal.forms import Mistake, Mistakes, Posted, read_form
from portal.pages.staff.sign_in import SignInForm, SignInPage
from portal.rendering import redirect, render
from portal.routes.given import Taking, cookie_name, from_our_page

router = APIRouter()
OurPage = Annotated[None, Depends(from_our_page)]


@router.get("/staff/sign-in")
def ask(request: Request, onward: str = "", out: str = "") -> Response:
    """The form."""
    page = SignInPage(onward=_ours(onward), signed_out=bool(out))
    return render(request, "staff/sign_in.html", page)


@router.post("/staff/sessions")
def start(request: Request, data: Posted, till: Taking, _: OurPage) -> Response:
    """Check name and password; a session starts, and the cookie holds nothing but its token."""
    form = read_form(SignInForm, data)
    onward = _ours(str(data.get("onward", "")))
    if isinstance(form, Mistakes):
        page = SignInPage(form.typed.get("login", ""), onward, mistakes=form.found)
        return render(request, "staff/sign_in.html", page, status=422, here="/staff/sign-in")
    try:
        token = sign_in(till.database, login=form.login, password=form.password, at=now())
    except (SignInRefused, TooManyAttempts) as refusal:
        page = SignInPage(form.login, onward, mistakes=(Mistake.of(refusal, "login"),))
        return render(
            request, "staff/sign_in.html", page, status=refusal.status, here="/staff/sign-in"
        )
    answer = redirect(request, onward or "/staff")
    answer.set_cookie(
        cookie_name(request),
        token,
        max_age=int(LIFETIME.total_seconds()),
        path="/",
        secure=request.app.state.secure_cookie,
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/staff/sessions/end")
def end(request: Request, till: Taking, _: OurPage) -> Response:
    """The session is ended on the server; its token is worth nothing from now on."""
    token = request.cookies.get(cookie_name(request), "")
    with till.database.transaction() as session:
        sign_out(session, token, at=now())
    answer = redirect(request, "/staff/sign-in?out=yes")
    answer.delete_cookie(
        cookie_name(request), path="/", secure=request.app.state.secure_cookie, httponly=True
    )
    return answer


def _ours(onward: str) -> str:
    """Only a staff page of ours: never another site."""
    return onward if onward.startswith("/staff") and "//" not in onward else ""

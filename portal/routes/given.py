"""What every route is given: the till, where forms may lead, and the member of staff who asks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Path, Request

from foundation.clock import now
from foundation.errors import Forbidden
from identity.actor import Actor
from identity.parties import operator
from identity.roles import Permission
from identity.sessions import signed_in
from payments.checkout import Till
from portal.pages.staff.frame import Staff


class NotAllowed(Forbidden):
    """Your role does not let you do this."""


class FromElsewhere(Forbidden):
    """This form was not sent from our own page."""


class SignInNeeded(Exception):
    """Nobody is signed in; `onward` is where to return to afterwards."""

    def __init__(self, onward: str) -> None:
        super().__init__(onward)
        self.onward = onward


@dataclass(frozen=True)
class SignedIn:
    """Who asks, and how the page shows it."""

    actor: Actor
    name: str
    home_org: int

    def staff(self) -> Staff:
        """The frame of a staff page: the menu has what the person may open."""
        sections = [name for name, needed in SECTIONS if needed is None or self.actor.may(needed)]
        role = next(iter(sorted(role.value for role, _ in self.actor.grants)), "")
        return Staff(self.name, role, self.home_org, tuple(sections))


SECTIONS: tuple[tuple[str, Permission | None], ...] = (
    ("home", None),
    ("reconciliation", Permission.RECONCILE),
    ("breaks", Permission.RESOLVE_BREAK),
    ("bills", Permission.READ_BILLS),
    ("books", Permission.READ_LEDGER),
    ("proof", Permission.READ_LEDGER),
    ("jobs", Permission.READ_JOBS),
)


def till_of(request: Request) -> Till:
    """The till of this process."""
    till: Till = request.app.state.till
    return till


def provider_origins(request: Request) -> tuple[str, ...]:
    """The providers' addresses: a browser checks where a posted form is redirected to."""
    origins: tuple[str, ...] = request.app.state.provider_origins
    return origins


def cookie_name(request: Request) -> str:
    """The session's cookie; bound to the host where the site has TLS."""
    return "__Host-mizon" if request.app.state.secure_cookie else "mizon"


def from_our_page(request: Request) -> None:
    """Let a posted form pass only from our own pages. Raises FromElsewhere.

    By Sec-Fetch-Site, else by Origin; who sends neither is no browser, and has no cookie to abuse.
    Source: W3C Fetch Metadata; the same rule as Go's http.CrossOriginProtection.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise FromElsewhere(site=site)
        return
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise FromElsewhere(origin=origin[:200])


def allowed(permission: Permission | None) -> Callable[[Request], SignedIn]:
    """A dependency that lets only a signed-in person with this permission pass.

    Raises SignInNeeded and NotAllowed; a posted form must come from our own page too. A route names
    it before the form itself, so that nothing is read from whoever may not send it.
    """

    def check(request: Request) -> SignedIn:
        if request.method != "GET":
            from_our_page(request)
        person = _who(request)
        if permission is not None and not person.actor.may(permission):
            raise NotAllowed(needs=permission.value)
        return person

    return check


def _who(request: Request) -> SignedIn:
    token = request.cookies.get(cookie_name(request), "")
    with till_of(request).database.transaction() as session:
        found = signed_in(session, token, at=now()) if token else None
        if found is None:
            onward = request.url.path if request.method == "GET" else "/staff"
            raise SignInNeeded(onward)
        member, actor = found
        return SignedIn(actor, member.name, operator(session).org_id)


# As large as the database's own numbers: beyond them nothing can be there.
OrgId = Annotated[int, Path(ge=1, lt=2**31)]
AccountId = Annotated[int, Path(ge=1, lt=2**63)]
Taking = Annotated[Till, Depends(till_of)]
Origins = Annotated[tuple[str, ...], Depends(provider_origins)]
AnyStaff = Annotated[SignedIn, Depends(allowed(None))]
Reconciler = Annotated[SignedIn, Depends(allowed(Permission.RECONCILE))]
Importer = Annotated[SignedIn, Depends(allowed(Permission.IMPORT_STATEMENT))]
BreakResolver = Annotated[SignedIn, Depends(allowed(Permission.RESOLVE_BREAK))]
BillReader = Annotated[SignedIn, Depends(allowed(Permission.READ_BILLS))]
BillIssuer = Annotated[SignedIn, Depends(allowed(Permission.ISSUE_BILL))]
BookReader = Annotated[SignedIn, Depends(allowed(Permission.READ_LEDGER))]
BookKeeper = Annotated[SignedIn, Depends(allowed(Permission.KEEP_BOOKS))]
PeriodKeeper = Annotated[SignedIn, Depends(allowed(Permission.KEEP_PERIODS))]
JobReader = Annotated[SignedIn, Depends(allowed(Permission.READ_JOBS))]

"""One account of a book: what stands on it; its state and its limits are changed; and one hold."""

from datetime import datetime, time
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from foundation.clock import TASHKENT, business_date, now
from foundation.errors import Refusal
from foundation.history import Event, events_of
from foundation.ids import new_id
from identity.parties import Organisation, organisation
from identity.roles import Permission
from ledger.accounts import (
    LIFECYCLE,
    AccountNotEmpty,
    AccountState,
    NotFromHere,
    ReasonMissing,
    find_account,
    set_account_state,
)
from ledger.accounts import Account as LedgerAccount
from ledger.balances import STATEMENT_PAGE, Standing, StatementEntry, standing, statement
from ledger.chart import DUE_FROM, DUE_TO, Side
from ledger.currencies import CODES
from ledger.holds import Hold, HoldMove, find_hold, open_holds, story_of
from ledger.limits import (
    AccountLimit,
    Limit,
    LimitBelowChart,
    LimitInThePast,
    LimitSourceMissing,
    in_force,
    limits_of,
    set_limit,
)
from ledger.money import Money
from ledger.reports.reading import snapshot
from payments.checkout import Till
from portal.forms import Mistake, Mistakes, Posted, read_form, typed_in
from portal.languages import Language, language_of, pick
from portal.pages.staff.accounts import (
    AccountEntry,
    AccountPage,
    HoldPage,
    HoldRow,
    HoldStep,
    LimitForm,
    LimitRow,
    StateForm,
    Story,
)
from portal.pages.staff.frame import Pages
from portal.rendering import redirect, render
from portal.routes.given import BookKeeper, BookReader, SignedIn, Taking
from portal.routes.staff.payments import account_link

router = APIRouter()

# The field that a refusal is about; every other one of a limit is about the most.
FIELD: dict[type[Refusal], str] = {
    LimitBelowChart: "least",
    LimitInThePast: "starts_on",
    LimitSourceMissing: "source",
    ReasonMissing: "reason",
}


@router.get("/staff/books/{org_id}/accounts/{account_id}")
def show(
    org_id: int,
    account_id: int,
    request: Request,
    by: BookReader,
    till: Taking,
    before: int | None = None,
) -> Response:
    """What an account has at this moment, and its movements, newest first."""
    return _show(org_id, account_id, request, by, till, before=before)


@router.post("/staff/books/{org_id}/accounts/{account_id}/moves")
def move(
    org_id: int, account_id: int, request: Request, by: BookKeeper, data: Posted, till: Taking
) -> Response:
    """Freeze, unfreeze, wind down, reopen or close the account."""
    form = read_form(StateForm, data)
    if isinstance(form, Mistakes):
        return _show(org_id, account_id, request, by, till, form)
    try:
        with till.database.transaction() as session:
            set_account_state(
                session,
                org_id,
                account_id,
                form.event,
                reason=form.reason,
                by=by.actor,
                at=now(),
            )
    except (NotFromHere, AccountNotEmpty, ReasonMissing) as refusal:
        mistake = Mistake.of(refusal, FIELD.get(type(refusal), "event"))
        mistakes = Mistakes((mistake,), typed_in(data))
        return _show(org_id, account_id, request, by, till, mistakes)
    return redirect(request, f"/staff/books/{org_id}/accounts/{account_id}")


@router.post("/staff/books/{org_id}/accounts/{account_id}/limits")
def limit(
    org_id: int, account_id: int, request: Request, by: BookKeeper, data: Posted, till: Taking
) -> Response:
    """Set both limits from a day on, or from now on."""
    form = read_form(LimitForm, data)
    if isinstance(form, Mistakes):
        return _show(org_id, account_id, request, by, till, form)
    at = now()
    try:
        with till.database.transaction() as session:
            currency = CODES[find_account(session, org_id, account_id).currency]
            asked = Limit(
                starts_at=_begins(form, at),
                least=None if form.least is None else Money.of(form.least, currency),
                most=None if form.most is None else Money.of(form.most, currency),
                source=form.source,
            )
            set_limit(session, org_id, account_id, asked, id=new_id(), by=by.actor, at=at)
    except Refusal as refusal:
        if refusal.status != LimitInThePast.status:
            raise
        mistake = Mistake.of(refusal, FIELD.get(type(refusal), "most"))
        mistakes = Mistakes((mistake,), typed_in(data))
        return _show(org_id, account_id, request, by, till, mistakes)
    return redirect(request, f"/staff/books/{org_id}/accounts/{account_id}")


@router.get("/staff/books/{org_id}/holds/{key}")
def hold(org_id: int, key: UUID, request: Request, by: BookReader, till: Taking) -> Response:
    """One hold with everything that happened to it."""
    with snapshot(till.database) as session:
        found = find_hold(session, org_id, key)
        steps = tuple(
            HoldStep(
                event.what.value,
                event.amount,
                event.at,
                f"/staff/books/{org_id}/journals/{event.journal}"
                if event.what is HoldMove.CAPTURED
                else None,
            )
            for event in story_of(session, found)
        )
        page = HoldPage(
            staff=by.staff(),
            book=pick(organisation(session, org_id).name, language_of(request)),
            key=str(key),
            debit=account_link(found.debit),
            credit=account_link(found.credit),
            state=found.state.value,
            amount=found.amount,
            captured=found.captured,
            released=found.released,
            left=found.left,
            expires_at=found.expires_at,
            steps=steps,
        )
    return render(request, "staff/hold.html", page)


def _show(
    org_id: int,
    account_id: int,
    request: Request,
    by: SignedIn,
    till: Till,
    mistakes: Mistakes | None = None,
    *,
    before: int | None = None,
) -> Response:
    with snapshot(till.database) as session:
        account = find_account(session, org_id, account_id)
        page = account_page(session, account, by, language_of(request), mistakes, before)
    status = 422 if mistakes else 200
    return render(request, "staff/account.html", page, status=status, here=page.url)


def account_page(
    session: Session,
    account: LedgerAccount,
    by: SignedIn,
    language: Language,
    mistakes: Mistakes | None,
    before: int | None,
) -> AccountPage:
    """Everything known of an account, of one moment."""
    org_id, here = account.org_id, f"/staff/books/{account.org_id}/accounts/{account.id}"
    entries = statement(session, org_id, account.id, before_seq=before)
    state, keeps = AccountState(account.state), by.actor.may(Permission.KEEP_BOOKS)
    more, present = len(entries) == STATEMENT_PAGE, standing(session, org_id, account.id)
    return AccountPage(
        staff=by.staff(),
        book=pick(organisation(session, org_id).name, language),
        book_url=f"/staff/books/{org_id}/trial-balance",
        url=here,
        ledger_url=f"/staff/books/{org_id}/general-ledger?account={account.id}",
        account=account_link(account),
        side="debit" if account.normal_side == Side.DEBIT else "credit",
        state=state.name.lower(),
        now=present,
        entries=tuple(_entry(session, org_id, entry) for entry in entries),
        holds=tuple(_hold(one, account) for one in open_holds(session, org_id, account.id)),
        limits=_limits(session, account, now()),
        story=tuple(_told(event) for event in events_of(session, account)),
        counterpart=_counterpart(session, account, language),
        moves=tuple(event for event in LIFECYCLE.moves if keeps and LIFECYCLE.allows(event, state)),
        can_keep=keeps,
        pages=Pages(
            newer=here if before is not None else None,
            older=f"{here}?before={entries[-1].seq}" if more else None,
        ),
        typed=mistakes.typed if mistakes else _as_they_are(present),
        mistakes=mistakes.found if mistakes else (),
    )


def _as_they_are(present: Standing) -> dict[str, str]:
    """The limits in force, for a form in which an empty box lifts one."""
    limits = {"least": present.least, "most": present.most}
    return {name: f"{money.decimal:f}" for name, money in limits.items() if money}


def _begins(form: LimitForm, at: datetime) -> datetime:
    """The first instant of the day in Tashkent; of today, now."""
    if form.starts_on is None or form.starts_on == business_date(at):
        return at
    return datetime.combine(form.starts_on, time(), TASHKENT)


def _entry(session: Session, org_id: int, entry: StatementEntry) -> AccountEntry:
    return AccountEntry(
        seq=entry.seq,
        effective=entry.effective,
        kind=entry.kind.name.lower(),
        url=f"/staff/books/{org_id}/journals/{entry.journal}",
        other=account_link(find_account(session, org_id, entry.other_account)),
        debit=entry.debit,
        credit=entry.credit,
        balance=entry.balance,
    )


def _hold(found: Hold, account: LedgerAccount) -> HoldRow:
    debited = found.debit.id == account.id
    rises = debited == (account.normal_side == Side.DEBIT)
    return HoldRow(
        url=f"/staff/books/{found.org_id}/holds/{found.key}",
        other=account_link(found.credit if debited else found.debit),
        amount=found.amount,
        left=found.left,
        way="in" if rises else "out",
        expires_at=found.expires_at,
    )


def _limits(session: Session, account: LedgerAccount, at: datetime) -> tuple[LimitRow, ...]:
    known = limits_of(session, account.org_id, account.id)
    present = in_force(known, at)

    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, CODES[account.currency])

    def state(one: AccountLimit) -> str:
        if one is present:
            return "in_force"
        return "planned" if one.starts_at > at else "replaced"

    return tuple(
        LimitRow(
            one.starts_at,
            money(one.min_available),
            money(one.max_balance),
            one.source,
            one.by.partition(":")[2],
            state(one),
        )
        for one in known
    )


def _told(event: Event) -> Story:
    text = str(event.facts.get("reason") or event.facts.get("source") or "")
    return Story(event.what, event.by.partition(":")[2], event.at, text)


def _counterpart(session: Session, account: LedgerAccount, language: Language) -> str | None:
    """The organisation that this account is about, where it is about one."""
    if account.number not in {DUE_FROM.number, DUE_TO.number} or not account.name.isdigit():
        return None
    found = session.get(Organisation, int(account.name))
    return pick(found.name, language) if found else None

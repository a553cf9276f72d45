"""The books of one organisation: trial balance and general ledger, and each report as a file."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from foundation.clock import business_date, now
from identity.parties import organisation, organisations
from ledger.accounts import find_account
from ledger.reports.general_ledger import (
    ENTRIES_OF_A_PAGE,
    Entry,
    Place,
    entries_of,
    general_ledger,
)
from ledger.reports.reading import Days, reading, snapshot
from ledger.reports.statements import entries_in, statement_over
from ledger.reports.trial_balance import (
    AccountTurnover,
    TrialBalance,
    account_turnovers,
    trial_balance,
    turnover_of,
)
from payments.checkout import Till
from portal.documents.books import (
    About,
    general_ledger_document,
    statement_document,
    trial_balance_document,
)
from portal.documents.download import FileFormat, download
from portal.documents.report import Report
from portal.forms import Mistake, Mistakes, read_form
from portal.languages import language_of, pick
from portal.pages.staff.books import (
    LAST_BEFORE_FIRST,
    BookFrame,
    DaysAsked,
    DaysForm,
    GeneralLedgerPage,
    LedgerAccount,
    LedgerEntry,
    TrialBalancePage,
    TrialRow,
    TrialSection,
)
from portal.pages.staff.frame import Account
from portal.rendering import redirect, render
from portal.routes.given import AccountId, BookReader, OrgId, SignedIn, Taking
from portal.routes.staff.payments import account_link

router = APIRouter()

FILE_SECONDS = 300  # a statement of the database for a file may take so long
PLACE = re.compile(r"(\d{4}-\d{2}-\d{2})\.(\d{1,18})", re.ASCII)


@dataclass(frozen=True)
class Asking:
    """A request for a report: who asks and when, for which days, as known when."""

    request: Request
    by: SignedIn
    till: Till
    at: datetime
    days: Days
    boxes: DaysAsked

    @property
    def status(self) -> int:
        """Of a page that shows the mistakes, if there are any."""
        return 422 if self.boxes.mistakes else 200


def asking(request: Request, by: BookReader, till: Taking) -> Asking:
    """The days that the address names, by default this month until today; and the boxes as typed."""
    at = now()
    today = business_date(at)
    form = read_form(DaysForm, request.query_params)
    if isinstance(form, Mistakes):
        typed = {name: form.typed.get(name, "") for name in DaysAsked.FIELDS}
        return Asking(
            request, by, till, at, Days(today, today), DaysAsked(**typed, mistakes=form.found)
        )
    last = form.last_day or today
    first = form.first_day or last.replace(day=1)
    known_at = request.query_params.get("known_at", "") if form.known_at else ""
    wrong = (Mistake("last_day", LAST_BEFORE_FIRST),) if last < first else ()
    boxes = DaysAsked(str(first), str(last), known_at, wrong)
    return Asking(request, by, till, at, Days(first, last, form.known_at), boxes)


Asked = Annotated[Asking, Depends(asking)]
Shown = Annotated[int | None, Query(ge=1, lt=2**63)]


@router.get("/staff/books/{org_id}/trial-balance")
def trial(org_id: OrgId, asked: Asked) -> Response:
    """What each account had, what moved and what it has; debits equal credits."""
    with snapshot(asked.till.database) as session:
        frame = _frame(session, org_id, "trial-balance", asked)
        parts = [] if asked.boxes.mistakes else trial_balance(session, org_id, asked.days)
    page = TrialBalancePage(frame, tuple(_section(part, frame) for part in parts))
    return render(asked.request, "staff/trial_balance.html", page, status=asked.status)


@router.get("/staff/books/{org_id}/trial-balance.{format}")
def trial_file(org_id: OrgId, format: FileFormat, asked: Asked) -> Response:
    """The same as a file."""

    def make(session: Session, about: About) -> Report:
        return trial_balance_document(about, trial_balance(session, org_id, about.days))

    return _file(org_id, "trial-balance", format, asked, make)


@router.get("/staff/books/{org_id}/general-ledger")
def ledger(org_id: OrgId, asked: Asked, account: Shown = None, after: str = "") -> Response:
    """One account's entries by day of effect, a hundred at a time; the others are a link away."""
    days = asked.days
    with snapshot(asked.till.database) as session:
        frame = _frame(session, org_id, "general-ledger", asked)
        found = [] if asked.boxes.mistakes else account_turnovers(session, org_id, days)
        chosen = _chosen(session, org_id, days, found, account)
        entries = entries_of(session, chosen, days, _place(after)) if chosen else []
    page = _ledger_page(frame, found, chosen, entries)
    return render(asked.request, "staff/general_ledger.html", page, status=asked.status)


@router.get("/staff/books/{org_id}/general-ledger.{format}")
def ledger_file(org_id: OrgId, format: FileFormat, asked: Asked) -> Response:
    """Every account with its entries, as a file."""

    def make(session: Session, about: About) -> Report:
        return general_ledger_document(about, general_ledger(session, org_id, about.days))

    return _file(org_id, "general-ledger", format, asked, make)


@router.get("/staff/books/{org_id}/accounts/{account_id}/statement.{format}")
def statement_file(
    org_id: OrgId, account_id: AccountId, format: FileFormat, asked: Asked
) -> Response:
    """An account's entries in the order of writing, as a file."""

    def make(session: Session, about: About) -> Report:
        account = find_account(session, org_id, account_id)
        found = statement_over(session, account, about.days.first, about.days.last)
        return statement_document(about, found, entries_in(session, found))

    return _file(org_id, f"statement-{account_id}", format, asked, make)


def _frame(session: Session, org_id: int, report: str, asked: Asking) -> BookFrame:
    language = language_of(asked.request)
    return BookFrame(
        staff=asked.by.staff(),
        org_id=org_id,
        book=pick(organisation(session, org_id).name, language),
        asked=asked.boxes,
        as_of=asked.at,
        reading=reading(session, org_id),
        others=tuple(
            (pick(one.name, language), f"/staff/books/{one.org_id}/{report}?{asked.boxes.query}")
            for one in organisations(session)
            if one.org_id != org_id
        ),
    )


def _file(
    org_id: int,
    report: str,
    format: FileFormat,
    asked: Asking,
    make: Callable[[Session, About], Report],
) -> Response:
    """The report as a file; days that are wrong are asked again on the page of the books."""
    if asked.boxes.mistakes:
        address = f"/staff/books/{org_id}/trial-balance?{asked.boxes.query}"
        return redirect(asked.request, address)
    days, language = asked.days, language_of(asked.request)
    with ExitStack() as source:
        session = source.enter_context(snapshot(asked.till.database, timeout_seconds=FILE_SECONDS))
        name = pick(organisation(session, org_id).name, language)
        about = About(name, days, reading(session, org_id), language, asked.by.name, asked.at)
        document = make(session, about)
        file_name = f"{report}-{org_id}-{days.first}-{days.last}"
        return download(document, format, file_name, source.pop_all())


def _section(part: TrialBalance, frame: BookFrame) -> TrialSection:
    rows: list[TrialRow] = []
    for number in part.numbers:
        for one in number.accounts:
            url = frame.url("general-ledger", account=one.account.id)
            rows.append(TrialRow(number.number, one.figures, account_link(one.account), url))
        if len(number.accounts) > 1:
            rows.append(TrialRow(number.number, number.total))
    return TrialSection(part.currency, tuple(rows), part.total)


def _chosen(
    session: Session, org_id: int, days: Days, found: list[AccountTurnover], account: int | None
) -> AccountTurnover | None:
    """The account that was asked for, else the first there is. Raises AccountNotFound."""
    if account is None:
        return found[0] if found else None
    among = (one for one in found if one.account.id == account)
    return next(among, None) or turnover_of(session, find_account(session, org_id, account), days)


def _place(after: str) -> Place | None:
    """Where the page before ended; an address that was mistyped begins anew."""
    match = PLACE.fullmatch(after)
    try:
        return Place(datetime.fromisoformat(match[1]).date(), int(match[2])) if match else None
    except ValueError:
        return None


def _ledger_page(
    frame: BookFrame,
    found: list[AccountTurnover],
    chosen: AccountTurnover | None,
    entries: list[Entry],
) -> GeneralLedgerPage:
    accounts = tuple((str(one.account.id), f"{one.account.label}, {one.currency}") for one in found)
    if chosen is None:
        return GeneralLedgerPage(frame, accounts)
    ids = [one.account.id for one in found]
    here = ids.index(chosen.account.id) if chosen.account.id in ids else None

    def page_of(place: int) -> str | None:
        there = here is not None and 0 <= place < len(ids)
        return frame.url("general-ledger", account=ids[place]) if there else None

    later = None
    if len(entries) == ENTRIES_OF_A_PAGE:
        place = f"{entries[-1].effective}.{entries[-1].seq}"
        later = frame.url("general-ledger", account=chosen.account.id, after=place)
    shown = LedgerAccount(
        id=chosen.account.id,
        account=account_link(chosen.account),
        opening=chosen.opening,
        debits=chosen.debits,
        credits=chosen.credits,
        closing=chosen.closing,
        entries=tuple(_entry(entry, frame) for entry in entries),
    )
    before, after = (page_of(here - 1), page_of(here + 1)) if here is not None else (None, None)
    return GeneralLedgerPage(frame, accounts, shown, later, before, after)


def _entry(entry: Entry, frame: BookFrame) -> LedgerEntry:
    book = f"/staff/books/{frame.org_id}"
    url = f"{book}/accounts/{entry.other_id}"
    return LedgerEntry(
        url=f"{book}/journals/{entry.journal_id}",
        seq=entry.seq,
        effective=entry.effective,
        kind=entry.kind.name.lower(),
        other=Account(entry.other_number, entry.other_name, url),
        journal=entry.journal,
        debit=entry.debit,
        credit=entry.credit,
        balance=entry.balance,
    )

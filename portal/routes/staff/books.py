"""The books of one organisation: trial balance, and the statement of an account."""

from collections import defaultdict

from fastapi import APIRouter, Request, Response

from foundation.clock import now
from identity.parties import organisation, organisations
from ledger.accounts import find_account
from ledger.balances import STATEMENT_PAGE, TrialLine, statement, trial_balance
from ledger.chart import Side
from ledger.money import Money
from portal.languages import language_of, pick
from portal.pages.staff.books import (
    AccountEntry,
    AccountPage,
    TrialBalancePage,
    TrialRow,
    TrialSection,
)
from portal.pages.staff.frame import Pages
from portal.rendering import render
from portal.routes.given import BookReader, Taking
from portal.routes.staff.payments import account_link

router = APIRouter()


@router.get("/staff/books/{org_id}/trial-balance")
def trial(org_id: int, request: Request, by: BookReader, till: Taking) -> Response:
    """Every account with its turnovers; debits equal credits."""
    language = language_of(request)
    with till.database.transaction() as session:
        name = pick(organisation(session, org_id).name, language)
        others = tuple(
            (pick(other.name, language), f"/staff/books/{other.org_id}/trial-balance")
            for other in organisations(session)
            if other.org_id != org_id
        )
        by_currency: dict[str, list[TrialLine]] = defaultdict(list)
        for line in trial_balance(session, org_id):
            by_currency[line.debits.currency].append(line)
    sections = tuple(_section(currency, lines) for currency, lines in sorted(by_currency.items()))
    page = TrialBalancePage(by.staff(), name, now(), sections, others)
    return render(request, "staff/trial_balance.html", page)


@router.get("/staff/books/{org_id}/accounts/{account_id}")
def account(
    org_id: int,
    account_id: int,
    request: Request,
    by: BookReader,
    till: Taking,
    before: int | None = None,
) -> Response:
    """An account's movements, newest first, each with the balance it left."""
    here = f"/staff/books/{org_id}/accounts/{account_id}"
    with till.database.transaction() as session:
        found = find_account(session, org_id, account_id)
        entries = statement(session, org_id, account_id, before_seq=before)
        page = AccountPage(
            staff=by.staff(),
            book=pick(organisation(session, org_id).name, language_of(request)),
            book_url=f"/staff/books/{org_id}/trial-balance",
            account=account_link(found),
            side="debit" if found.normal_side == Side.DEBIT else "credit",
            balance=found.balance,
            entries=tuple(
                AccountEntry(
                    entry.seq,
                    entry.effective,
                    entry.kind.name.lower(),
                    account_link(find_account(session, org_id, entry.other_account)),
                    entry.debit,
                    entry.credit,
                    entry.balance,
                )
                for entry in entries
            ),
            pages=Pages(
                newer=here if before is not None else None,
                older=f"{here}?before={entries[-1].seq}"
                if len(entries) == STATEMENT_PAGE
                else None,
            ),
        )
    return render(request, "staff/account.html", page)


def _section(currency: str, lines: list[TrialLine]) -> TrialSection:
    rows = tuple(_row(line) for line in lines)

    def total(amounts: list[Money | None]) -> Money:
        return Money(sum(amount.minor for amount in amounts if amount), currency)

    return TrialSection(
        currency=currency,
        rows=rows,
        debits=total([row.debits for row in rows]),
        credits=total([row.credits for row in rows]),
        debit_balance=total([row.debit_balance for row in rows]),
        credit_balance=total([row.credit_balance for row in rows]),
    )


def _row(line: TrialLine) -> TrialRow:
    """A balance on the wrong side of an account is shown where it stands, as accountants do."""
    signed = line.debits.minor - line.credits.minor
    currency = line.debits.currency
    return TrialRow(
        account=account_link(line.account),
        debits=line.debits,
        credits=line.credits,
        debit_balance=Money(signed, currency) if signed > 0 else None,
        credit_balance=Money(-signed, currency) if signed < 0 else None,
    )

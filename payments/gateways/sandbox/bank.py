"""The bank: book what comes and goes on our operator's account, and close statements that chain.

A statement covers whole days in Tashkent and begins where the last one ended. Closing a day's statement
ends that banking day: whatever comes later is booked on the next, even if the clock still shows the first.
"""

from datetime import date, timedelta
from typing import Final

from foundation.clock import business_date
from foundation.errors import Conflict, NotFound, Refused
from payments.gateways.sandbox.provider import Provider
from payments.gateways.sandbox.store import Record
from payments.gateways.sandbox.stripe_objects import new_id

ONE_DAY: Final = timedelta(days=1)
# Family and sub-family of ISO 20022's bank transaction codes: (domain, family, sub-family).
TRANSFER_RECEIVED: Final = ("PMNT", "RCDT", "DMCT")
BANK_CHARGE: Final = ("ACMT", "MDOP", "CHRG")


class NoSuchAccount(Refused):
    """The bank keeps no account of ours in this currency."""


class DayAlreadyClosed(Conflict):
    """The statement of that day is already closed."""


class BankStatementNotFound(NotFound):
    """There is no such statement."""


def book(  # noqa: PLR0913 - an entry is told everything at once
    provider: Provider,
    *,
    amount_minor: int,
    currency: str,
    purpose: str,
    code: tuple[str, str, str],
    end_to_end_id: str | None = None,
    payer_name: str | None = None,
    payer_account: str | None = None,
    on: date | None = None,
) -> Record:
    """Book an entry, credit above zero, on the day `on` or the next open one. Raises NoSuchAccount."""
    with provider.store.change():
        account_of(provider, currency)
        wanted = on or business_date(provider.now())
        open_day = _first_open_day(provider, currency)
        entry = {
            "id": new_id("BE"),
            "amount_minor": amount_minor,
            "currency": currency,
            "booked_on": max(wanted, open_day or wanted).isoformat(),
            "purpose": purpose,
            "code": list(code),
            "end_to_end_id": end_to_end_id,
            "payer_name": payer_name,
            "payer_account": payer_account,
        }
        provider.store.put("bank_entry", entry)
        provider.store.put("unstated_entry", {"id": entry["id"]})
    return entry


def close_statement(provider: Provider, *, currency: str, on: date | None = None) -> Record:
    """Close the statement up to the day `on`, or up to today or the next open day, if that is later.

    It begins on the day after the last one and opens with that one's closing balance, so statements
    leave no gap and never overlap. Raises NoSuchAccount and DayAlreadyClosed.
    """
    with provider.store.change():
        account = account_of(provider, currency)
        earlier = statements_of(provider, currency)
        open_day = _first_open_day(provider, currency)
        today = business_date(provider.now())
        last = on or max(today, open_day or today)
        first = open_day or last
        if last < first:
            raise DayAlreadyClosed(first_open=first.isoformat(), asked=last.isoformat())

        entries = _unstated_until(provider, currency, last)
        opening = _closing_of(provider, currency)
        statement = {
            "id": f"{currency}-{len(earlier) + 1:05d}",
            "number": len(earlier) + 1,
            "account": account,
            "currency": currency,
            "created": provider.now().replace(microsecond=0).isoformat(),
            "first_day": first.isoformat(),
            "last_day": last.isoformat(),
            "opening_minor": opening,
            "closing_minor": opening + sum(entry["amount_minor"] for entry in entries),
            "entries": [entry["id"] for entry in entries],
        }
        provider.store.put("statement", statement)
        for entry in entries:
            provider.store.drop("unstated_entry", entry["id"])
    return statement


def statements_of(provider: Provider, currency: str | None = None) -> list[Record]:
    """The closed statements, the oldest first, of one currency or of all."""
    return [
        statement
        for statement in provider.store.all("statement")
        if currency in {None, statement["currency"]}
    ]


def find_statement(provider: Provider, id: str) -> Record:
    """The statement. Raises BankStatementNotFound."""
    statement = provider.store.find("statement", id)
    if statement is None:
        raise BankStatementNotFound(statement=id)
    return statement


def entries_of(provider: Provider, statement: Record) -> list[Record]:
    """The statement's entries, in the order of booking."""
    found = (provider.store.find("bank_entry", one) for one in statement["entries"])
    return [entry for entry in found if entry is not None]


def account_of(provider: Provider, currency: str) -> str:
    """Our 20-digit account in the currency. Raises NoSuchAccount."""
    account = provider.settings.collection_accounts.get(currency)
    if account is None:
        raise NoSuchAccount(currency=currency)
    return account


def _closing_of(provider: Provider, currency: str) -> int:
    closed = statements_of(provider, currency)
    if closed:
        return int(closed[-1]["closing_minor"])
    return provider.settings.opening_minor.get(currency, 0)


def _first_open_day(provider: Provider, currency: str) -> date | None:
    closed = statements_of(provider, currency)
    return date.fromisoformat(closed[-1]["last_day"]) + ONE_DAY if closed else None


def _unstated_until(provider: Provider, currency: str, day: date) -> list[Record]:
    waiting = (
        provider.store.find("bank_entry", one["id"]) for one in provider.store.all("unstated_entry")
    )
    return sorted(
        (
            entry
            for entry in waiting
            if entry is not None
            and entry["currency"] == currency
            and date.fromisoformat(entry["booked_on"]) <= day
        ),
        key=lambda entry: str(entry["booked_on"]),
    )

"""`mizon books`: which are shut and why; open one again, by two persons who keep the books."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import select

from foundation.clock import now
from foundation.database import Database
from foundation.errors import Forbidden
from identity.actor import Actor
from identity.roles import Permission
from identity.sessions import sign_in, sign_out, signed_in
from ledger.accounts import Book, BookState
from ledger.shutting import Shutting, approve_opening, books_shut, request_opening
from service.settings import read_settings


class KeepsNoBooks(Forbidden):
    """Only somebody who keeps the books may do this."""


def list_books() -> int:
    """Every book: open, or shut, since when, why, and who asks to open it."""
    with closing(_database()) as database, database.transaction() as session:
        shut = {one.org_id: one for one in books_shut(session)}
        for book in session.scalars(select(Book).order_by(Book.org_id)):
            print(_line(book, shut.get(book.org_id)))
    return 0


def ask_to_open(org_id: int, *, login: str, reason: str) -> int:
    """Ask that a shut book be opened; the password is asked for."""
    with _keeper(login) as (database, keeper), database.transaction() as session:
        request_opening(session, org_id, reason=reason, by=keeper, at=now())
    print(f"Asked. Somebody else opens it: ./mizon books approve {org_id} --login …")
    return 0


def approve(org_id: int, *, login: str) -> int:
    """Open a shut book, as another person asked; the password is asked for."""
    with _keeper(login) as (database, keeper), database.transaction() as session:
        approve_opening(session, org_id, by=keeper, at=now())
    print(f"Book {org_id} is open.")
    return 0


@contextmanager
def _keeper(login: str) -> Iterator[tuple[Database, Actor]]:
    """The person, by sign-in name and password, as on the staff pages."""
    with closing(_database()) as database:
        token = sign_in(database, login=login, password=_password(login), at=now())
        try:
            with database.transaction() as session:
                found = signed_in(session, token, at=now())
            if found is None or not found[1].may(Permission.KEEP_BOOKS):
                raise KeepsNoBooks(login=login)
            yield database, found[1]
        finally:
            with database.transaction() as session:
                sign_out(session, token, at=now())


def _database() -> Database:
    return Database(read_settings().database_url, name="mizon books")


def _line(book: Book, shut: Shutting | None) -> str:
    told = f"{book.org_id:>6} {BookState(book.state).name.lower()}"
    if shut is not None:
        told += f" since {shut.shut_at:%Y-%m-%d %H:%M} UTC by {shut.shut_by}: {shut.why}"
        if shut.requested_by:
            told += f"\n       {shut.requested_by} asks to open it: {shut.reason}"
    return told


def _password(login: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"Password of {login}: ")
    return sys.stdin.readline().rstrip("\n")

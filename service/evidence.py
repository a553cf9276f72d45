"""`mizon keys`, `heads`, `dump` and `erase`: evidence, by whoever runs the service."""

import sys
from argparse import Namespace
from contextlib import AbstractContextManager, closing
from pathlib import Path

from sqlalchemy import text

from foundation.clock import now
from foundation.database import Database
from foundation.errors import Refused
from identity.actor import Actor
from ledger.books import take_snapshot
from ledger.documents import erase_document
from ledger.evidence.dump import write_dump
from ledger.evidence.heads import compare_with_tree
from ledger.evidence.notes import Signer
from ledger.verify import FAULTS, Differs, Unreadable, read_head, read_keys
from service.settings import read_settings


class KeyNameRefused(Refused):
    """A key's name has no space and no plus, and is not empty."""


def new_key(options: Namespace) -> int:
    """Make a key to sign heads with, and print both halves; nothing is kept here."""
    try:
        signer = Signer.new(options.name)
    except Unreadable:
        raise KeyNameRefused(name=options.name) from None
    print(f"secret, for MIZON_SIGNING_KEY: {signer.private_text}")
    print(f"public, for everybody:         {signer.public_text}")
    return 0


def compare_heads(options: Namespace) -> int:
    """Hold heads that were kept elsewhere against the trees of this database; exit 1 at a difference."""
    worst = 0
    with _opened("mizon heads") as database:
        for name in options.files:
            try:
                head = read_head(Path(name).read_text(encoding="utf-8"), read_keys(options.key))
                with database.transaction() as session:
                    compare_with_tree(session, head)
                code, told = 0, f"{head.origin} had these {head.size} leaves, and has them still"
            except Differs as difference:
                code, told = 1, f"DIFFERS: {difference}"
            except FAULTS as fault:
                code, told = 2, f"it cannot be read: {fault}"
            print(f"{name}: {told}")
            worst = max(worst, code)
    return worst


def dump(options: Namespace) -> int:
    """Write a book to standard output, for a stranger's verifier."""
    with _opened("mizon dump") as database, database.transaction() as session:
        take_snapshot(session)
        # Whoever reads the other end of a pipe may take their time.
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        journals = write_dump(session, options.book, sys.stdout, documents=options.documents)
    print(f"Book {options.book}, {journals} journals.", file=sys.stderr)
    return 0


def erase(options: Namespace) -> int:
    """Erase a journal's document, and write down who decided it and why."""
    decided_by = Actor("staff", options.by)
    with _opened("mizon erase") as database, database.transaction() as session:
        erase_document(
            session, options.book, options.journal, reason=options.reason, by=decided_by, at=now()
        )
    print(f"The document of {options.journal} is erased; every proof of it stays valid.")
    return 0


def _opened(name: str) -> AbstractContextManager[Database]:
    return closing(Database(read_settings().database_url, name=name))

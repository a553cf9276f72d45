"""The proofs of payments: whatever is changed behind the books' back, a rule names the first difference."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.orm import Session

from foundation.database import Database
from ledger.books import prove
from ledger.money import UZS, Money
from payments.charges import lock_charge, reverse_charge, settle_charge
from payments.reconciliation.proof import RULES
from service.embedded import EmbeddedServer
from tests.conftest import TOWN
from tests.conftest import _copy as copy
from tests.given import ACCOUNT, NOON, STRIPE, Given
from tests.payments.reconciliation import camt
from tests.payments.reconciliation.desk import Desk, line, payment, statement
from tests.superuser import as_superuser

NO_MORE_SETTLED = (
    "UPDATE payments.charge SET state = 'pending', settled_at = null, applied = null,"
    " confirmed_minor = null, confirmed_currency = null WHERE state = 'settled' AND provider = 'stripe'"
)


@pytest.fixture(scope="module")
def world(server: EmbeddedServer, admin: Engine, templates: None) -> Iterator[Desk]:
    """A payment paid out, one given back, one by bank, one line unidentified; for the whole module."""
    for url in copy(server, admin, TOWN):
        database = Database(url)
        desk = Desk(database, Given(database))
        live_a_day(desk)
        yield desk
        database.close()


def live_a_day(desk: Desk) -> None:
    desk.announce("po_0001", payment(desk.paid(UZS("100")), "3"))
    given_back = desk.paid(UZS("50"))
    with desk.db.transaction() as session:
        locked = lock_charge(session, given_back.handle)
        reverse_charge(session, locked, reason="refunded", by=STRIPE, at=NOON)
    desk.booked(
        line("97.00", "po_0001"),
        line("412000.00", desk.given.open_bill().reference),
        line("7.00", "toʻlov"),
        line("-1.00", "bank charge"),
    )
    desk.reconcile()
    desk.given.proves()


def broken_by(world: Desk, *statements: str) -> dict[str, dict[str, Any]]:
    """What the proofs find after this damage, which is taken back.

    No role of the service can do it: no trigger and no foreign key stands in the way.
    """
    with create_engine(world.db.url, poolclass=NullPool).connect() as connection:
        connection.execute(text("SET LOCAL session_replication_role = 'replica'"))
        for statement in statements:
            connection.execute(text(statement))
        with Session(connection) as session:
            checks = list(prove(session, RULES))
        connection.rollback()
    return {check.name: dict(check.difference) for check in checks if check.difference}


DAMAGE = [
    # charges
    ("UPDATE payments.charge SET confirmed_minor = confirmed_minor + 1", "charges"),
    ("UPDATE payments.charge SET state = 'settled' WHERE state = 'reversed'", "charges"),
    ("UPDATE payments.charge SET state = 'reversed' WHERE provider = 'stripe'", "charges"),
    (NO_MORE_SETTLED, "charges"),
    ("DELETE FROM ledger.transfer", "charges"),
    ("UPDATE ledger.transfer SET amount_minor = amount_minor + 1", "charges"),
    # journals-of-charges
    (NO_MORE_SETTLED, "journals-of-charges"),
    (
        "UPDATE ledger.journal_doc SET doc = jsonb_set(doc, '{key}', '\"another:settled\"')",
        "journals-of-charges",
    ),
    # bills
    ("UPDATE payments.bill SET state = 'open', paid_at = null WHERE state = 'paid'", "bills"),
    ("UPDATE payments.bill SET state = 'paid', paid_at = now() WHERE state = 'open'", "bills"),
    ("UPDATE payments.bill SET amount_minor = amount_minor - 1 WHERE state = 'paid'", "bills"),
    ("UPDATE payments.charge SET applied = 'credit' WHERE provider = 'bank'", "bills"),
    # receipts
    ("DELETE FROM payments.receipt WHERE number LIKE '%2'", "receipts"),
    ("UPDATE payments.receipt SET amount_minor = amount_minor + 1", "receipts"),
    ("UPDATE payments.counter SET last = last + 1", "receipts"),
    ("UPDATE payments.receipt SET number = '2020-2026-0000009' WHERE number LIKE '%3'", "receipts"),
    # provider-clearing
    ("UPDATE payments.payout SET state = 'announced'", "provider-clearing"),
    ("UPDATE payments.payout_item SET gross_minor = gross_minor - 1", "provider-clearing"),
    ("DELETE FROM payments.payout_item", "provider-clearing"),
    ("UPDATE ledger.account SET posted = posted + 1 WHERE number = '1210'", "provider-clearing"),
    ("UPDATE payments.charge SET provider = 'payme' WHERE state = 'settled'", "provider-clearing"),
    # bank
    ("UPDATE payments.statement SET closing_minor = closing_minor + 1", "bank"),
    ("UPDATE payments.statement SET verdict = 'quarantined'", "bank"),
    ("UPDATE payments.statement_line SET state = 'matched' WHERE state = 'break'", "bank"),
    ("UPDATE payments.statement_line SET state = 'unmatched' WHERE state = 'suspense'", "bank"),
    ("DELETE FROM payments.statement_line WHERE state = 'break'", "bank"),
    ("UPDATE ledger.account SET posted = posted - 1 WHERE number = '1110'", "bank"),
]


def test_no_rule_is_left_without_damage():
    assert {rule for _, rule in DAMAGE} == {rule.name for rule in RULES}


@pytest.mark.parametrize(
    ("damage", "rule"), DAMAGE, ids=[f"{rule}-{n}" for n, (_, rule) in enumerate(DAMAGE)]
)
def test_a_proof_names_what_was_changed_behind_its_back(world, damage, rule):
    assert broken_by(world, damage)[rule], "the first difference is shown"


def test_a_proof_shows_the_figures_that_differ(world):
    broken = broken_by(world, "UPDATE payments.statement SET closing_minor = closing_minor + 5")

    assert broken["bank"] == {
        "org_id": 1,
        "account": ACCOUNT,
        "currency": "UZS",
        "ledger": 412_104_00,
        "statements": 412_103_05,
        "not_posted": -1_00,
    }


def test_a_payment_that_vanished_from_our_side_is_missed(world):
    broken = broken_by(world, "DELETE FROM payments.charge WHERE provider = 'bank'")

    assert set(broken) == {"bills", "receipts", "journals-of-charges"}


def test_one_account_number_in_two_currencies_is_two_accounts(desk):
    as_superuser(
        desk.db.url,
        "INSERT INTO payments.bank_account VALUES (1, :account, 'EUR', '00014')",
        account=ACCOUNT,
    )
    euro = camt.document(statement(line("3.00", "transfer")).replace("UZS", "EUR"))
    assert desk.take(euro).verdict == "accepted"

    assert desk.matched(line("7.00", "toʻlov")) == {"suspense": 2}


def test_two_currencies_of_one_provider_are_not_added_up(desk):
    desk.paid(UZS("100"))
    charge = desk.given.pending_charge(desk.given.open_bill())
    with desk.db.transaction() as session:
        locked = lock_charge(session, charge.handle)
        settle_charge(session, locked, confirmed=Money(5_00, "EUR"), by=STRIPE, at=NOON)
    desk.given.proves()

    clearing = (
        "UPDATE ledger.account SET posted = posted + {} WHERE number = '1210' AND currency = {}"
    )
    broken = broken_by(desk, clearing.format(1, 978), clearing.format(-1, 860))
    assert broken["provider-clearing"]["currency"] == "EUR"


def test_the_proofs_count_what_they_have_examined(world):
    with world.db.transaction() as session:
        examined = {check.name: check.examined for check in prove(session, RULES)}

    assert examined == {
        "charges": 3,
        "journals-of-charges": 4,
        "bills": 3,
        "receipts": 3,
        "provider-clearing": 1,
        "bank": 1,
    }

"""The bank's lines while a book is shut: those of other books are posted, its own wait for the next run."""

from identity.actor import Actor, system_actor
from ledger.money import UZS
from ledger.shutting import approve_opening, request_opening, shut_book
from payments.reconciliation.proving import prove_books
from service.demo.town import OPERATOR
from tests.given import AGENCY, NOON, OTHER_AGENCY
from tests.payments.reconciliation.desk import Desk, line, payment

NIGHT = system_actor("prove_books")
FEE = "412000.00"


def shut(desk: Desk, book: int) -> None:
    with desk.db.transaction() as session:
        assert shut_book(session, book, why="balances: stored 1", by=NIGHT, at=NOON)


def opened(desk: Desk, book: int) -> None:
    prove_books(desk.db, by=NIGHT, at=NOON)
    asker, approver = Actor("staff", "karima"), Actor("staff", "botir")
    with desk.db.transaction() as session:
        request_opening(session, book, reason="nothing was wrong with it", by=asker, at=NOON)
        approve_opening(session, book, by=approver, at=NOON)


def test_a_bank_transfer_waits_for_its_book_and_its_neighbours_do_not(desk):
    here, there = (desk.given.open_bill(UZS(FEE), org) for org in (AGENCY, OTHER_AGENCY))
    shut(desk, AGENCY)

    counts = desk.matched(
        line(FEE, here.reference), line("5.00", "toʻlov"), line(FEE, there.reference)
    )
    assert counts == {"waiting": 1, "suspense": 1, "bank_transfers": 1}
    assert desk.lines() == ["unmatched", "suspense", "matched"]
    assert desk.given.bill(here).state == "open"
    assert len(desk.breaks()) == 1, "the line that waits is no difference"

    opened(desk, AGENCY)
    assert desk.matched() == {"bank_transfers": 1}
    assert desk.given.bill(here).state == "paid"


def test_a_payout_of_several_agencies_waits_for_each_of_their_books(desk):
    items = [payment(desk.paid(UZS("100"), org), "3") for org in (AGENCY, OTHER_AGENCY)]
    desk.announce("po_0001", *items)
    shut(desk, OTHER_AGENCY)

    assert desk.matched(line("194.00", "po_0001")) == {"reports": 1, "waiting": 1}
    assert desk.operator() == {}
    assert desk.agency() == {"1210": "100.00"}

    opened(desk, OTHER_AGENCY)
    assert desk.matched() == {"payouts": 1}
    assert desk.operator() == {"bank": "194.00", "2220 2": "97.00", "2220 3": "97.00"}


def test_while_the_operators_book_is_shut_every_line_waits(desk):
    shut(desk, OPERATOR)

    assert desk.matched(line("5.00", "toʻlov"), line("-1.00", "fee")) == {"waiting": 1, "breaks": 1}
    opened(desk, OPERATOR)
    assert desk.matched() == {"suspense": 1}

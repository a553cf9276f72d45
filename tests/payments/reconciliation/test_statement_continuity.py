"""Statements of one account follow each other without a gap, in the file and across files."""

from datetime import date

import pytest

from ledger.money import Money
from payments.reconciliation.statements import Edge, Verdict, follows, posting_order
from tests.payments.reconciliation.camt import (
    ACCOUNT,
    balance,
    check,
    codes,
    document,
    entry,
    moving,
    statement,
)


def day(amount: str, opening: str, on: str, *, id: str, number: int | None = None) -> str:
    head = f"<ElctrncSeqNb>{number}</ElctrncSeqNb>" if number else ""
    return moving(amount, opening=opening, id=id, head=head, days=(on, on))


MONDAY = day("5.00", "100.00", "2026-03-02", id="A", number=7)
TUESDAY = day("6.00", "105.00", "2026-03-03", id="B", number=8)
FRIDAY = day("7.00", "111.00", "2026-03-06", id="C", number=9)


def test_statements_that_follow_each_other_are_accepted_in_either_order() -> None:
    for order in ([MONDAY, TUESDAY, FRIDAY], [FRIDAY, TUESDAY, MONDAY]):
        report = check(document(*order))

        assert report.reasons == []
        chain = posting_order(report.statements)
        assert [one.head.statement_id for one in chain] == ["A", "B", "C"]


def test_an_opening_that_is_not_the_last_closing_is_discontinuous() -> None:
    later = day("6.00", "105.01", "2026-03-03", id="B")

    report = check(document(MONDAY, later))

    assert codes(report) == ["discontinuous"]
    assert report.reasons[0] == (
        "discontinuous: statement 2 previous closing 105.00 EUR, opening 105.01 EUR"
    )


def test_a_jump_in_the_numbers_is_a_missing_statement_even_if_balances_meet() -> None:
    later = day("6.00", "105.00", "2026-03-03", id="B", number=9)

    report = check(document(MONDAY, later))

    assert report.reasons == ["sequence-gap: statement 2 number 7, then 9"]


@pytest.mark.parametrize(
    ("first", "second"), [(65, 68), (306, 309), (20260306, 20260309), (365, 1)]
)
def test_numbers_may_start_again_or_spell_the_day(first: int, second: int) -> None:
    before = day("5.00", "100.00", "2026-03-06", id="A", number=first)
    after = day("6.00", "105.00", "2026-03-09", id="B", number=second)

    assert check(document(before, after)).verdict == Verdict.ACCEPTED


@pytest.mark.parametrize(("on", "reasons"), [("2026-03-09", ["date-gap"]), ("2026-03-03", [])])
def test_unnumbered_statements_may_not_leave_out_a_weekday(on: str, reasons: list[str]) -> None:
    before = day("5.00", "100.00", "2026-03-02", id="A")
    after = day("6.00", "105.00", on, id="B")

    assert codes(check(document(before, after))) == reasons


def test_a_weekend_without_statement_is_no_gap() -> None:
    before = day("5.00", "100.00", "2026-03-06", id="A")
    after = day("6.00", "105.00", "2026-03-09", id="B")

    assert check(document(before, after)).verdict == Verdict.ACCEPTED


def test_statements_may_not_cover_the_same_days() -> None:
    march = moving("5.00", id="A", days=("2026-03-01", "2026-03-31"))
    again = moving("6.00", opening="105.00", id="B", days=("2026-03-15", "2026-04-15"))

    assert codes(check(document(march, again))) == ["date-overlap"]


def test_the_same_statement_twice_is_named_on_both() -> None:
    report = check(document(MONDAY, MONDAY))

    assert [one.verdict for one in report.statements] == ["quarantined", "quarantined"]
    assert set(codes(report)) == {"duplicate-statement", "discontinuous"}


def test_other_accounts_and_currencies_have_their_own_order() -> None:
    other = MONDAY.replace("NL26", "NL27")
    dollars = MONDAY.replace("EUR", "USD")

    assert check(document(MONDAY, other, dollars, TUESDAY)).verdict == Verdict.ACCEPTED


def page(number: int, *, last: bool, opening: tuple[str, str], closing: tuple[str, str]) -> str:
    end = str(last).lower()
    head = f"<StmtPgntn><PgNb>{number}</PgNb><LastPgInd>{end}</LastPgInd></StmtPgntn>"
    return statement(entry("5.00"), head=head, balances=balance(*opening) + balance(*closing))


FIRST = page(1, last=False, opening=("OPBD", "100.00"), closing=("ITBD", "105.00"))
SECOND = page(2, last=False, opening=("ITBD", "105.00"), closing=("ITBD", "110.00"))
THIRD = page(3, last=True, opening=("ITBD", "110.00"), closing=("CLBD", "115.00"))


def test_the_pages_of_a_statement_chain() -> None:
    assert check(document(FIRST, SECOND, THIRD)).verdict == Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("pages", "missing"),
    [
        ([FIRST, SECOND], "page 3"),
        ([SECOND, THIRD], "page 1"),
        ([FIRST, THIRD], "page 2"),
        ([FIRST], "page 2"),
        ([THIRD], "page 2"),
    ],
)
def test_a_missing_page_is_named(pages: list[str], missing: str) -> None:
    report = check(document(*pages))

    assert report.verdict == Verdict.QUARANTINED
    assert any(reason.startswith("page-missing") and missing in reason for reason in report.reasons)


def test_a_message_that_continues_elsewhere_is_not_posted() -> None:
    head = "<GrpHdr><MsgPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></MsgPgntn></GrpHdr>"

    assert codes(check(document(moving("5.00"), head=head))) == ["page-missing"]
    assert check(document(moving("5.00"), head=head.replace("false", "true"))).verdict == "accepted"


def test_the_importer_asks_the_same_of_the_last_posted_statement() -> None:
    (after,) = check(document(TUESDAY)).statements
    monday = date(2026, 3, 2)

    assert follows(Edge(Money(105_00, "EUR"), monday, 7), after) == []
    assert [str(one) for one in follows(Edge(Money(100_00, "EUR"), monday, 6), after)] == [
        "discontinuous: previous closing 100.00 EUR, opening 105.00 EUR",
        "sequence-gap: number 6, then 8",
    ]


def test_a_statement_without_account_follows_nothing() -> None:
    nameless = MONDAY.replace(ACCOUNT, "<Acct><Ccy>EUR</Ccy></Acct>")

    assert codes(check(document(nameless, nameless))) == ["account-missing"] * 2

"""Importing: a statement is taken once, in its place in the chain, or kept aside with the reason."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.given import ACCOUNT
from tests.payments.reconciliation import camt
from tests.payments.reconciliation.desk import DAY, OURS, amount_of, line, statement
from tests.superuser import as_superuser, rows


def reasons(imported) -> list[str]:
    return [reason.partition(":")[0] for reason in imported.reasons]


def figures(imported) -> tuple[str, bool, int, int]:
    return imported.verdict, imported.known_before, imported.statements_accepted, imported.lines


def kept_lines(desk) -> int:
    return rows(desk.db.url, "SELECT count(*) FROM payments.statement_line")[0][0]


def test_the_same_file_again_changes_nothing(desk):
    content = desk.next_file(line("10.00"), line("-3.00"))

    assert figures(desk.take(content)) == ("accepted", False, 1, 2)
    assert figures(desk.take(content)) == ("accepted", True, 0, 0)
    assert kept_lines(desk) == 2


def test_a_renamed_file_is_the_same_file(desk):
    content = desk.next_file(line("10.00"))
    desk.take(content, "statement.xml")
    again = desk.take(content, "statement (1).xml")

    assert (again.known_before, again.name) == (True, "statement.xml")
    assert kept_lines(desk) == 1


def test_the_same_statement_in_another_file_is_not_taken_twice(desk):
    content = desk.next_file(line("10.00"))
    desk.take(content)
    packed_anew = desk.take(content.replace(b"<Stmt>", b"<Stmt> "))

    assert reasons(packed_anew) == ["already-imported"]
    assert figures(packed_anew) == ("quarantined", False, 0, 0)
    assert kept_lines(desk) == 1


def test_a_statement_of_a_known_number_with_other_figures_is_kept_aside(desk):
    desk.take(desk.next_file(line("10.00")))
    altered = camt.document(statement(line("10.00"), line("5.00"), number=1))

    assert reasons(desk.take(altered)) == ["statement-altered"]
    assert kept_lines(desk) == 1


def test_one_import_by_many_at_once_is_one_import(desk):
    content = desk.next_file(line("10.00"), line("20.00"))
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: desk.take(content), range(6)))

    assert sorted(one.lines for one in found) == [0, 0, 0, 0, 0, 2]
    assert {one.verdict for one in found} == {"accepted"}
    assert kept_lines(desk) == 2


def test_two_files_of_one_account_at_once_are_taken_in_one_chain(desk):
    first, second, third = (desk.next_file(line(amount)) for amount in ("10.00", "20.00", "5.00"))
    desk.take(first)
    for _ in range(2):  # who comes too early comes again
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(desk.take, (third, second)))

    query = "SELECT statement_id, position FROM payments.statement WHERE verdict = 'accepted'"
    assert sorted(rows(desk.db.url, query)) == [("S1", 1), ("S2", 2), ("S3", 3)]
    assert kept_lines(desk) == 3


def test_a_statement_whose_predecessor_is_missing_waits_until_that_one_has_come(desk):
    first, second, third = (desk.next_file(line(amount)) for amount in ("10.00", "20.00", "30.00"))
    desk.take(first)
    early = desk.take(third)
    assert early.verdict == "quarantined"
    assert set(reasons(early)) == {"discontinuous", "sequence-gap"}

    desk.take(second)
    assert figures(desk.take(third)) == ("accepted", True, 1, 1)
    assert kept_lines(desk) == 3


def test_a_gap_between_two_statements_is_named(desk):
    desk.take(desk.next_file(line("10.00")))
    desk.number += 1
    gap = desk.take(desk.next_file(line("1.00")))

    assert gap.reasons == ["sequence-gap: number 1, then 3"]


def test_a_statement_that_does_not_begin_where_the_last_one_ended_is_kept_aside(desk):
    desk.take(desk.next_file(line("10.00")))
    desk.closing += 1
    off = desk.take(desk.next_file(line("1.00")))

    assert off.reasons == ["discontinuous: previous closing 10.00 UZS, opening 11.00 UZS"]


@pytest.mark.parametrize(
    "account",
    [
        OURS.replace(ACCOUNT, "20208000900000000002"),
        OURS.replace("UZS", "USD"),
        "<Acct><Id><Othr><Id>x</Id></Othr></Id><Ccy>UZS</Ccy></Acct>",
    ],
)
def test_an_account_that_is_not_ours_is_not_posted(desk, account):
    content = camt.document(statement(line("10.00"), account=account))
    imported = desk.take(content if "UZS" in account else content.replace(b'"UZS"', b'"USD"'))

    assert "account-unknown" in reasons(imported)
    assert kept_lines(desk) == 0


def test_an_agencys_own_account_is_not_the_operators(desk):
    as_superuser(desk.db.url, "UPDATE payments.bank_account SET org_id = 2")
    imported = desk.take(desk.next_file(line("10.00")))

    assert reasons(imported) == ["account-unknown"]


def test_of_a_file_with_a_good_and_a_bad_statement_the_good_one_is_taken(desk):
    foreign = statement(line("7.00"), account=OURS.replace(ACCOUNT, "20208000900000000002"))
    imported = desk.take(camt.document(statement(line("10.00")), foreign))

    assert (imported.verdict, imported.statements_accepted, imported.lines) == ("quarantined", 1, 1)
    assert imported.reasons == ["statement 2: account-unknown: 20208000900000000002 UZS"]


def test_what_follows_a_bad_statement_waits_for_its_correction(desk):
    desk.take(desk.next_file(line("1.00")))
    good = statement(line("10.00"), opening="1.00", number=2)
    after = statement(line("5.00"), opening="11.00", number=3)
    wrong = good.replace("<Cd>CLBD</Cd>", "<Cd>CLAV</Cd>")
    file = camt.document(wrong, after)

    assert figures(desk.take(file)) == ("quarantined", False, 0, 0)
    desk.take(camt.document(good))
    assert desk.take(file).statements_accepted == 1
    assert kept_lines(desk) == 3


@pytest.mark.parametrize("content", [b"", b"hello", b"<a/>", b"<!DOCTYPE x><x/>", b"\xff\xfe"])
def test_a_file_that_is_no_statement_is_kept_as_evidence_and_refused(desk, content):
    first, again = desk.take(content), desk.take(content)

    assert (first.verdict, first.known_before, first.lines) == ("refused", False, 0)
    assert (again.verdict, again.known_before) == ("refused", True)
    assert rows(desk.db.url, "SELECT content, verdict FROM payments.statement_file") == [
        (content, "refused")
    ]


def test_a_truncated_file_posts_nothing_wherever_it_was_cut(desk):
    content = desk.next_file(line("10.00"), line("20.00"))
    for cut in range(0, len(content) - 1, 200):
        assert desk.take(content[:cut]).verdict != "accepted"
    assert kept_lines(desk) == 0

    assert desk.take(content).lines == 2


def test_statements_of_one_file_are_taken_oldest_first_whatever_their_order(desk):
    first = statement(line("10.00"))
    second = statement(line("5.00"), opening="10.00", number=2)
    imported = desk.take(camt.document(second, first))

    assert (imported.verdict, imported.statements_accepted) == ("accepted", 2)
    query = "SELECT statement_id, position FROM payments.statement ORDER BY position"
    assert rows(desk.db.url, query) == [("S1", 1), ("S2", 2)]


def page(number: int, last: str, *lines: str, opening: str, kinds: tuple[str, str]) -> str:
    closing = sum(map(amount_of, lines), start=type(amount_of(lines[0]))(opening))
    return statement(
        *lines,
        opening=opening,
        head="<ElctrncSeqNb>1</ElctrncSeqNb>"
        f"<StmtPgntn><PgNb>{number}</PgNb><LastPgInd>{last}</LastPgInd></StmtPgntn>",
        balances=camt.balance(kinds[0], opening, DAY, "UZS")
        + camt.balance(kinds[1], f"{closing:.2f}", DAY, "UZS"),
    )


def test_the_pages_of_one_statement_share_its_number_and_are_all_taken(desk):
    one = page(1, "false", line("10.00"), opening="0.00", kinds=("OPBD", "ITBD"))
    two = page(2, "true", line("5.00"), opening="10.00", kinds=("ITBD", "CLBD"))
    imported = desk.take(camt.document(one, two))

    assert figures(imported) == ("accepted", False, 2, 2)
    packed_anew = desk.take(camt.document(one, two, before=""))
    assert reasons(packed_anew) == ["statement 1", "statement 2"]
    assert all("already-imported" in reason for reason in packed_anew.reasons)


def test_a_batch_that_adds_up_is_kept_as_its_payments_and_money_counts_once(desk):
    parts = [detail("4.00", "one"), detail("6.00", "two")]
    imported = desk.take(desk.next_file(batch("10.00", *parts)))

    assert imported.lines == 3
    query = (
        "SELECT state, detail, amount_minor, purpose FROM payments.statement_line ORDER BY detail"
    )
    assert rows(desk.db.url, query) == [
        ("batch", 0, 10_00, ""),
        ("unmatched", 1, 4_00, "one"),
        ("unmatched", 2, 6_00, "two"),
    ]


@pytest.mark.parametrize("second", ["5.99", "6.01", "-6.00"])
def test_a_batch_that_does_not_add_up_stays_one_line(desk, second):
    desk.take(desk.next_file(batch("10.00", detail("4.00", "one"), detail(second, "two"))))

    assert desk.lines() == ["unmatched"]
    assert desk.breaks() == [("amount", "10.00 UZS")]


def detail(amount: str, purpose: str) -> str:
    value, sign = camt.signed(amount)
    return (
        f"<AmtDtls><TxAmt>{camt.amount(value, 'UZS')}</TxAmt></AmtDtls><CdtDbtInd>{sign}</CdtDbtInd>"
        f"<RmtInf><Ustrd>{purpose}</Ustrd></RmtInf>"
    )


def batch(amount: str, *details: str) -> str:
    return camt.entry(
        amount,
        currency="UZS",
        dates=f"<BookgDt><Dt>{DAY}</Dt></BookgDt>",
        inside=camt.details(*details),
    )


def test_pending_lines_are_shown_and_never_wait_to_be_posted(desk):
    pending = line("9.00", status="<Sts><Cd>PDNG</Cd></Sts>")
    desk.take(desk.next_file(line("1.00"), pending))

    assert desk.lines() == ["unmatched", "shown"]


def test_the_largest_amount_of_a_bigint_is_taken_and_one_more_is_not(desk):
    most = f"{(2**63 - 1) // 100}.{(2**63 - 1) % 100:02d}"
    more = f"{2**63 // 100}.{2**63 % 100:02d}"
    assert desk.take(camt.document(statement(line(more)))).verdict == "quarantined"

    assert figures(desk.take(camt.document(statement(line(most))))) == ("accepted", False, 1, 1)


def test_what_was_imported_is_as_the_bank_gave_it(desk):
    content = desk.next_file(line("10.00", "Toʻlov ʻ & <1>", end_to_end="E2E-1"))
    desk.take(content)

    assert rows(desk.db.url, "SELECT content FROM payments.statement_file") == [(content,)]
    query = "SELECT purpose, end_to_end_id, amount_minor, currency FROM payments.statement_line"
    assert rows(desk.db.url, query) == [("Toʻlov ʻ & <1>", "E2E-1", 10_00, "UZS")]

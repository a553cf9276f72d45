"""The gate: readable statements whose figures or contents do not hold are quarantined by name."""

import pytest

from payments.reconciliation.statements import Reason, Verdict
from tests.payments.reconciliation.camt import (
    ACCOUNT,
    amount,
    balance,
    check,
    codes,
    details,
    document,
    entry,
    moving,
    statement,
)


def found(*statements: str) -> list[str]:
    report = check(document(*statements))
    assert report.verdict == Verdict.QUARANTINED
    return codes(report)


def test_an_unbalanced_statement_is_quarantined_with_its_sum() -> None:
    report = check(document(statement(entry("50.00"), closing="160.00")))

    assert report.verdict == Verdict.QUARANTINED
    assert report.statements[0].as_json()["reasons"] == [
        "unbalanced: opening 100.00 EUR + booked 50.00 EUR = 150.00 EUR, closing says 160.00 EUR"
    ]
    assert report.reasons[0].startswith("unbalanced: statement 1 opening")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("10.00001", "decimals"),
        ("0.001", "decimals"),
        ("NaN", "amount-unreadable"),
        ("Infinity", "amount-unreadable"),
        ("1e5", "amount-unreadable"),
        ("1,000.00", "amount-unreadable"),
        ("10,00", "amount-unreadable"),
        ("1 000.00", "amount-unreadable"),
        ("٣٤", "amount-unreadable"),
        ("0x10", "amount-unreadable"),
        (".", "amount-unreadable"),
        ("", "amount-unreadable"),
        ("1" * 30, "amount-unreadable"),
        ("92233720368547758.08", "amount-unreadable"),
        ("5<!-- 1 --><x/>0", "amount-unreadable"),
    ],
)
def test_an_amount_that_is_no_plain_decimal_is_never_guessed(text: str, reason: str) -> None:
    assert found(statement(entry("5.00").replace("5.00", text))) == [reason]


def test_a_negative_amount_is_quarantined() -> None:
    assert found(statement(entry("5.00").replace("5.00", "-5.00"))) == ["amount-negative"]


def test_two_amounts_in_one_entry_are_none() -> None:
    twice = entry("5.00").replace("<Ntry>", f"<Ntry>{amount('9.00')}")

    assert found(statement(twice)) == ["amount-unreadable"]


def test_decimals_beyond_the_currency_pass_only_when_they_are_zero() -> None:
    assert check(document(moving("5.00000", opening="100.000"))).verdict == Verdict.ACCEPTED
    assert found(statement(balances=balance("OPBD", "1.005") + balance("CLBD", "1.00"))) == [
        "decimals"
    ]

    yen = balance("OPBD", "0", currency="JPY") + balance("CLBD", "7.00", currency="JPY")
    account = ACCOUNT.replace("EUR", "JPY")
    report = check(document(statement(entry("7.0", currency="JPY"), balances=yen, account=account)))
    assert report.verdict == Verdict.ACCEPTED
    assert report.statements[0].as_json()["closing"] == "7"


@pytest.mark.parametrize(
    ("good", "bad", "reason"),
    [
        ("<CdtDbtInd>CRDT</CdtDbtInd>", "", "sign-missing"),
        ("<CdtDbtInd>CRDT</CdtDbtInd>", "<CdtDbtInd>credit</CdtDbtInd>", "sign-missing"),
        ("CRDT</CdtDbtInd>", "CRDT</CdtDbtInd><CdtDbtInd>DBIT</CdtDbtInd>", "sign-missing"),
        (' Ccy="EUR"', "", "currency-missing"),
        ('Ccy="EUR"', 'Ccy="XXX"', "currency-unknown"),
        ('Ccy="EUR"', 'Ccy="eur"', "currency-unknown"),
        ("<Sts><Cd>BOOK</Cd></Sts>", "", "status-unknown"),
        ("<Cd>BOOK</Cd>", "<Prtry>OK</Prtry>", "status-unknown"),
        ("<Cd>BOOK</Cd>", "<Cd>BOOK</Cd><Cd>PDNG</Cd>", "status-unknown"),
        ("2026-03-02", "2026-02-30", "date-unreadable"),
        ("2026-03-02", "02.03.2026", "date-unreadable"),
        ("2026-03-02", "2026-W10-1", "date-unreadable"),
        ("2026-03-02", "2026-03-021", "date-unreadable"),
        ("2026-03-02", "٢٠٢٦-٠٣-٠٢", "date-unreadable"),
    ],
)
def test_an_entry_that_cannot_be_read_quarantines_its_statement(
    good: str, bad: str, reason: str
) -> None:
    spoilt = entry("5.00").replace(good, bad)

    report = check(document(statement(spoilt, closing="105.00")))

    assert codes(report) == [reason]
    assert "entry 1" in report.reasons[0]
    assert report.statements[0].entries == 1


def test_a_balance_without_its_sign_is_not_taken_for_credit() -> None:
    unsigned = balance("OPBD", "100.00").replace("<CdtDbtInd>CRDT</CdtDbtInd>", "")

    assert found(statement(balances=unsigned + balance("CLBD", "100.00"))) == ["sign-missing"]


def test_a_debit_balance_is_negative() -> None:
    report = check(document(moving("30.00", opening="-50.00")))

    assert report.verdict == Verdict.ACCEPTED
    assert report.statements[0].as_json()["opening"] == "-50.00"
    assert report.statements[0].as_json()["closing"] == "-20.00"


@pytest.mark.parametrize(
    "balances",
    [
        "",
        balance("OPBD", "100.00"),
        balance("CLBD", "100.00"),
        balance("OPAV", "100.00") + balance("CLAV", "100.00"),
        balance("ITBD", "100.00"),
        balance("010", "100.00") + balance("015", "100.00"),
        balance("OPBD", "100.00") + balance("CLBD", "100.00", currency="SEK"),
    ],
    ids=["none", "opening", "closing", "available", "interim", "proprietary", "currencies"],
)
def test_without_both_booked_balances_nothing_is_proved(balances: str) -> None:
    assert found(statement(balances=balances)) == ["balances-missing"]


@pytest.mark.parametrize(
    "balances",
    [
        balance("PRCD", "100.00") + balance("CLBD", "105.00"),
        balance("PRCD", "100.00") + balance("OPBD", "100.00") + balance("CLBD", "105.00"),
        balance("OPBD", "100.00") + balance("OPAV", "1.00") + balance("CLBD", "105.00"),
        balance("CLBD", "105.00")
        + balance("CLAV", "9.00", currency="USD")
        + balance("OPBD", "100.00"),
        balance("ITBD", "100.00") + balance("CLBD", "105.00"),
        balance("OPBD", "100.00") + balance("ITBD", "105.00"),
        balance("ITBD", "100.00") + balance("ITBD", "105.00"),
        balance("OPBD", "100.00", "2026-03-01")
        + balance("CLBD", "90.00", "2026-03-01")
        + balance("OPBD", "90.00", "2026-03-02")
        + balance("CLBD", "105.00", "2026-03-02"),
    ],
)
def test_opening_and_closing_are_found_among_the_balances(balances: str) -> None:
    report = check(document(statement(entry("5.00"), balances=balances)))

    assert report.reasons == []
    assert report.statements[0].as_json()["opening"] == "100.00"
    assert report.statements[0].as_json()["closing"] == "105.00"


def test_balances_that_must_be_equal_and_differ_are_named() -> None:
    balances = balance("PRCD", "99.00") + balance("OPBD", "100.00") + balance("CLBD", "100.00")

    assert found(statement(balances=balances)) == ["balances-contradict"]


def test_pending_and_information_entries_are_counted_and_never_booked() -> None:
    pending = entry("40.00", status="<Sts>PDNG</Sts>")
    information = entry("-1.00", status="<Sts><Cd>INFO</Cd></Sts>")

    report = check(document(statement(pending, information)))

    assert report.verdict == Verdict.ACCEPTED
    assert report.statements[0].entries == 2
    assert report.statements[0].as_json()["booked"] == {}


def test_a_reversal_keeps_the_sign_that_it_has() -> None:
    reversal = entry("-10.00", inside="<RvslInd>true</RvslInd>")

    report = check(document(statement(entry("10.00"), reversal)))

    assert report.verdict == Verdict.ACCEPTED
    assert report.statements[0].as_json()["booked"] == {"EUR": "0.00"}


def test_an_entry_in_a_currency_without_balances_is_quarantined() -> None:
    assert found(statement(entry("5.00", currency="USD"))) == ["currency-differs"]


def test_a_multi_currency_account_proves_each_currency() -> None:
    balances = (
        balance("OPBD", "1.00")
        + balance("CLBD", "3.00")
        + balance("OPBD", "10.00", currency="USD")
        + balance("CLBD", "4.00", currency="USD")
    )
    account = ACCOUNT.replace("<Ccy>EUR</Ccy>", "")
    good = statement(
        entry("2.00"), entry("-6.00", currency="USD"), balances=balances, account=account
    )
    bad = statement(
        entry("2.00"), entry("-5.00", currency="USD"), balances=balances, account=account
    )

    report = check(document(good))
    assert report.verdict == Verdict.ACCEPTED
    assert report.statements[0].as_json()["booked"] == {"EUR": "2.00", "USD": "-6.00"}
    assert found(bad) == ["unbalanced"]


def test_a_statement_must_name_its_account() -> None:
    assert found(statement(account="<Acct><Ccy>EUR</Ccy></Acct>")) == ["account-missing"]
    assert found(statement(account=ACCOUNT.replace("EUR", "ZZZ")))[0] == "currency-unknown"


def test_a_booked_entry_needs_a_date_somewhere() -> None:
    undated = statement(entry("5.00", dates=""), closing="105.00")
    no_dates = undated.replace("<Dt><Dt>2026-03-02</Dt></Dt>", "")

    assert check(document(undated)).verdict == Verdict.ACCEPTED
    assert found(no_dates) == ["undated"]


SUMMARY = (
    "<TxsSummry><TtlNtries><NbOfNtries>{count}</NbOfNtries><Sum>{total}</Sum></TtlNtries>"
    "<TtlCdtNtries><Sum>{credits}</Sum></TtlCdtNtries>"
    "<TtlDbtNtries><Sum>{debits}</Sum></TtlDbtNtries></TxsSummry>"
)


@pytest.mark.parametrize(
    ("count", "total", "credits", "debits", "reasons"),
    [
        ("2", "15.00", "10.00", "5.00", []),
        ("2", "5.000", "10", "5", []),  # The net instead of the turnover.
        ("3", "15.00", "10.00", "5.00", ["summary-differs"]),
        ("2", "15.01", "10.00", "5.00", ["summary-differs"]),
        ("2", "15.00", "9.00", "5.00", ["summary-differs"]),
        ("2", "15.00", "10.00", "6.00", ["summary-differs"]),
        ("two", "1e9", "-", "NaN", []),  # No figures: nothing to compare.
        ("9" * 5000, "9" * 5000, "", "", ["summary-differs"]),
    ],
)
def test_the_banks_own_totals_must_fit(
    count: str, total: str, credits: str, debits: str, reasons: list[str]
) -> None:
    summary = SUMMARY.format(count=count, total=total, credits=credits, debits=debits)

    report = check(document(moving("10.00", "-5.00", summary=summary)))

    assert codes(report) == reasons


def test_details_that_do_not_sum_change_no_verdict() -> None:
    batch = entry("10.00", inside=details(amount("4.00"), amount("5.00")))

    report = check(document(statement(batch, closing="110.00")))

    assert report.verdict == Verdict.ACCEPTED
    assert report.statements[0].details == 2


def test_many_findings_are_counted_not_listed() -> None:
    bad = entry("5.00").replace("5.00", "x")

    report = check(document(statement(*[bad] * 1000)))

    assert len(report.reasons) == 21
    assert report.reasons[-1] == "more-findings: statement 1 980 more"


def test_a_file_has_the_worst_verdict_of_its_statements() -> None:
    other = ACCOUNT.replace("NL26", "NL27")
    report = check(document(moving("1.00"), statement(entry("1.00"), account=other, id="S2")))

    assert [statement.verdict for statement in report.statements] == ["accepted", "quarantined"]
    assert report.verdict == Verdict.QUARANTINED


def test_every_reason_has_its_own_name_and_one_sentence() -> None:
    assert len({reason.code for reason in Reason}) == len(Reason)
    for reason in Reason:
        assert reason.code == reason.code.lower().replace(" ", "-")
        assert reason.explanation.endswith(".")

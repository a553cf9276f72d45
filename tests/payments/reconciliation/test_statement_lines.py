"""What the importer and the matcher get of an entry: amounts, references, counterparty, purpose."""

from datetime import date

import pytest

from ledger.money import Money
from payments.reconciliation.statements import EntryStatus, StatementLine
from tests.payments.reconciliation.camt import (
    amount,
    details,
    document,
    entry,
    moving,
    opened,
    statement,
)


def line_of(text: str) -> StatementLine:
    ((_, line),) = opened(document(statement(text))).lines()
    return line


PAYMENT = (
    "<Refs><AcctSvcrRef>B7</AcctSvcrRef><InstrId>I1</InstrId><EndToEndId>E2E-1</EndToEndId>"
    "<TxId>T1</TxId></Refs>"
    "<RltdPties>"
    "<Dbtr><Pty><Nm> ООО  «Bahor» </Nm><Id><OrgId><Othr><Id>301234567</Id></Othr></OrgId></Id></Pty></Dbtr>"
    "<DbtrAcct><Id><Othr><Id>2020 8000 9001 2345 6001</Id></Othr></Id></DbtrAcct>"
    "<Cdtr><Pty><Nm>Agency</Nm></Pty></Cdtr>"
    "<CdtrAcct><Id><IBAN>NL26VAYB8060476890</IBAN></Id></CdtrAcct>"
    "</RltdPties>"
    "<RltdAgts><DbtrAgt><FinInstnId><BICFI>NBFAUZ2X</BICFI><ClrSysMmbId><MmbId>00014</MmbId>"
    "</ClrSysMmbId></FinInstnId></DbtrAgt></RltdAgts>"
    "<RmtInf><Ustrd>bill 1010 0007</Ustrd><Ustrd>0000 0000 0178</Ustrd>"
    "<Strd><CdtrRefInf><Ref>RF18539007547034</Ref></CdtrRefInf></Strd></RmtInf>"
)


def test_a_payment_line_carries_all_that_the_bank_says() -> None:
    line = line_of(
        entry(
            "42.00",
            inside="<NtryRef>N1</NtryRef>"
            + details(PAYMENT)
            + "<AddtlNtryInf>SEPA IN</AddtlNtryInf>",
        )
    )

    assert (line.seq, line.amount, line.status) == (1, Money(42_00, "EUR"), EntryStatus.BOOKED)
    assert (line.booking_date, line.value_date) == (date(2026, 3, 2), date(2026, 3, 3))
    assert (line.bank_reference, line.entry_reference, line.end_to_end_id) == ("B7", "N1", "E2E-1")
    assert line.counterparty.name == "ООО «Bahor»"
    assert line.counterparty.account == "20208000900123456001"
    assert line.counterparty.bank == "00014"
    assert line.counterparty.tax_id == "301234567"
    assert line.purpose == "bill 1010 0007 0000 0000 0178 SEPA IN"
    assert line.references == ("RF18539007547034",)
    assert (line.details[0].instruction_id, line.details[0].transaction_id) == ("I1", "T1")
    assert line.notes == ()


def test_the_counterparty_is_on_the_other_side_of_the_money() -> None:
    out = line_of(entry("-42.00", inside=details(PAYMENT)))
    taken_back = line_of(entry("-42.00", inside="<RvslInd>true</RvslInd>" + details(PAYMENT)))

    assert out.counterparty.name == "Agency"
    assert taken_back.counterparty.name == "ООО «Bahor»"
    assert taken_back.is_reversal


def test_older_versions_name_parties_without_the_wrapper() -> None:
    old = PAYMENT.replace("<Pty>", "").replace("</Pty>", "").replace("BICFI", "BIC")
    ultimate = "<RltdPties><UltmtDbtr><Nm>Child</Nm></UltmtDbtr></RltdPties>"

    assert line_of(entry("42.00", inside=details(old))).counterparty.name == "ООО «Bahor»"
    assert line_of(entry("42.00", inside=details(ultimate))).counterparty.name == "Child"


def test_a_batch_is_a_parent_with_children() -> None:
    batch = "<NtryDtls><Btch><PmtInfId>PAYOUT-7</PmtInfId></Btch>"
    children = details(
        amount("30.00") + PAYMENT, amount("12.00") + "<RmtInf><Ustrd>b</Ustrd></RmtInf>"
    )
    line = line_of(entry("42.00", inside=children.replace("<NtryDtls>", batch)))

    assert line.batch_id == "PAYOUT-7"
    assert (line.end_to_end_id, line.counterparty.name, line.purpose) == ("", "", "")
    assert [detail.amount for detail in line.details] == [Money(30_00, "EUR"), Money(12_00, "EUR")]
    assert [detail.end_to_end_id for detail in line.details] == ["E2E-1", ""]
    assert line.notes == ()


@pytest.mark.parametrize(
    ("parts", "notes"),
    [
        (["<Amt Ccy='EUR'>30.00</Amt>", "<Amt Ccy='EUR'>11.00</Amt>"], ["details-do-not-sum"]),
        (["<AmtDtls><TxAmt><Amt Ccy='EUR'>42</Amt></TxAmt></AmtDtls>"], []),
        (["<Amt Ccy='EUR'>50</Amt>", "<Amt Ccy='EUR'>8</Amt><CdtDbtInd>DBIT</CdtDbtInd>"], []),
        (["<Amt Ccy='USD'>50.00</Amt>"], []),  # Another currency is not compared.
        (["<Amt Ccy='EUR'>30.00</Amt>", ""], []),  # Nor is a batch with an amount missing.
        (["<Amt Ccy='EUR'>1,5</Amt>"], ["detail-unreadable"]),
    ],
)
def test_details_that_do_not_explain_their_entry_are_noted(
    parts: list[str], notes: list[str]
) -> None:
    line = line_of(entry("42.00", inside=details(*parts)))

    assert [note.reason.code for note in line.notes] == notes


def test_placeholders_are_no_references_and_text_is_one_clean_line() -> None:
    odd = (
        "<Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
        "<RmtInf><Ustrd>pay\u202egnp.exe\n\t now\u200b</Ustrd></RmtInf>"
    )
    line = line_of(entry("42.00", inside=details(odd)))

    assert line.end_to_end_id == ""
    assert line.purpose == "paygnp.exe now"


def test_lines_come_with_their_statement_pending_ones_too() -> None:
    pending = entry("9.00", status="<Sts>PDNG</Sts>")
    second = statement(pending, entry("1.00"), id="S2", opening="105.00", closing="106.00")
    unreadable = statement(entry("x"), id="S3", opening="106.00", closing="106.00")

    file = opened(document(moving("5.00"), second, unreadable))
    lines = [(judged.number, line.seq, line.status.value) for judged, line in file.lines()]

    assert lines == [(1, 1, "BOOK"), (2, 1, "PDNG"), (2, 2, "BOOK")]
    assert [one.verdict.value for one in file.report.statements] == [
        "accepted",
        "accepted",
        "quarantined",
    ]


def test_a_refused_file_has_no_lines() -> None:
    assert list(opened(b"").lines()) == []
    assert list(opened(document(moving("5.00"))[:-20]).lines()) == []


def test_an_absurd_text_is_cut_and_the_money_stays_right() -> None:
    long = details("<RmtInf><Ustrd>" + "x" * 3_000_000 + "</Ustrd></RmtInf>")

    assert len(line_of(entry("42.00", inside=long)).purpose) == 4000

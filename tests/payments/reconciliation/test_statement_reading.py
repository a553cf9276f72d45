"""The shapes in which banks really write camt.053: all versions, encodings and missing parts."""

import pytest

from payments.reconciliation.statements import Verdict
from tests.payments.reconciliation.camt import (
    ACCOUNT,
    NAMESPACE,
    balance,
    check,
    details,
    document,
    entry,
    moving,
    statement,
)

GOOD = document(moving("5.00", "-12.50"))


def test_the_report_of_a_good_file() -> None:
    content = document(moving("1250.00", "-0.50", opening="0"), head="")

    assert check(content, "march.xml").as_json() == {
        "file": "march.xml",
        "format": "camt.053.001.08",
        "verdict": "accepted",
        "reasons": [],
        "statements": [
            {
                "account": "NL26VAYB8060476890",
                "currency": "EUR",
                "opening": "0.00",
                "closing": "1249.50",
                "entries": 2,
                "details": 0,
                "booked": {"EUR": "1249.50"},
                "verdict": "accepted",
                "reasons": [],
            }
        ],
    }


@pytest.mark.parametrize(
    ("namespace", "format"),
    [
        *((f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{n:02}",) * 2 for n in range(1, 16)),
        ("urn:iso:std:iso:20022:tech:xsd:camt.053.002.03", "camt.053.002.03"),
        ("http://www.six-interbank-clearing.com/de/camt.053.001.04.ch.02.xsd", "camt.053.001.04"),
        ("ISO:camt.053.001.02:APC:STUZZA:payments:003", "camt.053.001.02"),
        ("urn:iso:std:iso:20023:tech:xsd:camt.053.001.02", "camt.053.001.02"),
    ],
)
def test_every_version_and_national_namespace_is_read(namespace: str, format: str) -> None:
    report = check(document(moving("5.00"), namespace=namespace))

    assert report.verdict == Verdict.ACCEPTED
    assert report.format == format.rpartition(":")[2]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        b"\xfe\xff" + GOOD.decode().replace("UTF-8", "UTF-16").encode("utf-16-be"),
        GOOD.replace(b"UTF-8", b"ISO-8859-1").replace(b"M1", b"Z\xfcrich"),
        GOOD.replace(b"UTF-8", b"windows-1251").replace(b"M1", b"\xd1\xf3\xec"),
        GOOD.replace(b'<?xml version="1.0" encoding="UTF-8"?>', b""),
        GOOD.replace(b"><", b">\r\n\t<"),
        GOOD.replace(b"<Stmt>", b"<!-- day --><?pi?><Stmt>"),
        GOOD.replace(b">5.00<", b"><![CDATA[5]]>.<!-- c -->&#48;0<"),
        GOOD.replace(b">5.00<", b">\n 5.00 \n<"),
        GOOD.replace(b">5.00<", b">+5.0<"),
    ],
    ids=[
        "bom",
        "utf16",
        "utf16be",
        "latin1",
        "cp1251",
        "bare",
        "lines",
        "comments",
        "cdata",
        "space",
        "plus",
    ],
)
def test_encodings_and_legal_xml_do_not_change_the_figures(content: bytes) -> None:
    report = check(content)

    assert report.verdict == Verdict.ACCEPTED
    assert report.statements[0].as_json()["booked"] == {"EUR": "-7.50"}


def test_a_prefix_on_every_element_is_as_good_as_none() -> None:
    prefixed = GOOD.replace(b"</", b"\0").replace(b"<", b"<odd:").replace(b"\0", b"</odd:")
    prefixed = prefixed.replace(b"<odd:?", b"<?").replace(b"xmlns=", b"xmlns:odd=")

    assert check(prefixed).verdict == Verdict.ACCEPTED


def test_an_envelope_of_the_network_is_opened() -> None:
    header = '<AppHdr xmlns="urn:iso:std:iso:20022:tech:xsd:head.001.001.02"><To/></AppHdr>'
    body = document(moving("5.00"), before="").decode()

    assert check(f"<BizMsgEnvlp>{header}{body}</BizMsgEnvlp>".encode()).verdict == Verdict.ACCEPTED


def test_the_first_version_names_things_in_its_own_way() -> None:
    account = "<Acct><Id><PrtryAcct><Id>2020 8000 9001 2345 6001</Id></PrtryAcct></Id></Acct>"
    plain_type = (
        balance("OPBD", "1.00").replace("CdOrPrtry>", "x>").replace("<x>", "").replace("</x>", "")
    )
    booked = entry("2.00", status="<Sts>BOOK</Sts>", inside="<TxDtls/><TxDtls/>")
    content = document(
        statement(booked, account=account, balances=plain_type + balance("CLBD", "3.00")),
        message="BkToCstmrStmtV01",
        namespace=NAMESPACE.replace("001.08", "001.01"),
    )

    report = check(content)

    assert report.verdict == Verdict.ACCEPTED
    assert report.statements[0].account == "20208000900123456001"
    assert report.statements[0].currency == "EUR"
    assert report.statements[0].details == 2


def test_unknown_elements_and_broken_stamps_are_no_matter() -> None:
    head = (
        "<New><Deep>1</Deep></New><CreDtTm>2026-03-02T22:01:36:735</CreDtTm>"
        "<FrToDt><FrDtTm>yesterday</FrDtTm><ToDtTm>2026-03-02T24:00:00</ToDtTm></FrToDt>"
    )
    dates = "<BookgDt><DtTm>2026-03-02T13:47:43.673741123+01:00</DtTm></BookgDt>"
    other = balance("CLAV", "NaN").replace("EUR", "???") + balance("FWAV", "7.00")
    balances = balance("OPBD", "0.00") + other + balance("CLBD", "5.00")
    odd = entry("5.00", dates=dates, inside="<AnyThing/>" + details("<Unknown/>"))

    report = check(document(statement(odd, head=head, balances=balances)))

    assert report.reasons == []


def test_a_day_without_entries_is_a_statement() -> None:
    report = check(document(statement()))

    assert report.verdict == Verdict.ACCEPTED
    assert (report.statements[0].entries, report.statements[0].booked) == (0, ())


def test_several_accounts_and_currencies_in_one_file() -> None:
    dollars = moving("5.00").replace("EUR", "USD")
    yen = (
        moving("5", opening="7")
        .replace("EUR", "JPY")
        .replace(ACCOUNT, ACCOUNT.replace("NL26", "X"))
    )

    report = check(document(moving("5.00"), dollars, yen))

    assert report.verdict == Verdict.ACCEPTED
    assert [one.as_json()["closing"] for one in report.statements] == ["105.00", "105.00", "12"]

"""Files that are no statement, or that attack the reader: refused by name, never an exception."""

import tracemalloc
from io import BytesIO

import pytest

from payments.reconciliation.statements import Verdict, check_file
from tests.payments.reconciliation.camt import check, codes, document, entry, moving, statement

GOOD = document(moving("5.00"))
DOCTYPE_FREE = GOOD.decode().partition("?>")[2]
BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))


def with_doctype(doctype: str, body: str = DOCTYPE_FREE) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>{doctype}{body}'.encode()


@pytest.mark.parametrize(
    "content",
    [
        with_doctype("<!DOCTYPE Document>"),
        with_doctype('<!DOCTYPE Document SYSTEM "file:///etc/passwd">'),
        with_doctype('<!DOCTYPE Document SYSTEM "http://127.0.0.1:9/x.dtd">'),
        with_doctype(
            f'<!DOCTYPE Document [<!ENTITY e0 "ha">{BOMB}]>', DOCTYPE_FREE.replace("S1", "&e9;")
        ),
        with_doctype(
            '<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            DOCTYPE_FREE.replace("S1", "&x;"),
        ),
        with_doctype(
            '<!DOCTYPE Document [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
        ),
        with_doctype(
            '<!DOCTYPE Document [<!ENTITY five "5.00">]>',
            DOCTYPE_FREE.replace(">5.00<", ">&five;<"),
        ),
        with_doctype("<!-- " + "x" * 200_000 + " --><!DOCTYPE Document>"),
        with_doctype("<!DOCTYPE Document>").decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    ],
    ids=["plain", "file", "http", "bomb", "xxe", "parameter", "amount", "late", "utf16"],
)
def test_a_document_type_is_refused_before_it_is_looked_at(content: bytes) -> None:
    report = check(content)

    assert report.verdict == Verdict.REFUSED
    assert codes(report) == ["doctype"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty-file"),
        (b"\x00\x00\x00", "not-xml"),
        (b"PK\x03\x04zip", "not-xml"),
        (b":20:940\r\n:25:123", "not-xml"),
        (b"{}", "not-xml"),
        (b"<", "malformed-xml"),
        (b"\n" + GOOD, "malformed-xml"),
        (GOOD + b"<more/>", "malformed-xml"),
        (GOOD.replace(b"S1", b"S\x001"), "malformed-xml"),
        (GOOD.replace(b"S1", b"S\xff1"), "malformed-xml"),
        (GOOD.replace(b"S1", b"\xed\xa0\x80"), "malformed-xml"),
        (GOOD.replace(b"S1", b"&undefined;"), "malformed-xml"),
        (GOOD.replace(b"S1", b"&#0;"), "malformed-xml"),
        (GOOD.replace(b"UTF-8", b"no-such-code"), "malformed-xml"),
        (GOOD.replace(b"S1", b"<a>" * 100 + b"</a>" * 100), "too-deep"),
        (b"<a>" * 200_000, "wrong-root"),
        (b"<html><body>Sign in</body></html>", "wrong-root"),
        (b"<BizMsgEnvlp><AppHdr/></BizMsgEnvlp>", "wrong-root"),
        (GOOD.replace(b"Document", b"Statement"), "wrong-root"),
        (document(moving("5.00"), message="BkToCstmrAcctRpt"), "wrong-root"),
        (b"<message>" + document(moving("5.00"), before="") * 2 + b"</message>", "wrong-root"),
        (document(moving("5.00"), namespace=""), "unknown-namespace"),
        (document(moving("5.00"), namespace="urn:x"), "unknown-namespace"),
        (document(), "statement-missing"),
        (document(head=""), "statement-missing"),
    ],
)
def test_what_is_no_statement_is_refused_by_name(content: bytes, reason: str) -> None:
    report = check(content)

    assert report.verdict == Verdict.REFUSED
    assert codes(report) == [reason]
    assert report.statements == ()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("camt.052.001.08", "not-a-final-statement"),
        ("camt.054.001.04", "details-only"),
        ("camt.060.001.05", "wrong-message"),
        ("pain.001.001.09", "wrong-message"),
    ],
)
def test_another_message_is_refused_and_named(message: str, reason: str) -> None:
    report = check(document(moving("5.00"), namespace=f"urn:iso:std:iso:20022:tech:xsd:{message}"))

    assert report.as_json()["format"] == message
    assert report.reasons == [f"{reason}: {message}"]


def test_a_file_cut_anywhere_is_never_accepted() -> None:
    content = document(moving("5.00", "-7.25"))
    assert check(content).verdict == Verdict.ACCEPTED

    for length in range(len(content)):
        assert check(content[:length]).verdict == Verdict.REFUSED, length


def test_elements_of_another_namespace_book_nothing() -> None:
    foreign = entry("1000.00").replace("<Ntry>", '<Ntry xmlns="urn:evil">')
    nested = f"<SplmtryData><Envlp>{entry('1000.00')}</Envlp></SplmtryData>"

    report = check(document(statement(entry("0.00"), foreign, nested)))

    assert report.verdict == Verdict.ACCEPTED
    assert report.statements[0].entries == 1


class EndlessFile(BytesIO):
    """Begins like a statement and never ends."""

    def __init__(self, start: bytes, repeated: bytes) -> None:
        super().__init__(start)
        self.repeated = repeated * (65536 // len(repeated))

    def read(self, size: int | None = -1) -> bytes:
        return super().read(size) or self.repeated


@pytest.mark.parametrize(
    "repeated",
    [b"<x/>", b"<Ntry/>", b"<Stmt/>", b"<Bal/>", b"x" * 60_000, b"<Id>x</Id>"],
    ids=["elements", "entries", "statements", "balances", "text", "ids"],
)
def test_an_endless_file_is_refused_in_constant_memory(
    repeated: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.reconciliation.statements.safe_xml.MAX_FILE_BYTES", 600_000)
    start = document(moving("5.00"))
    inside = (
        start[: start.index(b"<Ntry>")]
        if b"Stmt" not in repeated
        else start[: start.index(b"<Stmt>")]
    )

    tracemalloc.start()
    report = check_file("endless", EndlessFile(inside, repeated))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert codes(report) == ["too-large"]
    assert peak < 20_000_000

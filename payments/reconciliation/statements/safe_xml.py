"""Read hostile XML in constant memory: ISO 20022 message bytes become a stream of flat records.

A record is a small part of the message (a balance, an entry, one detail) as path -> texts. Nothing
else is kept, so neither a 78 MB file nor a bomb grows the process; of a text or record that is
larger than any real one the rest is dropped. A DOCTYPE ends the reading before its content is
looked at, so no entity is ever defined, expanded or fetched. Sources: OWASP XXE prevention; ISO
20022 namespaces.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, cast

from lxml import etree

from payments.reconciliation.statements.reasons import Reason, StatementFileRefused

# The largest statement we know of has 200,000 entries in 78 MB; beyond these a file only costs time.
MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_ELEMENTS = 12_000_000
MAX_RECORDS = 2_000_000
MAX_DEPTH = 64
MAX_TEXT_CHARACTERS = 64 * 1024
MAX_RECORD_CHARACTERS = 1024 * 1024
MAX_KNOWN_STEPS = 10_000
CHUNK_BYTES = 64 * 1024

MESSAGE = re.compile(r"\b([a-z]{4}\.\d{3}\.\d{3}\.\d{2})\b")
# Frames in which networks carry a Document beside its business application header.
ENVELOPES = {
    *(
        "BizMsgEnvlp",
        "Body",
        "BusMsg",
        "DataPDU",
        "Envelope",
        "Message",
        "RequestPayload",
        "message",
    )
}

# Where the reader stands before it is inside the message; there paths are "", "Stmt", "Stmt/Bal" …
FILE, DOCUMENT = "#file", "#document"

Fields = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Shape:
    """What is read of a message: the name of its own element, and the paths below that are records."""

    element: str
    records: frozenset[str]
    opaque: frozenset[str] = frozenset()
    """Records that are only counted: they arrive empty, and what is inside is skipped."""


@dataclass(frozen=True, slots=True)
class Record:
    """One part of the message: where it stands, its texts, and those so far of what holds it."""

    path: str
    fields: Fields
    parent: Fields


def read_records(stream: BinaryIO, choose: Callable[[str], Shape]) -> Iterator[tuple[str, Record]]:
    """Yield (message, record) in document order: "camt.053.001.08" and each part as it ends.

    `choose` gets the message's name and answers its shape, or refuses a message it does not want.
    Raises StatementFileRefused, which carries the message's name as far as it was known.
    """
    collector = _Collector(choose)
    try:
        yield from _read(stream, collector)
    except StatementFileRefused as refusal:
        refusal.format = collector.message
        raise


def first(fields: Fields, *paths: str) -> str:
    """The first text found at any of the paths, in their order; "" when there is none."""
    for path in paths:
        if path in fields:
            return fields[path][0]
    return ""


def _read(stream: BinaryIO, collector: "_Collector") -> Iterator[tuple[str, Record]]:
    parser = etree.XMLParser(
        target=cast("Any", collector),  # lxml never hands bytes to a target, its stubs say it may.
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    for chunk in _chunks(stream):
        _feed(parser.feed, chunk)
        yield from collector.take()
    _feed(parser.close)
    yield from collector.take()
    if not collector.records:
        reason = Reason.STATEMENT_MISSING if collector.message else Reason.WRONG_ROOT
        raise StatementFileRefused(reason)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    read = 0
    while chunk := stream.read(CHUNK_BYTES):
        if not read and not _looks_like_xml(chunk):
            raise StatementFileRefused(Reason.NOT_XML)
        read += len(chunk)
        if read > MAX_FILE_BYTES:
            raise StatementFileRefused(Reason.TOO_LARGE, f"more than {MAX_FILE_BYTES} bytes")
        yield chunk
    if not read:
        raise StatementFileRefused(Reason.EMPTY_FILE)


def _looks_like_xml(head: bytes) -> bool:
    # Byte order marks and the zero bytes of UTF-16 and UTF-32 are no content.
    return head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<")


def _feed(step: Callable[..., object], *chunk: bytes) -> None:
    try:
        step(*chunk)
    except etree.XMLSyntaxError as error:
        raise StatementFileRefused(Reason.MALFORMED_XML, str(error.msg).strip()) from None
    except (LookupError, UnicodeError) as error:
        raise StatementFileRefused(Reason.MALFORMED_XML, str(error)) from None


class _Step(NamedTuple):
    """Where an element stands: its path in the message, and below the record that it is in."""

    path: str
    key: str
    is_record: bool = False
    is_opaque: bool = False


class _Collector:
    """The parser's target: follows the path, keeps the texts of open records, hands out closed ones."""

    def __init__(self, choose: Callable[[str], Shape]) -> None:
        self.message = ""
        self.records = 0
        self._choose = choose
        self._namespace = ""
        self._shape = Shape("", frozenset())
        self._elements = 0
        self._depth = 0
        self._skipped_from = 0
        """Depth of an element that is skipped with all below it; 0 when none is."""
        self._stack = [_Step(FILE, "")]
        self._known: dict[tuple[str, str], _Step] = {}
        """Steps met before, by path and tag: a message repeats the same few thousands of times."""
        self._open: list[Record] = []
        self._weights: list[int] = []
        """Characters held by each open record."""
        self._texts: list[str] = []
        self._length = 0
        self._is_leaf = False
        self._done: list[tuple[str, Record]] = []

    def take(self) -> list[tuple[str, Record]]:
        done, self._done = self._done, []
        return done

    def doctype(self, name: str, *_: object) -> None:
        raise StatementFileRefused(Reason.DOCTYPE, name)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        self._depth += 1
        self._is_leaf = False
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise self._beyond_limits()
        if self._skipped_from:
            return
        step = self._known.get((self._stack[-1].path, tag)) or self._new_step(tag)
        if step is None:
            return
        if step.is_opaque:
            self._finish(Record(step.path, {}, {}))
            self._skipped_from = self._depth
            return
        self._stack.append(step)
        if step.is_record:
            parent = self._open[-1].fields if self._open else {}
            self._open.append(Record(step.path, {}, parent))
            self._weights.append(0)
        self._is_leaf = True
        self._texts = []
        self._length = 0
        if attributes and self._open and "Ccy" in attributes:
            self._keep(f"{step.key}/@Ccy", attributes["Ccy"].strip())

    def data(self, text: str) -> None:
        if self._is_leaf and self._length < MAX_TEXT_CHARACTERS:
            self._length += len(text)
            self._texts.append(text)

    def end(self, _tag: str) -> None:
        self._depth -= 1
        if self._skipped_from:
            if self._depth < self._skipped_from:
                self._skipped_from = 0
            return
        if len(self._stack) == 1:  # An envelope ends.
            return
        step = self._stack.pop()
        if self._is_leaf and self._texts and self._open:
            text = "".join(self._texts).strip()
            if text:
                self._keep(step.key, text)
        self._is_leaf = False
        if step.is_record:
            self._weights.pop()
            self._finish(self._open.pop())

    def _beyond_limits(self) -> StatementFileRefused:
        if self._depth > MAX_DEPTH:
            return StatementFileRefused(Reason.TOO_DEEP, f"more than {MAX_DEPTH} levels")
        return StatementFileRefused(Reason.TOO_LARGE, f"more than {MAX_ELEMENTS} elements")

    def close(self) -> None:
        """Nothing is left to build."""

    def _new_step(self, tag: str) -> _Step | None:
        """The step into an element seen here for the first time; None to stay where we are."""
        here = self._stack[-1].path
        namespace, _, name = tag.removeprefix("{").rpartition("}")
        if here == FILE:
            return self._frame(namespace, name)
        if namespace != self._namespace:
            self._skipped_from = self._depth
            return None
        step = self._message_step(name) if here == DOCUMENT else self._inner_step(here, name)
        if len(self._known) < MAX_KNOWN_STEPS:
            self._known[here, tag] = step
        return step

    def _frame(self, namespace: str, name: str) -> _Step | None:
        """Around the message: envelopes, the Document, and what stands beside it."""
        if name in ENVELOPES and not self.message:
            return None
        if name != "Document" and self._depth > 1:
            self._skipped_from = self._depth
            return None
        if name != "Document" or self.message:
            raise StatementFileRefused(Reason.WRONG_ROOT, name)
        found = MESSAGE.search(namespace)
        if not found:
            raise StatementFileRefused(Reason.UNKNOWN_NAMESPACE, namespace or "none")
        self.message, self._namespace = found[1], namespace
        self._shape = self._choose(self.message)
        return _Step(DOCUMENT, "")

    def _message_step(self, name: str) -> _Step:
        if not name.startswith(self._shape.element):
            raise StatementFileRefused(Reason.WRONG_ROOT, name)
        return _Step("", "")

    def _inner_step(self, here: str, name: str) -> _Step:
        path = f"{here}/{name}" if here else name
        is_record = path in self._shape.records
        record = path if is_record else self._open[-1].path if self._open else ""
        key = path[len(record) :].removeprefix("/")
        return _Step(path, key, is_record, is_opaque=path in self._shape.opaque)

    def _finish(self, record: Record) -> None:
        self.records += 1
        if self.records > MAX_RECORDS:
            raise StatementFileRefused(Reason.TOO_LARGE, f"more than {MAX_RECORDS} parts")
        self._done.append((self.message, record))

    def _keep(self, key: str, text: str) -> None:
        self._weights[-1] += len(key) + len(text)
        if self._weights[-1] <= MAX_RECORD_CHARACTERS:
            self._open[-1].fields.setdefault(key, []).append(text)

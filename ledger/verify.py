"""Verify Mizon's evidence offline: heads, receipts, pairs of heads, whole dumps of a book.

Alone, with Python 3.11 and the package `cryptography`:  python verify.py --key KEY FILE...
KEY is a public key, as text or as a file of them; get it from others than who gave you the FILE.
Exit code 0: all of it holds. 1: something differs; the first difference is named. 2: a file cannot
be read as evidence. docs/evidence.md explains every byte. A FILE is one of

head     the text itself: a C2SP signed note of three lines, origin, size and root
receipt  {"format": "mizon-receipt-proof/1", "leaf", "index", "size", "path", "head",
          "national": {"index", "size", "path", "head"}}
pair     {"format": "mizon-consistency/1", "old", "new", "path"}
dump     {"format": "mizon-dump/1", "org_id", "origin", "head"} in the first line, then a line for
         every {"account": {...}}, then for every {"leaf": {...}}, in the tree's order; may be gzipped
"""

import argparse
import base64
import gzip
import hashlib
import json
import re
import struct
import sys
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MOST_BYTES = 8 << 20  # of a line, and of a file that is no dump
MOST_ACCOUNTS, MOST_ACCOUNT_CHARACTERS = 1_000_000, 2_000
MOST_HASHES, MOST_SIGNATURES = 64, 100
MOST_MINOR = 10**15  # of a transfer
CONTROL = r"[\0-\t\v-\x1f]"  # never in a note; newlines are its structure
BOOK_LOG, NATIONAL_LOG = "/book/{}", "/national"  # what an origin adds to the name of the key

# Fields in their order; what is sealed with its width, big-endian: q, i, h are signed integers of
# 8, 4, 2 bytes, B and H unsigned ones of 1 and 2, 16s is a UUID, 32s a hash.
# fmt: off
JOURNAL = {"org_id": "i", "journal": "16s", "request_hash": "32s", "outcome": "h"}
TRANSFER = {
    "id": "q", "debit_account": "q", "credit_account": "q", "amount_minor": "q",
    "currency": "h", "kind": "h", "effective": "i", "posted_at": "q",
    "debit_seq": "q", "credit_seq": "q", "debit_balance": "q", "credit_balance": "q",
    "hold": "16s", "reverses": "q",
}
HOLD_LINE = {
    "leg": "h", "hold": "16s", "what": "B", "debit_account": "q", "credit_account": "q",
    "amount_minor": "q", "expires_at": "q",
}
# fmt: on
LEAF = [*JOURNAL, "doc", "transfers", "hold_lines"]
ACCOUNT = ["id", "number", "name", "currency", "normal_side"]
LEAF_BYTES = struct.Struct(f">B{''.join(JOURNAL.values())}32sH")  # 1, …, commitment, transfers
TRANSFER_BYTES = struct.Struct(">" + "".join(TRANSFER.values()))
COUNT_BYTES = struct.Struct(">H")  # number of hold lines
HOLD_LINE_BYTES = struct.Struct(">" + "".join(HOLD_LINE.values()))
BOOK_BYTES = struct.Struct(">Biq32s")  # in the national tree: 2, org_id, size, root
NULL = {"hold": bytes(16), "reverses": 0, "expires_at": 0}  # what null stands for

Row = Sequence[Any]
Json = dict[str, Any]  # as it should be; what is not raises one of FAULTS where it is used
Keys = Mapping[tuple[str, bytes], Ed25519PublicKey]  # by name and id


class Differs(Exception):
    """The evidence can be read, and does not hold."""


class Unreadable(ValueError):
    """This is not evidence in a form that is known here."""


# What a file that is no evidence raises, somewhere between being opened and being used.
FAULTS: tuple[type[Exception], ...] = (OSError, EOFError, zlib.error, RecursionError, MemoryError)
FAULTS += (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, struct.error)


class Head(NamedTuple):
    """The size and root of the log `origin`, and the names of the given keys that signed them."""

    origin: str
    size: int
    root: bytes
    signers: list[str]


# ---- Trees: RFC 9162, section 2.1 ----------------------------------------------------------------

LEAF_PREFIX, NODE_PREFIX = b"\x00", b"\x01"
EMPTY_ROOT = hashlib.sha256().digest()


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf's bytes."""
    return hashlib.sha256(LEAF_PREFIX + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees that stand beside each other."""
    return hashlib.sha256(NODE_PREFIX + left + right).digest()


def split_of(size: int) -> int:
    """Where a tree of two leaves or more is split: the largest power of two below its size."""
    return 1 << (size - 1).bit_length() - 1


def grow(peaks: list[bytes], size: int, node: bytes) -> None:
    """Add a leaf's hash to a tree of `size` leaves, kept as its perfect subtrees alone."""
    while size & 1:
        node, size = node_hash(peaks.pop(), node), size >> 1
    peaks.append(node)


def root_of(peaks: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees, larger ones first."""
    root = peaks[-1] if peaks else EMPTY_ROOT
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def check_inclusion(entry: bytes, index: int, head: Head, path: Sequence[bytes]) -> None:
    """These bytes are leaf `index` under the head, or Differs (2.1.3)."""
    if not 0 <= index < head.size or _root(entry, index, head.size, path) != head.root:
        raise Differs(f"the path of leaf {index} does not lead to the root of {head.origin!r}")


def check_consistency(old: Head, new: Head, path: Sequence[bytes]) -> None:
    """The tree of `old` is the beginning of the tree of `new`, or Differs (2.1.4)."""
    if old.size == 0:
        agree = old.root == EMPTY_ROOT and not path
    else:
        agree = _roots(old.size, new.size, old.root, path) == (old.root, new.root)
    if not agree:
        raise Differs(f"the tree of {new.size} does not continue the tree of {old.size}")


def _root(entry: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    # Read from its end, the path gives at each split the half in which the leaf does not stand.
    if size == 1 or not path:
        if size > 1 or path:
            raise Differs("a path has the wrong length")
        return leaf_hash(entry)
    split, other = split_of(size), path[-1]
    if index < split:
        return node_hash(_root(entry, index, split, path[:-1]), other)
    return node_hash(other, _root(entry, index - split, size - split, path[:-1]))


def _roots(old: int, size: int, known: bytes | None, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    # Likewise, the half in which the older tree does not end. What remains of the older tree is all
    # of it, and known, or a subtree whose hash begins the path.
    if old >= size or not path:
        rest = [*path] if known is None else [known, *path]
        if old != size or len(rest) != 1:
            raise Differs("a path has the wrong length")
        return rest[0], rest[0]
    split, other = split_of(size), path[-1]
    if old <= split:
        before, after = _roots(old, split, known, path[:-1])
        return before, node_hash(after, other)
    before, after = _roots(old - split, size - split, None, path[:-1])
    return node_hash(other, before), node_hash(other, after)


# ---- Heads: C2SP signed-note and tlog-checkpoint -------------------------------------------------


def key_id(name: str, public: bytes) -> bytes:
    """The four bytes by which a signature names an Ed25519 key."""
    return hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]


def read_keys(texts: Iterable[str]) -> Keys:
    """Public keys, name+id+base64, from texts or from files that have one a line. Raises Unreadable."""
    found = [Path(text).read_text("utf-8") if Path(text).is_file() else text for text in texts]
    keys = {}
    for vkey in "\n".join(found).split():
        name, id_, encoded = [*vkey.split("+", 2), "", ""][:3]
        raw = read_base64(encoded, 33)
        if raw[0] != 1 or not name or key_id(name, raw[1:]).hex() != id_:
            raise Unreadable("this is not an Ed25519 key of the form name+id+base64")
        keys[name, bytes.fromhex(id_)] = Ed25519PublicKey.from_public_bytes(raw[1:])
    return keys


def open_note(note: str, keys: Keys) -> tuple[str, list[str]]:
    """The text of a signed note, and the names of the given keys that signed it: one at least.

    Signatures by other keys (witnesses, older ones) are passed over; a wrong one by a given key
    spoils the note. Raises Differs and Unreadable.
    """
    text, gap, signatures = note.rpartition("\n\n")
    text, lines, signers = text + "\n", signatures.split("\n"), []
    if not gap or lines.pop() or not lines or re.search(CONTROL, note):
        raise Unreadable("a head is not a signed note")
    if len(lines) > MOST_SIGNATURES:
        raise Unreadable("a head has too many signatures")
    for line in lines:
        parts = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
        signature = read_base64(parts[2]) if parts else b""
        if parts is None or len(signature) < 5:
            raise Unreadable("a signature of a head is malformed")
        if public := keys.get((parts[1], signature[:4])):
            try:
                public.verify(signature[4:], text.encode())
            except InvalidSignature:
                raise Differs(f"the signature of {parts[1]!r} is wrong") from None
            signers.append(parts[1])
    if not signers:
        raise Differs("a head is not signed by the given key")
    return text, signers


def read_head(note: str, keys: Keys, log: str | None = None) -> Head:
    """A signed head, of this log where it is given. Raises Differs and Unreadable."""
    text, signers = open_note(note, keys)
    lines = text.split("\n")[:-1]
    if len(lines) < 3 or not all(lines) or not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]):
        raise Unreadable("a head is not origin, size and root")
    if log is not None and lines[0] not in [name + log for name in signers]:
        raise Differs(f"a head is of {lines[0]!r}, not of {signers[0] + log!r}")
    return Head(lines[0], int(lines[1]), read_base64(lines[2], 32), signers)


# ---- Leaves: their bytes, and their JSON ---------------------------------------------------------


def encode_leaf(journal: Row, transfers: Sequence[Row], hold_lines: Sequence[Row]) -> bytes:
    """The bytes of a journal: org_id, journal, request_hash, outcome, commitment; then its lines."""
    parts = [LEAF_BYTES.pack(1, *journal, len(transfers))]
    parts += [TRANSFER_BYTES.pack(*row) for row in transfers]
    parts += [COUNT_BYTES.pack(len(hold_lines))]
    return b"".join(parts + [HOLD_LINE_BYTES.pack(*row) for row in hold_lines])


def commitment(salt: bytes, text: str) -> bytes:
    """What a leaf has of a document: without the salt nobody can guess the text from it."""
    return hashlib.sha256(salt + text.encode()).digest()


def read_leaf(record: Json) -> bytes:
    """The bytes of a journal from its JSON. Raises FAULTS."""
    org_id, journal, request_hash, outcome, doc, transfers, hold_lines = _row(LEAF, record)
    if doc is None or "commitment" in doc:
        sealed = read_base64(_row(["commitment"], doc)[0], 32) if doc else bytes(32)
    else:
        text, salt = _row(["text", "salt"], doc)
        sealed = commitment(read_base64(salt, 16), text)
    return encode_leaf(
        (org_id, journal, read_base64(request_hash, 32), outcome, sealed),
        [_row(TRANSFER, each) for each in transfers],
        [_row(HOLD_LINE, each) for each in hold_lines],
    )


def read_base64(text: str, length: int | None = None) -> bytes:
    """Bytes from standard base64, in the one canonical text they have. Raises Unreadable."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if base64.b64encode(raw).decode() != text or length not in {None, len(raw)}:
        raise Unreadable(f"a value is not {length or 'some'} bytes in base64")
    return raw


def _row(names: Collection[str], record: Json) -> list[Any]:
    # Exactly these fields: among what is sealed stands nothing that is not.
    if record.keys() != set(names):
        raise Unreadable(f"this is not an object of {', '.join(names)}")
    return [_value(name, record[name]) for name in names]


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 - what JSON has
    if value is None and name in NULL:
        return NULL[name]
    if name not in {"journal", "hold"}:
        return value
    if str(UUID(value)) != value:
        raise Unreadable(f"{name} is not a UUID")
    return UUID(value).bytes


def _path(path: list[str]) -> list[bytes]:
    if len(path) > MOST_HASHES:
        raise Unreadable("a path is too long")
    return [read_base64(each, 32) for each in path]


# ---- Evidence: each yields what it found, or raises Differs or FAULTS ----------------------------


def verify_receipt(receipt: Json, keys: Keys) -> Iterator[str]:
    """A leaf is in the head of its book, that head in the national head, and both are signed."""
    leaf, national = receipt["leaf"], receipt["national"]
    book = read_head(receipt["head"], keys, BOOK_LOG.format(leaf["org_id"]))
    top = read_head(national["head"], keys, NATIONAL_LOG)
    if (receipt["size"], national["size"]) != (book.size, top.size):
        raise Differs("a path is not for the size of its head")
    check_inclusion(read_leaf(leaf), receipt["index"], book, _path(receipt["path"]))
    entry = BOOK_BYTES.pack(2, leaf["org_id"], book.size, book.root)
    check_inclusion(entry, national["index"], top, _path(national["path"]))
    yield f"journal {leaf['journal']} of book {leaf['org_id']}, outcome {leaf['outcome']}"
    yield from (f"transfer {json.dumps(move)}" for move in leaf["transfers"])
    if leaf["doc"] and "text" in leaf["doc"]:
        yield f"document {leaf['doc']['text']!r}"
    yield f"leaf {receipt['index']} of {book.size} in {book.origin!r}"
    yield f"that head is leaf {national['index']} of {top.size} in {top.origin!r}"


def verify_pair(pair: Json, keys: Keys) -> Iterator[str]:
    """Two signed heads of one log; the newer continues the older."""
    old, new = read_head(pair["old"], keys), read_head(pair["new"], keys)
    if old.origin != new.origin:
        raise Differs(f"these are heads of {old.origin!r} and of {new.origin!r}")
    check_consistency(old, new, _path(pair["path"]))
    yield f"{new.origin!r} grew from {old.size} to {new.size} leaves and changed none of them"


def verify_dump(header: Json, lines: Iterable[Json], keys: Keys) -> Iterator[str]:
    """Every journal is hashed up to the signed head, and every account re-added."""
    head = read_head(header["head"], keys, BOOK_LOG.format(header["org_id"]))
    if header["origin"] != head.origin:
        raise Differs(f"the head is of {head.origin!r}, the dump of {header['origin']!r}")
    books, peaks, size = Books(header["org_id"]), list[bytes](), 0
    for line in lines:
        if "account" in line and size == 0:
            books.open(*_row(["account"], line))
            continue
        if size == head.size:
            raise Differs(f"there are more journals than the {size} of the head")
        (leaf,) = _row(["leaf"], line)
        entry = read_leaf(leaf)
        try:
            books.post(leaf)
        except Differs as difference:
            raise Differs(f"leaf {size}, journal {leaf['journal']}: {difference}") from None
        grow(peaks, size, leaf_hash(entry))
        size += 1
    if (size, root_of(peaks)) != (head.size, head.root):
        raise Differs(f"the {size} journals do not hash to the head's root over {head.size}")
    yield f"{size} journals in {head.origin!r}, {books.moved} transfers"
    yield from books.trial_balance()


class Books:
    """The accounts of one book, re-added from its journals alone."""

    def __init__(self, org_id: int) -> None:
        self.org_id, self.moved, self.accounts = org_id, 0, dict[int, Json]()

    def open(self, account: Json) -> None:
        """Take an account with nothing on it."""
        id_, *_, side = _row(ACCOUNT, account)
        if len(self.accounts) == MOST_ACCOUNTS or len(str(account)) > MOST_ACCOUNT_CHARACTERS:
            raise Unreadable("there are too many accounts, or one is too long")
        if id_ in self.accounts or side not in {1, -1}:
            raise Unreadable(f"account {id_!r} stands twice or has no side")
        self.accounts[id_] = {**account, "seq": 0, "balance": 0}

    def post(self, leaf: Json) -> None:
        """Move what the journal moves, both sides of every transfer, or raise Differs."""
        if leaf["org_id"] != self.org_id:
            raise Differs(f"it is of book {leaf['org_id']}")
        if leaf["outcome"] != 1 and (leaf["transfers"] or leaf["hold_lines"]):
            raise Differs("it was refused, and has lines")
        last = 0
        for move in leaf["transfers"]:
            amount = move["amount_minor"]
            if move["id"] <= last or not 1 <= amount <= MOST_MINOR:
                raise Differs(f"transfer {move['id']} is out of its order or of its range")
            if move["debit_account"] == move["credit_account"]:
                raise Differs(f"transfer {move['id']} has one account on both sides")
            self._take(move, "debit", amount)
            self._take(move, "credit", -amount)
            last, self.moved = move["id"], self.moved + 1

    def _take(self, move: Json, side: str, debited: int) -> None:
        account = self.accounts.get(move[f"{side}_account"], {})
        if account.get("currency") != move["currency"]:
            raise Differs(f"transfer {move['id']} has no {side} account of its currency")
        account["seq"] += 1
        account["balance"] += debited * account["normal_side"]
        for name in ("seq", "balance"):
            if (found := move[f"{side}_{name}"]) != (due := account[name]):
                told = f"{side}_{name} {found} where {due} is due"
                raise Differs(f"transfer {move['id']}, account {json.dumps(account)}: {told}")

    def trial_balance(self) -> Iterator[str]:
        """In every currency debit balances equal credit balances, or Differs."""
        totals: dict[int, list[int]] = {}
        for account in self.accounts.values():
            signed = account["balance"] * account["normal_side"]
            totals.setdefault(account["currency"], [0, 0])[signed < 0] += abs(signed)
        for currency, (debit, credit) in sorted(totals.items()):
            if debit != credit:
                raise Differs(f"currency {currency}: debit balances {debit}, credit {credit}")
            yield f"currency {currency}: debit balances {debit}, credit balances {credit}"


# ---- Files and the command line ------------------------------------------------------------------


def verify_file(path: Path, keys: Keys) -> Iterator[str]:
    """Verify what the file says it is. Raises Differs and FAULTS."""
    with path.open("rb") as raw, gzip.open(raw) as unzipped:
        file = unzipped if raw.peek(2)[:2] == b"\x1f\x8b" else raw
        text = file.readline(MOST_BYTES + 1)
        header: Json = JSON.decode(text.decode()) if text.rstrip().endswith(b"}") else {}
        if header.get("format") == "mizon-dump/1":
            yield from verify_dump(header, _lines(file, raw, path.stat().st_size or 1), keys)
            return
        text += file.read(MOST_BYTES)
    if len(text) > MOST_BYTES:
        raise Unreadable("the file is too long")
    if not text.startswith(b"{"):
        head = read_head(text.decode(), keys)
        yield f"{head.origin!r} has {head.size} leaves and the root {head.root.hex()}"
        return
    record: Json = JSON.decode(text.decode())
    kinds = {"mizon-receipt-proof/1": verify_receipt, "mizon-consistency/1": verify_pair}
    if record.get("format") not in kinds:
        raise Unreadable("the file has no format that is known here")
    yield from kinds[record["format"]](record, keys)


def _lines(file: BinaryIO | gzip.GzipFile, raw: BinaryIO, size: int) -> Iterator[Json]:
    for number in count(2):
        line = file.readline(MOST_BYTES + 1)
        if not line or len(line) > MOST_BYTES:
            break
        if number % 4096 == 0 and sys.stderr.isatty():
            sys.stderr.write(f"line {number}, {100 * raw.tell() // size} % \r")
        yield JSON.decode(line.decode())
    if line:
        raise Unreadable(f"line {number} is too long")


def _object(pairs: list[tuple[str, Any]]) -> Json:
    # No field twice, since readers disagree on which counts; and no format has a truth value.
    record = dict(pairs)
    if len(record) < len(pairs) or any(isinstance(value, bool) for value in record.values()):
        raise Unreadable("a field stands twice, or is a truth value")
    return record


# Where a number is not whole, int() refuses it.
JSON = json.JSONDecoder(object_pairs_hook=_object, parse_float=int, parse_constant=int)


def run(files: Sequence[str], keys: Sequence[str]) -> int:
    """Verify each file with these keys or files of keys, and tell; returns the exit code."""
    codes, known = [0], None
    for name in files:
        try:
            known = read_keys(keys) if known is None else known
            code, told = 0, ["holds", *verify_file(Path(name), known)]
        except Differs as difference:
            code, told = 1, [f"DIFFERS: {difference}"]
        except FAULTS as fault:
            what = "the key" if known is None else "it"
            code, told = 2, [f"{what} cannot be read: {type(fault).__name__}, {fault}"]
        text, encoding = "\n  ".join(told), sys.stdout.encoding or "utf-8"
        text = f"{name}: {text}\n".encode(encoding, "backslashreplace").decode(encoding)
        sys.stdout.write(text)
        codes.append(code)
    return max(codes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Verify Mizon's evidence offline.")
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--key", action="append", required=True, help="a public key, or its file")
    options = parser.parse_args()
    sys.exit(run(options.files, options.key))

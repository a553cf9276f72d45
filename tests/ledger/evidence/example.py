"""The files of docs/evidence/: a book of four journals, with a key that everybody knows."""

import json
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.evidence.notes import Signer, book_origin, national_origin
from ledger.evidence.tree import root
from ledger.verify import BOOK_BYTES, commitment, read_leaf
from tests.ledger.evidence.town import NAME, Log, b64

SIGNER = Signer(NAME, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
BANK, DUE, FEES = 11, 12, 13
HOLD = "0192f0c4-5b2e-7c31-9d6a-1f0e8a7b6c5d"
ACCOUNTS = [
    {
        "id": BANK,
        "number": "1110",
        "name": "20208000900000000001",
        "currency": 860,
        "normal_side": 1,
    },
    {"id": DUE, "number": "2220", "name": "2", "currency": 860, "normal_side": -1},
    {"id": FEES, "number": "5110", "name": "stripe", "currency": 860, "normal_side": 1},
]


def leaf(number: int, **fields: Any) -> dict[str, Any]:
    """A posted journal without a document and lines, but for what is said."""
    made = {"org_id": 3, "journal": f"6f9619ff-8b86-5011-b42d-00c04fc964f{number}"}
    made |= {"request_hash": b64(sha256(f"request {number}".encode()).digest())}
    return made | {"outcome": 1, "doc": None, "transfers": [], "hold_lines": []} | fields


def transfer(
    id: int,
    amount_minor: int,
    debit: tuple[int, int, int],
    credit: tuple[int, int, int],
    **fields: Any,
) -> dict[str, Any]:
    """A transfer; each side is account, sequence, balance."""
    made = {"id": id, "debit_account": debit[0], "credit_account": credit[0]}
    made |= {"amount_minor": amount_minor, "currency": 860, "kind": 6, "effective": 20_779}
    made |= {"posted_at": 1_795_305_600_123_456, "debit_seq": debit[1], "credit_seq": credit[1]}
    made |= {"debit_balance": debit[2], "credit_balance": credit[2]}
    return made | {"hold": None, "reverses": None} | fields


def hold_line(leg: int, what: int, amount_minor: int, expires_at: int | None) -> dict[str, Any]:
    """Money due to the agency set aside for a payout, or let go."""
    made = {"leg": leg, "hold": HOLD, "what": what, "debit_account": DUE, "credit_account": BANK}
    return made | {"amount_minor": amount_minor, "expires_at": expires_at}


LEAVES = [
    leaf(
        1,
        doc={"text": '{"reference": "2060 0012 3456"}', "salt": b64(bytes(range(16)))},
        transfers=[
            transfer(8193, 412_000_00, (BANK, 1, 412_000_00), (DUE, 1, 412_000_00)),
            transfer(8194, 1_500_00, (FEES, 1, 1_500_00), (BANK, 2, 410_500_00)),
        ],
    ),
    leaf(2, outcome=9),
    leaf(3, hold_lines=[hold_line(0, 1, 410_500_00, 1_795_392_000_000_000)]),
    leaf(
        4,
        doc={"commitment": b64(commitment(bytes(16), "this text and its salt were erased"))},
        transfers=[transfer(24_576, 410_000_00, (DUE, 2, 2_000_00), (BANK, 3, 500_00), hold=HOLD)],
        hold_lines=[hold_line(1, 2, 500_00, None)],
    ),
]


def files() -> dict[str, str]:
    """Each file by its name."""
    book, national = Log(book_origin(NAME, 3), SIGNER), Log(national_origin(NAME), SIGNER)
    book.seal(*map(read_leaf, LEAVES))
    heads = [(1, 7, sha256(b"one").digest()), (3, 4, root(book.tiles, 4)), (9, 2, bytes(32))]
    national.seal(*(BOOK_BYTES.pack(2, *head) for head in heads))
    receipt = {"format": "mizon-receipt-proof/1", "leaf": LEAVES[0], **book.proof(0)}
    dump = [{"format": "mizon-dump/1", "org_id": 3, "origin": book.origin, "head": book.head()}]
    dump += [{"account": account} for account in ACCOUNTS] + [{"leaf": leaf} for leaf in LEAVES]
    return {
        "operator.vkey": SIGNER.public_text + "\n",
        "head.txt": book.head(),
        "receipt.json": _json(receipt | {"national": national.proof(1)}),
        "pair.json": _json(book.pair(3, 4)),
        "dump.jsonl": "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in dump),
    }


def _json(record: dict[str, Any]) -> str:
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"

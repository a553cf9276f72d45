"""A log of two small books with real heads: what receipts, pairs and dumps are made of in tests."""

import base64
import json
from pathlib import Path
from typing import Any
from uuid import UUID

from ledger.evidence.notes import Signer, book_origin, national_origin, sign_head
from ledger.evidence.tree import append, consistency_proof, inclusion_proof, root
from ledger.verify import BOOK_BYTES, leaf_hash, read_leaf
from tests.ledger.evidence.reference import Tiles

NAME = "ledger.example"
SIGNER = Signer.new(NAME)
KEY = SIGNER.public_text
HOLDS, DIFFERS, UNREADABLE = 0, 1, 2  # exit codes
UZS, EUR = 860, 978
BANK, DUE, FEES, EUROS, EURO_INCOME = 11, 12, 13, 21, 22
ACCOUNTS = [
    {"id": BANK, "number": "1110", "name": "main", "currency": UZS, "normal_side": 1},
    {"id": DUE, "number": "2220", "name": "7", "currency": UZS, "normal_side": -1},
    {"id": FEES, "number": "5110", "name": "Жизнь", "currency": UZS, "normal_side": 1},
    {"id": EUROS, "number": "1110", "name": "euro", "currency": EUR, "normal_side": 1},
    {"id": EURO_INCOME, "number": "4010", "name": "", "currency": EUR, "normal_side": -1},
]


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


class Log:
    """One tree, and its heads."""

    def __init__(self, origin: str, signer: Signer = SIGNER) -> None:
        self.origin, self.signer, self.size, self.tiles = origin, signer, 0, Tiles()

    def seal(self, *entries: bytes) -> None:
        grown = append(self.tiles, self.size, map(leaf_hash, entries))
        self.tiles.keep(grown.pieces)
        self.size = grown.size

    def head(self, size: int | None = None) -> str:
        size = self.size if size is None else size
        return sign_head(self.origin, size, root(self.tiles, size), self.signer)

    def proof(self, index: int) -> dict[str, Any]:
        path = inclusion_proof(self.tiles, index, self.size)
        return {"index": index, "size": self.size, "path": [*map(b64, path)], "head": self.head()}

    def pair(self, old: int, new: int) -> dict[str, Any]:
        path = consistency_proof(self.tiles, old, new)
        heads = {"old": self.head(old), "new": self.head(new)}
        return {"format": "mizon-consistency/1", **heads, "path": [*map(b64, path)]}


class Book:
    """A book that is kept as the ledger keeps it, and its journals as they are sealed."""

    def __init__(self, org_id: int) -> None:
        self.org_id, self.leaves, self.next_id = org_id, [], 8192
        self.states = {account["id"]: [account, 0, 0] for account in ACCOUNTS}

    def post(self, *moves: tuple[int, int, int], **fields: Any) -> None:
        """A journal of moves (debit, credit, amount)."""
        number = len(self.leaves)
        leaf = {
            "org_id": self.org_id,
            "journal": str(UUID(int=self.org_id << 64 | number + 1)),
            "request_hash": b64(number.to_bytes(32, "big")),
            "outcome": 1,
            "doc": {"text": f'{{"bill": "{number}"}}', "salt": b64(number.to_bytes(16, "big"))},
            "transfers": [self._moved(*move) for move in moves],
            "hold_lines": [],
        }
        self.leaves.append(leaf | fields)

    def _moved(self, debit: int, credit: int, amount: int) -> dict[str, Any]:
        for id_, debited in ((debit, amount), (credit, -amount)):
            state = self.states[id_]
            state[1] += 1
            state[2] += debited * state[0]["normal_side"]
        self.next_id += 1
        return {
            "id": self.next_id,
            "debit_account": debit,
            "credit_account": credit,
            "amount_minor": amount,
            "currency": self.states[debit][0]["currency"],
            "kind": 6,
            "effective": 20_779,
            "posted_at": 1_795_305_600_123_456 + self.next_id,
            "debit_seq": self.states[debit][1],
            "credit_seq": self.states[credit][1],
            "debit_balance": self.states[debit][2],
            "credit_balance": self.states[credit][2],
            "hold": None,
            "reverses": None,
        }

    def log(self, signer: Signer = SIGNER) -> Log:
        log = Log(book_origin(NAME, self.org_id), signer)
        log.seal(*map(read_leaf, self.leaves))
        return log

    def dump(self, signer: Signer = SIGNER) -> list[dict[str, Any]]:
        log = self.log(signer)
        header = {"format": "mizon-dump/1", "org_id": self.org_id, "origin": log.origin}
        accounts = [{"account": account} for account in ACCOUNTS]
        return [header | {"head": log.head()}, *accounts, *({"leaf": leaf} for leaf in self.leaves)]


def kept_book(org_id: int = 3) -> Book:
    """Journals of every shape: several transfers, two currencies, a hold and its capture, a refusal."""
    book = Book(org_id)
    hold = str(UUID(int=77))
    line = {"leg": 0, "hold": hold, "debit_account": BANK, "credit_account": DUE}
    line |= {"amount_minor": 900}
    book.post((BANK, DUE, 100_000), (FEES, BANK, 2_500))
    book.post(outcome=9, doc=None)
    book.post((EUROS, EURO_INCOME, 5_00))
    book.post(hold_lines=[line | {"what": 1, "expires_at": 1_795_305_600_000_000}])
    book.post((BANK, DUE, 700), hold_lines=[line | {"what": 2, "expires_at": None}])
    book.leaves[-1]["transfers"][0]["hold"] = hold
    book.post((DUE, BANK, 100), doc=None)
    book.leaves[-1]["transfers"][0]["reverses"] = 8193
    for number in range(20):
        book.post((BANK, DUE, 1 + number), doc={"commitment": b64(bytes([number]) * 32)})
    return book


def receipt(book: Book, index: int, others: int = 4) -> dict[str, Any]:
    """The proof of a journal, its book among others in the national tree."""
    log, national = book.log(), Log(national_origin(NAME))
    rows = [(100 + number, number, bytes([number]) * 32) for number in range(others)]
    rows.insert(others // 2, (book.org_id, log.size, root(log.tiles, log.size)))
    national.seal(*(BOOK_BYTES.pack(2, *row) for row in rows))
    proofs = log.proof(index) | {"national": national.proof(others // 2)}
    return {"format": "mizon-receipt-proof/1", "leaf": book.leaves[index], **proofs}


def written(path: Path, *lines: Any) -> Path:
    """A file of JSON, a line each."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path

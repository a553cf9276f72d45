"""Make keys and sign heads: C2SP signed-note and tlog-checkpoint, so that others' tools read them.

How a note is opened, and a public key read, is in ledger/verify.py.
"""

import base64
import re
from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.verify import BOOK_LOG, CONTROL, NATIONAL_LOG, Unreadable, key_id, read_base64

PRIVATE = "PRIVATE+KEY+"
ED25519 = b"\x01"


@dataclass(frozen=True)
class Signer:
    """An Ed25519 key and the name it signs under; printing it does not show the key."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[^\s+]+", self.name):
            raise Unreadable("a key's name has no space and no plus, and is not empty")

    @classmethod
    def new(cls, name: str) -> Self:
        """A fresh key. Raises Unreadable when it cannot have this name."""
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, text: str) -> Self:
        """The key of a `private_text`. Raises Unreadable, which does not repeat the text."""
        name, _, rest = text.removeprefix(PRIVATE).partition("+")
        raw = read_base64(rest.partition("+")[2], 33)
        signer = cls(name, Ed25519PrivateKey.from_private_bytes(raw[1:]))
        if signer.private_text != text:
            raise Unreadable("a private key is PRIVATE+KEY+name+id+base64, of Ed25519")
        return signer

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self.private.public_key().public_bytes_raw()

    @property
    def public_text(self) -> str:
        """The public key as it is published, name+id+base64: what a verifier is given."""
        return f"{self.name}+{self._id.hex()}+{_base64(ED25519 + self.public)}"

    @property
    def private_text(self) -> str:
        """The private key as it is kept, in the form of golang.org/x/mod/sumdb/note."""
        seed = self.private.private_bytes_raw()
        return f"{PRIVATE}{self.name}+{self._id.hex()}+{_base64(ED25519 + seed)}"

    @property
    def _id(self) -> bytes:
        return key_id(self.name, self.public)

    def signature(self, text: str) -> str:
        """The line that this key adds to a note of this text; more lines may follow one another."""
        return f"— {self.name} {_base64(self._id + self.private.sign(text.encode()))}\n"


def sign(text: str, *signers: Signer) -> str:
    """A signed note. Its text ends with a newline and has no other control character."""
    if not signers or not text.endswith("\n") or re.search(CONTROL, text):
        raise ValueError("this text cannot be a note's, or nobody signs it")
    return "\n".join([text, "".join(signer.signature(text) for signer in signers)])


def sign_head(origin: str, size: int, root: bytes, *signers: Signer) -> str:
    """A tree's head as a signed note: origin, size and root, a line each."""
    return sign(f"{origin}\n{size}\n{_base64(root)}\n", *signers)


def book_origin(log: str, org_id: int) -> str:
    """The origin of a book's heads, where `log` is the name of the key that signs them."""
    return log + BOOK_LOG.format(org_id)


def national_origin(log: str) -> str:
    """The origin of the national heads."""
    return log + NATIONAL_LOG


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()

"""The public page of evidence: keys, newest heads, and how to check them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Key:
    """A public key; `in_use` when it signed the newest heads."""

    text: str
    used_from: datetime
    in_use: bool


@dataclass(frozen=True)
class Head:
    """The newest head of a log; `name` is its organisation's, empty for the national log.

    `grew_from` is the size of the head before it, None when it is the first.
    """

    log: str
    name: str
    size: int
    signed_at: datetime
    grew_from: int | None

    @property
    def url(self) -> str:
        """The head as a file."""
        return (
            "/evidence/national.txt"
            if self.log == "national"
            else f"/evidence/heads/{self.log}.txt"
        )

    @property
    def pair_url(self) -> str:
        """The proof that it continues the head before it."""
        return f"/evidence/consistency/{self.log}?from={self.grew_from}&to={self.size}"


@dataclass(frozen=True)
class EvidencePage:
    """`evidence.html`: the national head comes first; `more_url` leads to the heads of more books."""

    keys: tuple[Key, ...] = ()
    heads: tuple[Head, ...] = ()
    more_url: str | None = None

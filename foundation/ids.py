"""Identifiers: new ones sort by time, derived ones are the same today and after a crash."""

import os
import time
from uuid import UUID, uuid5


def new_id() -> UUID:
    """A UUIDv7: 48 bits of Unix milliseconds, 12 of their fraction, then 62 random bits.

    The fraction keeps what one transaction writes in its order: two ids of one millisecond sort too.
    Source: RFC 9562, sections 5.7 and 6.2 (method 3).
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8)) >> 2
    stamp = milliseconds & (1 << 48) - 1
    return UUID(int=stamp << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random)


def derive_id(parent: UUID, purpose: str) -> UUID:
    """The id of what follows from `parent` for this `purpose`; always the same (UUIDv5)."""
    return uuid5(parent, purpose)

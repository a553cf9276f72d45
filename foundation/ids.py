"""Identifiers: new ones sort by time, derived ones are the same today and after a crash."""

import os
import time
from uuid import UUID, uuid5


def new_id() -> UUID:
    """A UUIDv7: 48 bits of Unix milliseconds, then random bits (RFC 9562, section 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    return UUID(int=value)


def derive_id(parent: UUID, purpose: str) -> UUID:
    """The id of what follows from `parent` for this `purpose`; always the same (UUIDv5)."""
    return uuid5(parent, purpose)

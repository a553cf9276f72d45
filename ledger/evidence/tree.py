"""Grow a Merkle tree that is kept as tiles, and take its root and its proofs from them; pure.

The hashes are those of RFC 9162, section 2.1; the tiles those of C2SP tlog-tiles, height 8: tile
`index` of level 0 has the hashes of leaves 256 * index and on; one of level n has the roots of 256
full tiles of level n - 1. A tree only ever gains hashes, at the right edge of each level, so what is
stored is pieces of tiles, and none of them is written twice. What a proof means, and how it is
verified, is in ledger/verify.py.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from ledger.verify import NODE_PREFIX, root_of, split_of

HASH = 32  # bytes
HEIGHT = 8
WIDTH = 1 << HEIGHT  # hashes in a full tile

# The hashes of a tile, by level and index: as many as it has by now, which may be more than asked.
Place = tuple[int, int]
Reader = Callable[[int, int], bytes]


class TileTooShort(Exception):
    """A stored tile has fewer hashes than the size of its tree says."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Hashes of 32 bytes beside each other in one tile; `first` is the place of theirs on the level."""

    level: int
    first: int
    hashes: bytes


class Grown(NamedTuple):
    """A tree after it has grown: its new size and root, and what its tiles have gained."""

    size: int
    root: bytes
    pieces: list[Piece]


def append(reader: Reader, size: int, leaf_hashes: Iterable[bytes]) -> Grown:
    """Add leaves to a tree of `size`; only the tiles of its right edge are read.

    The pieces that come back continue what each level has. Raises TileTooShort.
    """
    fresh = b"".join(leaf_hashes)
    if len(fresh) % HASH:
        raise ValueError("leaf hashes have 32 bytes each")
    grown, level, pieces, tiles = size + len(fresh) // HASH, 0, list[Piece](), dict[Place, bytes]()
    while fresh:
        index, kept = divmod(size >> HEIGHT * level, WIDTH)
        row = _read(reader, level, index, kept) + fresh
        for start in range(0, len(row) // HASH, WIDTH):
            tile = tiles[level, index] = row[start * HASH : (start + WIDTH) * HASH]
            pieces.append(Piece(level, index * WIDTH + kept, tile[kept * HASH :]))
            index, kept = index + 1, 0
        fresh = reduced(row[: len(row) - len(row) % (WIDTH * HASH)], HEIGHT)
        level += 1
    return Grown(grown, root(lambda *place: tiles.get(place) or reader(*place), grown), pieces)


def root(reader: Reader, size: int) -> bytes:
    """The root of the first `size` leaves; of none, the hash of nothing. Raises TileTooShort."""
    return _hash(cache(reader), 0, size)


def inclusion_proof(reader: Reader, index: int, size: int) -> list[bytes]:
    """The path from leaf `index` to the root of the first `size` (2.1.3.1), the leaf's side first.

    Raises IndexError and TileTooShort.
    """
    if not 0 <= index < size:
        raise IndexError(f"there is no leaf {index} in a tree of {size}")
    tiles, path, start, end = cache(reader), list[bytes](), 0, size
    while end - start > 1:
        split = start + split_of(end - start)
        if index < split:
            path.append(_hash(tiles, split, end))
            end = split
        else:
            path.append(_hash(tiles, start, split))
            start = split
    return path[::-1]


def consistency_proof(reader: Reader, old: int, new: int) -> list[bytes]:
    """The path that shows the first `old` leaves to be unchanged among `new` (2.1.4.1).

    It is empty when either tree needs none: the old one is empty, or both are one.
    Raises IndexError and TileTooShort.
    """
    if not 0 <= old <= new:
        raise IndexError(f"a tree of {old} does not begin one of {new}")
    tiles, path, start, end = cache(reader), list[bytes](), 0, new
    while old and old != end:
        split = start + split_of(end - start)
        if old <= split:
            path.append(_hash(tiles, split, end))
            end = split
        else:
            path.append(_hash(tiles, start, split))
            start = split
    if start:  # what remains is no tree that the verifier knows already
        path.append(_hash(tiles, start, end))
    return path[::-1]


def _hash(reader: Reader, start: int, end: int) -> bytes:
    """The hash over leaves [start, end), where start is a multiple of every perfect part."""
    peaks = []
    while start < end:
        height = (end - start).bit_length() - 1
        peaks.append(_subtree(reader, height, start >> height))
        start += 1 << height
    return root_of(peaks)


def _subtree(reader: Reader, height: int, index: int) -> bytes:
    """The hash of the perfect subtree `index` among those of this height."""
    level, inside = divmod(height, HEIGHT)
    tile, place = divmod(index << inside, WIDTH)
    hashes = _read(reader, level, tile, place + (1 << inside))
    return reduced(hashes[place * HASH :], inside)


def _read(reader: Reader, level: int, index: int, count: int) -> bytes:
    """The first `count` hashes of a tile."""
    hashes = reader(level, index)[: count * HASH] if count else b""
    if len(hashes) != count * HASH:
        raise TileTooShort(f"tile {index} of level {level} has no {count} hashes")
    return hashes


def reduced(row: bytes, height: int) -> bytes:
    """The hashes of subtrees `height` above a row of hashes, which fills them all."""
    for _ in range(height):
        pairs = range(0, len(row), 2 * HASH)
        row = b"".join([sha256(NODE_PREFIX + row[at : at + 2 * HASH]).digest() for at in pairs])
    return row

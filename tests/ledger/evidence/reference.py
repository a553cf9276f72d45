"""RFC 9162, section 2.1, word for word and slowly: what the fast and the careful code is held against."""

from hashlib import sha256


def mth(entries: list[bytes]) -> bytes:
    """2.1.1: the Merkle Tree Hash of a list of entries."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = _k(len(entries))
    return sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """2.1.3.1: PATH(m, D_n)."""
    if len(entries) == 1:
        return []
    k = _k(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def proof(m: int, entries: list[bytes]) -> list[bytes]:
    """2.1.4.1: PROOF(m, D_n) for 0 < m <= n; an empty tree begins every other without a proof."""
    return _subproof(m, entries, True) if m else []


def _subproof(m: int, entries: list[bytes], b: bool) -> list[bytes]:
    n = len(entries)
    if m == n:
        return [] if b else [mth(entries)]
    k = _k(n)
    if m <= k:
        return [*_subproof(m, entries[:k], b), mth(entries[k:])]
    return [*_subproof(m - k, entries[k:], False), mth(entries[:k])]


def _k(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


class Tiles:
    """Tiles in memory, as the database keeps them; it counts what is read."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, int], bytes] = {}
        self.reads = 0

    def __call__(self, level: int, index: int) -> bytes:
        self.reads += 1
        return self.kept[level, index]

    def keep(self, pieces) -> None:
        for piece in pieces:
            index, place = divmod(piece.first, 256)
            tile = self.kept.get((piece.level, index), b"")
            assert len(tile) == 32 * place, "a piece continues what is there"
            self.kept[piece.level, index] = tile + piece.hashes

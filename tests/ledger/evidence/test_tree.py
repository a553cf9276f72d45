"""Trees: the known vectors, every small proof, larger ones by chance; then whatever is wrong."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.evidence.tree import (
    Piece,
    TileTooShort,
    append,
    consistency_proof,
    inclusion_proof,
    root,
)
from ledger.verify import (
    EMPTY_ROOT,
    Differs,
    Head,
    check_consistency,
    check_inclusion,
    grow,
    leaf_hash,
    root_of,
)
from tests.ledger.evidence import reference
from tests.ledger.evidence.reference import Tiles

# The reference tree of Certificate Transparency: its eight entries, and the roots over the first n.
ENTRIES = [
    bytes.fromhex(entry)
    for entry in [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
FIFTH_OF_EIGHT = [
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]
SIX_TO_EIGHT = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]
MANY = [number.to_bytes(3, "big") for number in range(41)]
BIG = 70_000  # leaves: three levels of tiles, each with a right edge


def built(entries: list[bytes], *steps: int) -> Tiles:
    """Tiles of these entries, appended in steps of these sizes and then the rest."""
    tiles, size = Tiles(), 0
    for step in [*steps, len(entries)]:
        grown = append(tiles, size, map(leaf_hash, entries[size : size + step]))
        tiles.keep(grown.pieces)
        size = grown.size
    return tiles


@pytest.fixture(scope="module")
def big() -> Tiles:
    return built([number.to_bytes(4, "big") for number in range(BIG)], 1, 255, 3, 60_000)


def head(size: int, root: bytes) -> Head:
    return Head("log", size, root, [])


def refuse_inclusion(entry: bytes, index: int, of: Head, path: list[bytes]) -> None:
    with pytest.raises(Differs):
        check_inclusion(entry, index, of, path)


def refuse_consistency(old: Head, new: Head, path: list[bytes]) -> None:
    with pytest.raises(Differs):
        check_consistency(old, new, path)


def spoiled(path: list[bytes]) -> list[list[bytes]]:
    """The path with each hash flipped, lost, doubled or exchanged with the next, and too long."""
    wrong = [[*path, bytes(32)], [bytes(32), *path]]
    for place, each in enumerate(path):
        flipped = bytes([each[0] ^ 1]) + each[1:]
        wrong += [
            [*path[:place], flipped, *path[place + 1 :]],
            [*path[:place], *path[place + 1 :]],
            [*path[:place], each, *path[place:]],
        ]
        if place and path[place - 1] != each:
            wrong.append([*path[: place - 1], each, path[place - 1], *path[place + 1 :]])
    return wrong


def test_a_path_of_which_anything_was_changed_proves_nothing():
    for size in range(1, 18):
        of = head(size, reference.mth(MANY[:size]))
        for index in range(size):
            path = reference.path(index, MANY[:size])
            for wrong in spoiled(path):
                refuse_inclusion(MANY[index], index, of, wrong)
            refuse_inclusion(MANY[index] + b"\x00", index, of, path)
            refuse_inclusion(MANY[index], index, head(size, bytes(32)), path)


def test_a_path_is_no_proof_of_another_place():
    for size in range(1, 18):
        of = head(size, reference.mth(MANY[:size]))
        for index in range(size):
            path = reference.path(index, MANY[:size])
            for other in [-1, *range(size + 2)]:
                if other != index:
                    refuse_inclusion(MANY[index], other, of, path)


def test_a_path_is_no_proof_for_another_size_of_another_shape():
    # Sizes in which the leaf has the same siblings give the same root: only the head tells them apart.
    for size in range(1, 18):
        root = reference.mth(MANY[:size])
        for index in range(size):
            path = reference.path(index, MANY[:size])
            for other in range(20):
                if other <= index or len(reference.path(index, MANY[:other])) != len(path):
                    refuse_inclusion(MANY[index], index, head(other, root), path)


def test_no_inner_node_passes_for_a_leaf():
    left, right = (leaf_hash(entry) for entry in MANY[:2])
    four = head(4, reference.mth(MANY[:4]))
    refuse_inclusion(b"\x01" + left + right, 0, four, reference.path(0, MANY[:4])[1:])
    refuse_inclusion(left + right, 0, head(2, four.root), reference.path(0, MANY[:4])[1:])


def test_a_history_that_was_changed_anywhere_is_not_continued():
    for new_size in range(1, 18):
        new = head(new_size, reference.mth(MANY[:new_size]))
        for old_size in range(1, new_size + 1):
            path = reference.proof(old_size, MANY[:new_size])
            old = head(old_size, reference.mth(MANY[:old_size]))
            for wrong in spoiled(path):
                refuse_consistency(old, new, wrong)
            rewritten = [b"another", *MANY[1:old_size]]
            refuse_consistency(head(old_size, reference.mth(rewritten)), new, path)
            refuse_consistency(old, head(new_size, bytes(32)), path)
            for other in range(new_size + 3):
                if other != old_size:
                    refuse_consistency(head(other, old.root), new, path)


def test_a_log_cannot_shrink():
    path = reference.proof(3, MANY[:7])
    refuse_consistency(head(7, reference.mth(MANY[:7])), head(3, reference.mth(MANY[:3])), path)


def test_an_empty_tree_begins_any_other_and_has_the_hash_of_nothing():
    new = head(5, reference.mth(MANY[:5]))
    check_consistency(head(0, EMPTY_ROOT), new, [])
    refuse_consistency(head(0, bytes(32)), new, [])
    refuse_consistency(head(0, EMPTY_ROOT), new, [bytes(32)])
    check_consistency(head(0, EMPTY_ROOT), head(0, EMPTY_ROOT), [])


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_the_roots_are_those_of_certificate_transparency(size):
    assert root(built(ENTRIES[:size]), size).hex() == ROOTS[size]
    assert reference.mth(ENTRIES[:size]).hex() == ROOTS[size]


def test_the_paths_are_those_of_certificate_transparency():
    tiles = built(ENTRIES)
    assert [node.hex() for node in inclusion_proof(tiles, 5, 8)] == FIFTH_OF_EIGHT
    assert [node.hex() for node in consistency_proof(tiles, 6, 8)] == SIX_TO_EIGHT


def test_every_inclusion_of_small_trees_is_proved_and_verified():
    tiles = built(MANY)
    for size in range(1, len(MANY) + 1):
        of = head(size, reference.mth(MANY[:size]))
        for index in range(size):
            path = inclusion_proof(tiles, index, size)
            assert path == reference.path(index, MANY[:size])
            check_inclusion(MANY[index], index, of, path)


def test_every_pair_of_small_trees_is_proved_and_verified():
    tiles = built(MANY)
    heads = [head(size, reference.mth(MANY[:size])) for size in range(len(MANY) + 1)]
    for new in heads:
        assert root(tiles, new.size) == new.root
        for old in heads[: new.size + 1]:
            path = consistency_proof(tiles, old.size, new.size)
            assert path == reference.proof(old.size, MANY[: new.size])
            check_consistency(old, new, path)


@given(size=st.integers(1, BIG), place=st.integers(0, BIG - 1), old=st.integers(0, BIG))
@settings(max_examples=200, deadline=None)
def test_proofs_of_large_trees_hold(big, size, place, old):
    index, old = place % size, old % (size + 1)
    new = head(size, root(big, size))
    check_inclusion(index.to_bytes(4, "big"), index, new, inclusion_proof(big, index, size))
    check_consistency(head(old, root(big, old)), new, consistency_proof(big, old, size))


@given(steps=st.lists(st.integers(0, 700), max_size=6))
@settings(max_examples=40, deadline=None)
def test_a_tree_is_the_same_in_whatever_steps_it_grew(steps):
    entries = [number.to_bytes(3, "big") for number in range(sum(steps))]
    tiles, peaks = built(entries, *steps), list[bytes]()
    for size, entry in enumerate(entries):
        grow(peaks, size, leaf_hash(entry))
    assert root(tiles, len(entries)) == root_of(peaks) == reference.mth(entries)
    assert tiles.kept == built(entries).kept


def test_tiles_are_as_c2sp_cuts_them(big):
    # Its own example: a tree of 70,000.
    widths = {place: len(hashes) // 32 for place, hashes in big.kept.items()}
    level = [[widths[of, index] for (of, index) in sorted(widths) if of == n] for n in range(3)]
    assert level == [[256] * 273 + [112], [256, 17], [1]]


def test_a_tree_of_a_full_tile_has_its_root_in_the_next_level():
    tiles = built([number.to_bytes(2, "big") for number in range(256)])
    assert tiles.kept[1, 0] == root(tiles, 256)


def test_growing_reads_only_the_right_edge(big):
    big.reads = 0
    grown = append(big, BIG, [bytes(32)] * 10)
    assert big.reads <= 3
    assert grown.pieces == [Piece(0, BIG, bytes(320))]


def test_what_was_written_is_never_written_again():
    pieces, tiles, size = [], Tiles(), 0
    for step in (1, 254, 2, 700, 65_000):
        grown = append(tiles, size, [bytes(32)] * step)
        tiles.keep(grown.pieces)
        pieces, size = pieces + grown.pieces, grown.size
    for level in range(3):
        of = [piece for piece in pieces if piece.level == level]
        assert [piece.first for piece in of[1:]] == [
            piece.first + len(piece.hashes) // 32 for piece in of[:-1]
        ]
        assert all(piece.first % 256 + len(piece.hashes) // 32 <= 256 for piece in of)


def test_growing_by_nothing_changes_nothing(big):
    assert append(big, BIG, []) == (BIG, root(big, BIG), [])


def test_a_tile_that_lost_hashes_is_noticed():
    tiles = built(MANY)
    tiles.kept[0, 0] = tiles.kept[0, 0][:-32]
    with pytest.raises(TileTooShort):
        root(tiles, len(MANY))
    with pytest.raises(TileTooShort):
        append(tiles, len(MANY), [bytes(32)])


def test_leaf_hashes_of_another_length_are_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        append(Tiles(), 0, [bytes(31)])


@pytest.mark.parametrize(("index", "size"), [(3, 3), (-1, 3), (0, 0)])
def test_there_is_no_path_from_a_leaf_that_is_not_there(index, size):
    with pytest.raises(IndexError):
        inclusion_proof(built(MANY), index, size)


@pytest.mark.parametrize(("old", "new"), [(4, 3), (-1, 3)])
def test_there_is_no_path_to_a_smaller_tree(old, new):
    with pytest.raises(IndexError):
        consistency_proof(built(MANY), old, new)


def test_random_noise_proves_nothing():
    noise = random.Random(9162)
    of = head(41, reference.mth(MANY))
    for _ in range(2_000):
        path = [noise.randbytes(32) for _ in range(noise.randrange(8))]
        refuse_inclusion(MANY[0], noise.randrange(41), of, path)

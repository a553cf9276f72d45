"""docs/evidence.md says what the code does: tables, example and files are compared with it."""

import re
import struct

import pytest

from ledger.verify import (
    BOOK_BYTES,
    HOLD_LINE,
    HOLD_LINE_BYTES,
    JOURNAL,
    LEAF,
    LEAF_BYTES,
    MOST_ACCOUNT_CHARACTERS,
    MOST_BYTES,
    MOST_HASHES,
    MOST_SIGNATURES,
    TRANSFER,
    TRANSFER_BYTES,
    leaf_hash,
    node_hash,
    read_head,
    read_keys,
    read_leaf,
    run,
)
from tests.house.documents import ROOT, section, tables, text_of
from tests.ledger.evidence.example import LEAVES, SIGNER, files
from tests.ledger.evidence.town import HOLDS

DOCUMENT = "docs/evidence.md"
CODES = {"i64": "q", "i32": "i", "i16": "h", "u8": "B", "u16": "H", "16": "16s", "32": "32s"}


def layout(number: int) -> list[tuple[str, str, str]]:
    """Offset, bytes and field of each row of a table of the leaf."""
    table = tables(section(DOCUMENT, "A journal"))[number]
    return [(row[0], row[1], row[2].strip("`")) for row in table]


@pytest.mark.parametrize("name", files())
def test_the_files_of_the_example_are_those_the_code_makes(name):
    assert (ROOT / "docs" / "evidence" / name).read_text(encoding="utf-8") == files()[name]


def test_the_files_of_the_example_hold(capsys):
    shown = [str(ROOT / "docs" / "evidence" / name) for name in files() if name != "operator.vkey"]
    assert run(shown, [str(ROOT / "docs" / "evidence" / "operator.vkey")]) == HOLDS
    assert capsys.readouterr().out.count(": holds\n") == 4


@pytest.mark.parametrize(
    ("number", "fields", "packed"),
    [(1, TRANSFER, TRANSFER_BYTES), (2, HOLD_LINE, HOLD_LINE_BYTES)],
)
def test_the_tables_of_lines_have_the_fields_and_widths_of_the_code(number, fields, packed):
    offset = 0
    for row, (name, code) in zip(layout(number), fields.items(), strict=True):
        assert row == (str(offset), next(w for w, c in CODES.items() if c == code), name)
        offset += struct.calcsize(">" + code)
    assert offset == packed.size


def test_the_table_of_a_journal_has_the_fields_and_widths_of_the_code():
    fixed = layout(0)[:7]
    assert [name for *_, name in fixed] == ["–", *JOURNAL, "doc", "–"]
    assert ">" + "".join(CODES[width] for _, width, _ in fixed) == LEAF_BYTES.format
    before = [struct.calcsize(">" + "".join(CODES[w] for _, w, _ in fixed[:n])) for n in range(7)]
    assert [int(offset) for offset, *_ in fixed] == before
    assert layout(0)[7:] == [
        (str(LEAF_BYTES.size), f"{TRANSFER_BYTES.size} each", "transfers"),
        (f"{LEAF_BYTES.size} + {TRANSFER_BYTES.size} *n*", "u16", "–"),
        (
            f"{LEAF_BYTES.size + 2} + {TRANSFER_BYTES.size} *n*",
            f"{HOLD_LINE_BYTES.size} each",
            "hold_lines",
        ),
    ]
    assert ", ".join(f"`{name}`" for name in LEAF) in section(DOCUMENT, "Files")
    assert f"{BOOK_BYTES.size} bytes" in section(DOCUMENT, "A book in the national log")


def test_the_steps_of_the_example_are_those_of_the_code():
    entries = [read_leaf(leaf) for leaf in LEAVES]
    hashes = [leaf_hash(entry) for entry in entries]
    head = read_head(files()["head.txt"], read_keys([SIGNER.public_text]), "/book/3")
    national = BOOK_BYTES.pack(2, 3, head.size, head.root)
    written = [row[1].strip("`") for row in tables(section(DOCUMENT, "Worked example"))[0]]
    assert written == [
        SIGNER.public_text,
        entries[0][55:87].hex(),
        *(each.hex() for each in hashes),
        node_hash(hashes[0], hashes[1]).hex(),
        node_hash(hashes[2], hashes[3]).hex(),
        head.root.hex(),
        national.hex(),
        leaf_hash(national).hex(),
    ]
    fence = re.findall(r"```\n(.*?)```", section(DOCUMENT, "Worked example"), re.DOTALL)[0]
    assert bytes.fromhex(fence) == entries[3]
    for number, entry in enumerate(entries):
        assert f"hash of leaf {number}, {len(entry)} bytes" in section(DOCUMENT, "Worked example")
    assert files()["head.txt"] in text_of(DOCUMENT)


def test_the_limits_are_as_they_are_written():
    text = text_of(DOCUMENT)
    assert f"beyond {MOST_BYTES >> 20} MiB" in text
    assert f"beyond {MOST_ACCOUNT_CHARACTERS:,} characters" in text
    assert f"there are 1 to {MOST_SIGNATURES} of them" in text
    assert f"at most {MOST_HASHES}" in text

"""The module that a stranger carries away: the bytes of a leaf, and that it stands alone."""

import base64
import os
import re
import shutil
import struct
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from ledger import verify
from ledger.verify import encode_leaf, read_leaf
from tests.ledger.evidence.town import (
    BANK,
    DUE,
    HOLDS,
    KEY,
    UNREADABLE,
    kept_book,
    receipt,
    written,
)


def test_the_bytes_of_a_leaf_are_as_they_are_written_down():
    leaf = kept_book().leaves[4]
    row = leaf["transfers"][0]
    expected = b"".join(
        [
            b"\x01",
            (3).to_bytes(4, "big", signed=True),
            bytes.fromhex(leaf["journal"].replace("-", "")),
            base64.b64decode(leaf["request_hash"]),
            b"\x00\x01",
            sha256(base64.b64decode(leaf["doc"]["salt"]) + leaf["doc"]["text"].encode()).digest(),
            b"\x00\x01",
            *(row[name].to_bytes(8, "big") for name in list(row)[:4]),
            row["currency"].to_bytes(2, "big"),
            row["kind"].to_bytes(2, "big"),
            row["effective"].to_bytes(4, "big"),
            *(row[name].to_bytes(8, "big") for name in list(row)[7:12]),
            bytes.fromhex(row["hold"].replace("-", "")),
            bytes(8),
            b"\x00\x01",
            b"\x00\x00",
            bytes.fromhex(row["hold"].replace("-", "")),
            b"\x02",
            *(number.to_bytes(8, "big") for number in (BANK, DUE, 900, 0)),
        ]
    )
    assert read_leaf(leaf) == expected


def test_no_two_journals_have_the_same_bytes():
    # Counts stand before the lines, so the end of one list never reads as the beginning of another.
    head = (3, bytes(16), bytes(32), 1, bytes(32))
    move = (0,) * 12 + (bytes(16), 0)
    line = (0, bytes(16), 0, 0, 0, 0, 0)
    made = {
        encode_leaf(head, [move] * moves, [line] * lines)
        for moves in range(6)
        for lines in range(6)
    }
    assert len(made) == 36


@pytest.mark.parametrize("size", [2**15, -(2**15) - 1])
def test_a_leaf_refuses_what_its_fields_cannot_hold(size):
    with pytest.raises(struct.error):
        encode_leaf((3, bytes(16), bytes(32), size, bytes(32)), [], [])


def test_the_verifier_runs_alone_from_any_folder(tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(Path(verify.__file__), alone / "verify.py")
    file = written(alone / "receipt.json", receipt(kept_book(), 4))
    (alone / "operator.vkey").write_text(KEY + "\n", encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "verify.py", *arguments]
        return subprocess.run(
            command, cwd=alone, env=environment, capture_output=True, text=True, check=False
        )

    good = call("--key", "operator.vkey", file.name)
    assert (good.returncode, good.stderr) == (HOLDS, "")
    assert good.stdout.startswith("receipt.json: holds")
    assert call("--key", KEY, "operator.vkey").returncode == UNREADABLE
    assert call(file.name).returncode == UNREADABLE
    assert "Verify Mizon's evidence offline" in call("--help").stdout


def test_the_verifier_imports_nothing_else_of_mizon():
    source = Path(verify.__file__).read_text(encoding="utf-8")
    imported = set(re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE))
    assert imported - sys.stdlib_module_names == {"cryptography"}

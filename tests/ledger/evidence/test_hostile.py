"""Files made to hurt: each is refused in a sentence, at once, and nothing of it reaches a terminal."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import verify
from ledger.verify import run
from tests.ledger.evidence.tampering import put
from tests.ledger.evidence.town import (
    ACCOUNTS,
    DIFFERS,
    HOLDS,
    KEY,
    UNREADABLE,
    b64,
    kept_book,
    receipt,
    written,
)

HEADER = json.dumps(kept_book().dump()[0]).encode() + b"\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"{",
        b"{}",
        b"[]",
        b"null",
        b"\x00" * 100,
        b"\xff\xfe{}",
        b'{"format": null}',
        b'{"format": []}',
        b'{"format": "mizon-dump/1"}',
        b'{"format": "mizon-dump/2"}',
        b'{"format": "mizon-receipt-proof/1", "leaf": 1}',
        b'{"format": "mizon-receipt-proof/1", "leaf": {}, "national": {}}',
        b'{"format": "mizon-consistency/1", "old": 1, "new": [], "path": {}}',
        b'{"format": "mizon-consistency/1", "old": "\\ud800", "new": "", "path": []}',
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a": ' + b"9" * 100_000 + b"}",
        b'{"a": 1e999, "b": NaN}',
        b'{"a": true}',
        b'{"format": "mizon-dump/1", "format": "mizon-dump/1"}',
        b"\x1f\x8b",
        b"\x1f\x8b" + b"\x00" * 50,
        gzip.compress(HEADER * 10)[:-9],
        gzip.compress(HEADER) + b"garbage",
        HEADER + b"[]",
        HEADER + b'"account"',
        HEADER + b"{}",
        HEADER + b"\n",
        HEADER + b'{"account": []}',
        HEADER + b'{"account": {}, "leaf": {}}',
        HEADER + b'{"leaf": {"org_id": 3}}',
        HEADER
        + b'{"account": {"id": [], "number": 1, "name": 2, "currency": 3, "normal_side": 1}}',
        HEADER
        + b'{"account": {"id": 1, "number": 1, "name": 2, "currency": {}, "normal_side": {}}}',
    ],
)
def test_what_is_no_evidence_is_unreadable_and_never_a_stack_trace(raw_judged, content):
    code, told = raw_judged(content)
    assert code == UNREADABLE
    assert "cannot be read" in told


def test_a_field_that_stands_twice_and_a_fraction_are_unreadable_even_where_they_would_agree(
    raw_judged,
):
    proof = json.dumps(receipt(kept_book(), 4))
    assert raw_judged(proof.replace('"outcome": 1', '"outcome": 9, "outcome": 1').encode())[0] == 2
    dump = "\n".join(json.dumps(line) for line in kept_book().dump())
    assert raw_judged(dump.encode())[0] == HOLDS
    assert raw_judged(dump.replace("860", "860.0", 1).encode())[0] == UNREADABLE


@pytest.mark.parametrize("value", [None, True, 1.0, "1", [], {}, 2**63, -(2**63) - 1])
def test_a_number_that_is_no_whole_number_of_its_width_is_unreadable(judged, value):
    proof = receipt(kept_book(), 4)
    for place in (["leaf", "org_id"], ["leaf", "outcome"], ["leaf", "transfers", 0, "id"]):
        assert judged(put(proof, place, value))[0] != HOLDS
    for name in ("currency", "posted_at", "debit_seq"):
        assert judged(put(proof, ["leaf", "transfers", 0, name], value))[0] == UNREADABLE
    for place in (["index"], ["size"], ["path"], ["head"], ["national", "index"], ["leaf", "doc"]):
        if (place, value) != (["leaf", "doc"], None):
            assert judged(put(proof, place, value))[0] != HOLDS


@pytest.mark.parametrize(
    "text",
    [
        "00000000000000000000000000000005",
        "{00000000-0000-0000-0000-000000000005}",
        "urn:uuid:00000000-0000-0000-0000-000000000005",
        "ABCDEF00-0000-0000-0000-000000000005",
        "not one",
        5,
        None,
    ],
)
def test_a_uuid_has_one_form(judged, text):
    assert judged(put(receipt(kept_book(), 4), ["leaf", "journal"], text))[0] == UNREADABLE


@pytest.mark.parametrize(
    "text", ["", "AAAA", "A" * 43, "A" * 42 + "B=", " " + "A" * 43 + "=", "é", 5]
)
def test_bytes_have_one_form(judged, text):
    assert judged(put(receipt(kept_book(), 4), ["leaf", "request_hash"], text))[0] == UNREADABLE


def test_a_file_or_a_line_beyond_every_size_is_unreadable_at_once(raw_judged, monkeypatch):
    monkeypatch.setattr(verify, "MOST_BYTES", 20_000)
    assert raw_judged(b'{"a": "' + b"x" * 20_000 + b'"}')[0] == UNREADABLE
    assert raw_judged(b"{\n" + b"\n" * 30_000 + b"}")[0] == UNREADABLE
    code, told = raw_judged(gzip.compress(HEADER + b" " * 50_000_000))
    assert (code, "line 2 is too long" in told) == (UNREADABLE, True)


def test_a_path_beyond_every_tree_and_too_many_accounts_are_unreadable(judged, monkeypatch):
    pair = kept_book().log().pair(10, 26)
    assert judged(pair | {"path": [b64(bytes(32))] * 65})[0] == UNREADABLE
    monkeypatch.setattr(verify, "MOST_ACCOUNTS", 4)
    assert judged(*kept_book().dump())[0] == UNREADABLE


def test_a_journal_with_more_lines_than_can_be_counted_is_unreadable(judged, monkeypatch):
    monkeypatch.setattr(verify, "MOST_BYTES", 100 << 20)
    proof = receipt(kept_book(), 4)
    rows = proof["leaf"]["transfers"] * 65_536
    assert judged(put(proof, ["leaf", "transfers"], rows))[0] == UNREADABLE


def test_a_hostile_text_does_not_reach_the_terminal(judged):
    book = kept_book()
    book.leaves[0]["doc"]["text"] = "\x1b[2Jnothing\u202eto see"
    told = judged(receipt(book, 0))[1]
    assert "\\x1b[2Jnothing\\u202eto see" in told
    dump = book.dump()
    dump[1] = {"account": ACCOUNTS[0] | {"name": "\x1b[2J", "normal_side": -1}}
    assert "\x1b" not in judged(*dump)[1]


@given(noise=st.binary(max_size=400), place=st.integers(0, 4_000))
@settings(max_examples=150, deadline=None)
def test_noise_anywhere_in_a_file_is_never_taken_and_never_a_stack_trace(
    tmp_path_factory, noise, place
):
    text = json.dumps(receipt(kept_book(), 4)).encode()
    place %= len(text)
    content = text[:place] + noise + text[place + len(noise) :]
    file = tmp_path_factory.mktemp("noise") / "file"
    file.write_bytes(content)
    try:
        same = json.loads(content) == json.loads(text)
    except ValueError:
        same = False
    assert (run([str(file)], [KEY]) == HOLDS) == same


def test_a_missing_file_a_folder_and_a_bad_key_are_unreadable(tmp_path, capsys):
    file = written(tmp_path / "file", receipt(kept_book(), 4))
    assert run([str(tmp_path / "none")], [KEY]) == UNREADABLE
    assert run([str(tmp_path)], [KEY]) == UNREADABLE
    for key in (KEY[:-1], "", "nonsense", str(tmp_path), "x" * 5_000, "\0"):
        code = run([str(file)], [key])
        assert code != HOLDS
        assert code == (UNREADABLE if key else DIFFERS)
    assert "Traceback" not in capsys.readouterr().out

"""Dumps of a book: tampered with, sealed wrong, and whole."""

import gzip
import json
import re
import sys

import pytest

from ledger.evidence.notes import Signer, sign_head
from ledger.evidence.tree import root
from ledger.verify import run
from tests.ledger.evidence.town import (
    ACCOUNTS,
    BANK,
    DIFFERS,
    DUE,
    HOLDS,
    KEY,
    NAME,
    SIGNER,
    UNREADABLE,
    kept_book,
    written,
)

FIRST = 1 + len(ACCOUNTS)  # the line of the first journal


def moved(dump: list, leaf: int, transfer: int = 0) -> dict:
    """A transfer of a dump, to be tampered with."""
    return dump[FIRST + leaf]["leaf"]["transfers"][transfer]


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("debit_balance", "debit_balance 100701 where 98190 is due"),
        ("debit_seq", "debit_seq"),
        ("credit_seq", "credit_seq"),
        ("credit_balance", "credit_balance"),
        ("amount_minor", "is due"),
        ("currency", "no debit account of its currency"),
        ("debit_account", "one account on both sides"),
        ("posted_at", "do not hash to the head's root"),
        ("kind", "do not hash to the head's root"),
        ("reverses", "do not hash to the head's root"),
    ],
)
def test_a_dump_in_which_one_figure_was_changed_differs_and_the_journal_is_named(
    judged, field, told
):
    dump = kept_book().dump()
    row = moved(dump, 4)
    row[field] = 1 if row[field] is None else row[field] + 1
    code, words = judged(*dump)
    assert code == DIFFERS
    if "hash" in told:
        assert told in words
    else:
        assert re.search(rf"leaf 4, journal .*{told.split(' ')[0]}", words)


def test_a_dump_that_lost_a_journal_names_the_next_one_of_its_accounts(judged):
    dump = kept_book().dump()
    del dump[FIRST + 4]
    code, told = judged(*dump)
    assert code == DIFFERS
    assert "leaf 4, journal 00000000-0000-0003-0000-000000000006: transfer 8197" in told
    assert "debit_seq 3 where 2 is due" in told


def test_a_dump_that_lost_its_last_journal_or_a_refused_one_does_not_hash_to_the_head(judged):
    dump = kept_book().dump()
    for lost in (dump[:-1], dump[: FIRST + 1] + dump[FIRST + 2 :]):
        code, told = judged(*lost)
        assert code == DIFFERS
        assert "25 journals do not hash to the head's root over 26" in told


def test_a_dump_with_a_journal_too_many_differs(judged):
    dump = kept_book().dump()
    code, told = judged(*dump, dump[FIRST + 1])
    assert code == DIFFERS
    assert "more journals than the 26" in told


def test_a_dump_in_which_two_journals_changed_places_differs(judged):
    dump = kept_book().dump()
    dump[-1], dump[-2] = dump[-2], dump[-1]
    assert judged(*dump)[0] == DIFFERS
    other = kept_book().dump()
    first = FIRST
    other[first + 1], other[first + 2] = other[first + 2], other[first + 1]
    assert "do not hash" in judged(*other)[1]


def test_a_dump_whose_books_were_rewritten_in_balance_does_not_hash_to_the_head(judged):
    # A superuser moves money into an earlier journal and puts every later figure right.
    book, rewritten = kept_book(), kept_book()
    rewritten.leaves, rewritten.next_id = [], 8192
    rewritten.states = {account["id"]: [account, 0, 0] for account in ACCOUNTS}
    for leaf in book.leaves:
        moves = [
            (row["debit_account"], row["credit_account"], row["amount_minor"])
            for row in leaf["transfers"]
        ]
        if leaf is book.leaves[4]:
            moves = [(BANK, DUE, 999_999)]
        kept = {key: value for key, value in leaf.items() if key != "transfers"}
        rewritten.post(*moves, **kept)
    dump = rewritten.dump()
    assert judged(*dump)[0] == HOLDS, "the rewritten books agree with themselves"
    dump[0]["head"] = book.log().head()
    code, told = judged(*dump)
    assert code == DIFFERS
    assert "do not hash to the head's root" in told


def test_a_dump_whose_head_is_not_the_operator_s_differs_before_anything_is_read(judged):
    code, told = judged(*kept_book().dump(Signer.new(NAME)))
    assert (code, "not signed" in told) == (DIFFERS, True)
    header, *lines = kept_book().dump()
    for wrong in ({"origin": "ledger.example/book/4"}, {"org_id": 4}):
        assert judged(header | wrong, *lines)[0] == DIFFERS


def test_a_dump_whose_head_has_another_size_over_the_same_root_differs(judged):
    header, *lines = kept_book().dump()
    log = kept_book().log()
    note = sign_head(log.origin, 27, root(log.tiles, 26), SIGNER)
    assert judged(header | {"head": note}, *lines)[0] == DIFFERS


def sealed(judged, **fields) -> tuple[int, str]:
    """Judge a dump in which the last journal was sealed with these fields: the books alone are wrong."""
    book = kept_book()
    book.leaves[-1] |= fields
    return judged(*book.dump())


def test_books_that_were_sealed_wrong_differ(judged):
    book = kept_book()
    good = book.leaves[-1]["transfers"][0]
    code, told = sealed(judged, outcome=9)
    assert (code, "it was refused, and has lines" in told) == (DIFFERS, True)
    code, told = sealed(judged, org_id=4)
    assert (code, "it is of book 4" in told) == (DIFFERS, True)
    for change, word in (
        ({"amount_minor": 0}, "range"),
        ({"amount_minor": 10**15 + 1}, "range"),
        ({"amount_minor": -20}, "range"),
        ({"credit_account": BANK}, "both sides"),
        ({"credit_account": 99}, "no credit account"),
        ({"credit_account": 21}, "no credit account"),
        ({"debit_balance": good["debit_balance"] + 1}, "is due"),
    ):
        code, told = sealed(judged, transfers=[good | change])
        assert code == DIFFERS, change
        assert "leaf 25" in told
        assert word in told
    code, told = sealed(judged, transfers=[good, good])
    assert (code, "out of its order" in told) == (DIFFERS, True)


def test_a_dump_with_an_account_twice_or_without_a_side_is_refused(judged):
    dump = kept_book().dump()
    for account in (ACCOUNTS[0], ACCOUNTS[0] | {"id": 99, "normal_side": 0}, {"id": 99}):
        assert judged(dump[0], {"account": account}, *dump[1:])[0] == UNREADABLE
    long = ACCOUNTS[0] | {"id": 99, "name": "x" * 3_000}
    assert judged(dump[0], {"account": long}, *dump[1:])[0] == UNREADABLE
    assert judged(*dump, dump[1])[0] != HOLDS


def test_a_dump_on_the_wrong_side_of_an_account_differs(judged):
    dump = kept_book().dump()
    dump[1] = {"account": ACCOUNTS[0] | {"normal_side": -1}}
    assert judged(*dump)[0] == DIFFERS


def test_a_dump_is_hashed_and_re_added(judged):
    code, told = judged(*kept_book().dump())
    assert code == HOLDS
    assert "26 journals in 'ledger.example/book/3', 25 transfers" in told
    assert "currency 860: debit balances 100810, credit balances 100810" in told
    assert "currency 978: debit balances 500, credit balances 500" in told


def test_a_dump_may_be_gzipped_and_the_book_may_be_empty(raw_judged, judged):
    text = "".join(json.dumps(line) + "\n" for line in kept_book().dump())
    assert raw_judged(gzip.compress(text.encode()))[0] == HOLDS
    assert raw_judged(text.rstrip("\n").encode())[0] == HOLDS
    empty = kept_book()
    empty.leaves = []
    assert judged(*empty.dump())[0] == HOLDS


def test_a_long_dump_shows_its_progress_to_who_watches(tmp_path, capsys, monkeypatch):
    book = kept_book()
    for number in range(4_100):
        book.post((BANK, DUE, 1 + number), doc=None)
    file = written(tmp_path / "dump", *book.dump())
    assert run([str(file)], [KEY]) == HOLDS
    assert not capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run([str(file)], [KEY]) == HOLDS
    assert re.search(r"line 4096, \d+ %", capsys.readouterr().err)

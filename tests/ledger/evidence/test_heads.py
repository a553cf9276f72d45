"""Heads alone and in pairs, and several files and keys at once."""

from ledger.evidence.notes import Signer, sign
from ledger.verify import run
from tests.ledger.evidence.tampering import changes, put
from tests.ledger.evidence.town import (
    DIFFERS,
    HOLDS,
    KEY,
    NAME,
    SIGNER,
    UNREADABLE,
    b64,
    kept_book,
    receipt,
    written,
)


def test_a_history_that_was_rewritten_and_signed_anew_does_not_continue_the_old_head(judged):
    book = kept_book()
    log = book.log()
    kept = log.head(10)
    book.leaves[4]["transfers"][0]["amount_minor"] += 1
    code, told = judged(book.log().pair(10, 26) | {"old": kept})
    assert code == DIFFERS
    assert "the tree of 26 does not continue the tree of 10" in told
    assert judged(log.pair(26, 26) | {"new": book.log().head()})[0] == DIFFERS


def test_a_pair_of_which_anything_was_changed_does_not_hold(judged):
    pair = kept_book().log().pair(10, 26)
    for place, value in changes(pair):
        assert judged(put(pair, place, value))[0] != HOLDS, place
    assert judged(pair | {"old": pair["new"], "new": pair["old"]})[0] == DIFFERS


def test_heads_of_two_books_are_no_pair(judged):
    pair = kept_book(3).log().pair(10, 26)
    code, told = judged(pair | {"old": kept_book(5).log().head(10)})
    assert code == DIFFERS
    assert "book/5" in told


def test_every_pair_of_heads_of_a_book_holds(judged):
    log = kept_book().log()
    for old in range(27):
        code, told = judged(log.pair(old, 26))
        assert code == HOLDS
        assert f"grew from {old} to 26 leaves" in told


def test_a_head_alone_is_opened(raw_judged):
    head = kept_book().log().head()
    code, told = raw_judged(head.encode())
    assert code == HOLDS
    assert "'ledger.example/book/3' has 26 leaves" in told
    assert raw_judged(head.replace("26", "27").encode())[0] == DIFFERS


def test_a_head_may_have_more_lines_than_three(raw_judged):
    note = sign(f"{NAME}/national\n5\n{b64(bytes(32))}\nmore\n", SIGNER)
    assert raw_judged(note.encode())[0] == HOLDS


def test_the_exit_code_is_that_of_the_worst_file(tmp_path, capsys):
    good = written(tmp_path / "good", receipt(kept_book(), 4))
    bad = written(tmp_path / "bad", receipt(kept_book(), 4) | {"index": 5})
    none = tmp_path / "none"
    assert run([str(good), str(bad), str(good)], [KEY]) == DIFFERS
    assert run([str(none), str(bad)], [KEY]) == UNREADABLE
    told = capsys.readouterr().out
    assert told.count("good: holds") == 2
    assert told.count("bad: DIFFERS") == 2


def test_keys_may_be_several_and_a_head_by_any_of_them_is_signed(judged, tmp_path):
    older = Signer.new(NAME)
    head = kept_book().log(older).head()
    keys = tmp_path / "keys"
    keys.write_text(f"{older.public_text}\n{KEY}\n", encoding="utf-8")
    file = tmp_path / "head"
    file.write_text(head, encoding="utf-8")
    assert run([str(file)], [str(keys)]) == HOLDS
    assert run([str(file)], [KEY, older.public_text]) == HOLDS
    assert run([str(file)], [KEY]) == DIFFERS

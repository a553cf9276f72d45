"""Receipt proofs: anything changed, anything unsealed, another book's, then the good ones."""

import base64
import gzip
import json

from ledger.evidence.notes import Signer
from ledger.verify import commitment
from tests.ledger.evidence.tampering import changes, put
from tests.ledger.evidence.town import DIFFERS, HOLDS, NAME, UNREADABLE, b64, kept_book, receipt


def test_a_receipt_of_which_anything_was_changed_does_not_hold(judged):
    proof = receipt(kept_book(), 4)
    for place, value in changes(proof):
        code, told = judged(put(proof, place, value))
        assert code != HOLDS, (place, told)
        assert "Traceback" not in told


def test_a_receipt_with_a_field_that_was_not_sealed_is_refused(judged):
    proof = receipt(kept_book(), 4)
    for place in (["leaf"], ["leaf", "doc"], ["leaf", "transfers", 0], ["leaf", "hold_lines", 0]):
        code, told = judged(put(proof, [*place, "payer"], "somebody"))
        assert (code, "payer" in told) == (UNREADABLE, False)


def test_a_receipt_without_one_of_its_fields_is_refused(judged):
    proof = receipt(kept_book(), 4)
    for name in proof:
        assert judged({key: value for key, value in proof.items() if key != name})[0] == UNREADABLE
    for name in proof["leaf"]:
        leaf = {key: value for key, value in proof["leaf"].items() if key != name}
        assert judged(proof | {"leaf": leaf})[0] == UNREADABLE


def test_a_receipt_signed_by_another_key_of_the_same_name_does_not_hold(judged):
    code, told = judged(receipt(kept_book(), 4), key=Signer.new(NAME).public_text)
    assert code == DIFFERS
    assert "not signed by the given key" in told


def test_a_book_s_head_does_not_pass_for_another_book_or_for_the_nation(judged):
    proof = receipt(kept_book(3), 4)
    other = receipt(kept_book(5), 4)
    for name in ("head", "national"):
        code, told = judged(proof | {name: other[name]})
        assert code == DIFFERS, told
    own = proof | {"national": {key: proof[key] for key in ("index", "size", "path", "head")}}
    code, told = judged(own)
    assert code == DIFFERS
    assert "not of 'ledger.example/national'" in told


def test_a_head_that_is_signed_but_not_in_the_national_tree_does_not_hold(judged):
    # Two histories of one book for two audiences: only one of them can be in the national head.
    book, shown = kept_book(), kept_book()
    shown.leaves[4]["transfers"][0]["amount_minor"] += 1
    fork = receipt(shown, 4)
    fork["national"] = receipt(book, 4)["national"]
    code, told = judged(fork)
    assert code == DIFFERS
    assert "leaf 2 does not lead to the root of 'ledger.example/national'" in told


def test_a_receipt_shows_what_is_sealed_and_where(judged):
    code, told = judged(receipt(kept_book(), 0))
    assert code == HOLDS
    assert "file: holds" in told
    assert '"amount_minor": 100000' in told
    assert """document '{"bill": "0"}'""" in told
    assert "leaf 0 of 26 in 'ledger.example/book/3'" in told
    assert "that head is leaf 2 of 5 in 'ledger.example/national'" in told


def test_every_journal_of_a_book_has_a_receipt_that_holds(judged):
    book = kept_book()
    for index in range(len(book.leaves)):
        assert judged(receipt(book, index))[0] == HOLDS
    assert judged(receipt(kept_book(), 3, others=0))[0] == HOLDS


def test_a_receipt_holds_after_its_document_was_erased(judged):
    proof = receipt(kept_book(), 4)
    doc = proof["leaf"]["doc"]
    erased = {"commitment": b64(commitment(base64.b64decode(doc["salt"]), doc["text"]))}
    code, told = judged(put(proof, ["leaf", "doc"], erased))
    assert code == HOLDS
    assert "document" not in told


def test_a_receipt_may_be_spread_over_lines_or_gzipped(raw_judged):
    text = json.dumps(receipt(kept_book(), 4), indent=2, ensure_ascii=False).encode()
    assert raw_judged(text)[0] == HOLDS
    assert raw_judged(gzip.compress(text))[0] == HOLDS

"""Proofs from a real book: asked too early, of what is not there, after erasing; then verified."""

import json
import time
from uuid import uuid4

import pytest
from sqlalchemy import text

from ledger.evidence.heads import HeadNotFound
from ledger.evidence.proofs import NotSealedYet, NotSignedYet, Sealing, sealing_of
from ledger.journals import Transfer
from ledger.money import UZS
from ledger.reversals import JournalNotFound
from tests.ledger.desk import CLEARING, INCOME
from tests.ledger.evidence.tampering import changes, put
from tests.ledger.evidence.town import DIFFERS, HOLDS
from tests.superuser import as_superuser

MOVE = Transfer(CLEARING, INCOME, UZS("1"))


def sealing(archive, journal) -> Sealing:
    with archive.database.transaction() as session:
        return sealing_of(session, 1, journal)


def test_a_proof_waits_for_its_seal_and_then_for_a_signature(archive):
    (journal,) = archive.pay()
    assert sealing(archive, journal) is Sealing.WAITING
    with pytest.raises(NotSealedYet):
        archive.receipt(journal)
    archive.seal()
    assert sealing(archive, journal) is Sealing.UNSIGNED
    with pytest.raises(NotSignedYet):
        archive.receipt(journal)
    with pytest.raises(NotSignedYet):
        archive.dump()
    archive.publish()
    assert sealing(archive, journal) is Sealing.SIGNED
    (later,) = archive.pay()
    archive.seal()
    assert sealing(archive, later) is Sealing.SEALED
    with pytest.raises(NotSignedYet):
        archive.receipt(later)


def test_there_is_no_proof_of_a_journal_that_is_not_there(archive):
    (journal,) = archive.pay()
    archive.settle()
    with pytest.raises(JournalNotFound):
        archive.receipt(uuid4())
    with pytest.raises(JournalNotFound):
        archive.receipt(journal, org_id=2)


def test_a_pair_is_of_two_signed_heads(archive):
    archive.pay(2)
    archive.settle()
    for sizes in ((1, 2), (2, 3), (0, 2), (-1, 2)):
        with pytest.raises(HeadNotFound):
            archive.pair(1, *sizes)
    assert archive.judge(archive.pair(1, 2, 2)) == HOLDS


def test_a_pair_asked_the_wrong_way_round_is_given_the_right_way(archive):
    for _ in range(2):
        archive.pay(2)
        archive.settle()
    assert archive.pair(1, 4, 2) == archive.pair(1, 2, 4)


def test_anything_that_is_changed_in_a_proof_is_noticed(archive):
    archive.every_shape()
    archive.settle()
    with archive.database.transaction() as session:
        journal = session.execute(
            text("SELECT journal FROM ledger.journal WHERE transfers > 1 ORDER BY batch LIMIT 1")
        ).scalar_one()
    receipt = archive.receipt(journal)
    assert archive.judge(receipt) == HOLDS
    changed = [put(receipt, place, value) for place, value in changes(receipt)]
    assert len(changed) > 30
    assert HOLDS not in [archive.judge(each) for each in changed]


def test_every_journal_of_every_shape_is_proved(archive):
    archive.every_shape()
    archive.settle()
    with archive.database.transaction() as session:
        journals = session.scalars(text("SELECT journal FROM ledger.journal")).all()
    receipts = [archive.receipt(journal) for journal in journals]

    assert [archive.judge(receipt) for receipt in receipts] == [HOLDS] * len(journals)
    assert sorted(receipt["index"] for receipt in receipts) == list(range(len(journals)))
    assert archive.judge(archive.receipt(journals[0], documents=False)) == HOLDS
    assert archive.judge(archive.dump()) == HOLDS
    assert archive.judge(archive.dump(documents=True)) == HOLDS
    assert archive.broken() == {}


def test_erasing_a_document_keeps_every_proof_valid(archive):
    about = "Aziza Karimova, 31407850170012"
    journal = archive.desk.post(archive.desk.journal(MOVE, doc={"payer": about}))[0].journal
    archive.settle()
    before, dump = archive.receipt(journal), archive.dump(documents=True)
    assert about in before["leaf"]["doc"]["text"]
    with archive.database.transaction() as session:
        assert session.execute(
            text("SELECT ledger.erase_doc(1, :journal)"), {"journal": journal}
        ).scalar_one()
    after, dump_after = archive.receipt(journal), archive.dump(documents=True)

    assert list(after["leaf"]["doc"]) == ["commitment"]
    assert about not in json.dumps(after) + dump_after
    evidence = (before, after, dump, dump_after)
    assert [archive.judge(each) for each in evidence] == [HOLDS] * 4
    assert archive.broken() == {}


def test_a_document_that_was_changed_is_noticed(archive, empty_url):
    (journal,) = archive.pay()
    archive.settle()
    as_superuser(
        empty_url,
        "ALTER TABLE ledger.journal_doc DISABLE TRIGGER USER",
        'UPDATE ledger.journal_doc SET doc = doc || \'{"reference": "another"}\'',
    )
    assert archive.judge(archive.receipt(journal)) == DIFFERS
    assert archive.broken() == {"documents": {"org_id": 1, "journal": str(journal)}}


def test_a_document_that_vanished_is_noticed(archive, empty_url):
    (journal,) = archive.pay()
    as_superuser(
        empty_url,
        "ALTER TABLE ledger.journal_doc DISABLE TRIGGER USER",
        "DELETE FROM ledger.journal_doc",
    )
    assert archive.broken() == {"documents": {"org_id": 1, "journal": str(journal)}}


def test_a_dump_shows_no_document_unless_asked(archive):
    archive.desk.does(MOVE, doc={"payer": "Aziza Karimova"})
    archive.settle()
    assert "Karimova" not in archive.dump()
    assert "Karimova" in archive.dump(documents=True)


def test_a_dump_ends_at_the_newest_head(archive):
    archive.pay(3)
    archive.settle()
    archive.pay(2)
    archive.seal()
    lines = archive.dump().splitlines()
    assert len([line for line in lines if line.startswith('{"leaf"')]) == 3
    assert archive.judge(archive.dump()) == HOLDS


def test_a_proof_is_found_at_once(archive):
    archive.desk.post(*(archive.desk.journal(MOVE) for _ in range(3_000)))
    (journal,) = archive.pay()
    archive.settle()
    archive.receipt(journal)
    began = time.perf_counter()
    for _ in range(10):
        archive.receipt(journal)
    assert (time.perf_counter() - began) / 10 < 0.1

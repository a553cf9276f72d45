"""Keys that are none, books that were set back; then the loop that seals, and the commands."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select, text

from foundation.history import Event
from ledger.accounts import ReasonMissing, open_book
from ledger.documents import NothingToErase
from ledger.evidence.heads import latest_head
from ledger.evidence.notes import Signer, sign_head
from ledger.evidence.proofs import Sealing, sealing_of
from ledger.evidence.records import TreeRow
from ledger.journals import Transfer
from ledger.money import UZS
from service.cli import main
from service.scheduler import keep_sealed
from service.settings import Settings, SettingsMissing, read_settings
from service.wiring import signers
from tests.ledger.desk import CLEARING, INCOME, Desk
from tests.ledger.evidence.archive import Archive
from tests.superuser import as_superuser

PATIENCE_SECONDS = 15
MOVE = Transfer(CLEARING, INCOME, UZS("1"))


@pytest.fixture
def archive(empty, tmp_path) -> Archive:
    return Archive(empty, tmp_path, Desk(empty).open())


@pytest.fixture
def mizon(empty_url, monkeypatch, capsys):
    """A command on the test's own database: its exit code and what it said."""
    monkeypatch.setenv("MIZON_DATABASE_URL", empty_url)

    def call(*words: str) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return call


@contextmanager
def sealer(database, *keys: Signer) -> Iterator[None]:
    """The worker's loop."""
    stopping = threading.Event()
    thread = threading.Thread(target=keep_sealed, args=(database, keys, stopping), name="sealer")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def wait_until(holds) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not holds() and time.monotonic() < give_up:
        time.sleep(0.05)
    assert holds()


def sealing(archive: Archive, journal) -> Sealing:
    with archive.database.transaction() as session:
        return sealing_of(session, 1, journal)


def settings(signing_key: str) -> Settings:
    return read_settings({"MIZON_DATABASE_URL": "x", "MIZON_SIGNING_KEY": signing_key})


@pytest.mark.parametrize(
    "text",
    ["secret", "PRIVATE+KEY+a+00000000+AQ==", Signer.new("a").public_text],
    ids=["a word", "a key that does not fit its name", "a public key"],
)
def test_what_is_no_private_key_is_refused_without_repeating_it(text):
    with pytest.raises(SettingsMissing) as refusal:
        signers(settings(text))
    assert text not in str(refusal.value)


def test_two_keys_sign_under_one_name_or_not_at_all():
    first, same, other = Signer.new("a"), Signer.new("a"), Signer.new("b")
    both = signers(settings(f"{first.private_text}\n{same.private_text}"))
    assert [key.public_text for key in both] == [first.public_text, same.public_text]
    with pytest.raises(SettingsMissing, match="one name"):
        signers(settings(f"{first.private_text} {other.private_text}"))
    assert signers(settings("")) == ()


def test_a_new_key_is_printed_once_in_the_form_that_is_read(mizon):
    code, told, _ = mizon("keys", "new", "ledger.example.uz")
    secret, public = (line.split(": ")[1].strip() for line in told.splitlines())
    (key,) = signers(settings(secret))
    assert (code, key.name, key.public_text) == (0, "ledger.example.uz", public)


@pytest.mark.parametrize("name", ["", "a b", "a+b"])
def test_a_name_that_a_key_cannot_have_is_refused(mizon, name):
    code, _, said = mizon("keys", "new", name)
    assert (code, "no space and no plus" in said) == (2, True)


def test_without_a_key_entries_are_sealed_and_nothing_is_signed(archive):
    (journal,) = archive.pay()
    with sealer(archive.database):
        wait_until(lambda: sealing(archive, journal) is Sealing.UNSIGNED)
    assert archive.publish() == 1
    assert sealing(archive, journal) is Sealing.SIGNED


def test_the_loop_seals_within_a_second_and_signs(archive):
    with sealer(archive.database, archive.signer):
        (first,) = archive.pay()
        began = time.monotonic()
        wait_until(lambda: sealing(archive, first) is not Sealing.WAITING)
        sealed_seconds = time.monotonic() - began
        wait_until(lambda: sealing(archive, first) is Sealing.SIGNED)
    assert sealed_seconds < 1
    assert archive.judge(archive.receipt(first)) == 0
    assert archive.broken() == {}


def test_a_damaged_book_stops_neither_the_loop_nor_the_heads_of_others(archive, empty_url, caplog):
    archive.pay()
    as_superuser(
        empty_url,
        "ALTER TABLE ledger.journal DISABLE TRIGGER USER",
        "DELETE FROM ledger.journal",
    )
    (journal,) = archive.pay(org_id=2)
    with sealer(archive.database, archive.signer):
        wait_until(lambda: _head_of(archive, 2))
    assert archive.judge(archive.receipt(journal, org_id=2)) == 0
    assert "the sealer could not go on" in caplog.text
    with archive.database.transaction() as session:
        assert session.get_one(TreeRow, 1).size == 0


def _head_of(archive: Archive, book: int) -> bool:
    with archive.database.transaction() as session:
        return latest_head(session, book) is not None


def compared(archive: Archive, mizon, note: str) -> tuple[int, str]:
    path = archive.folder / "kept.txt"
    path.write_text(note, "utf-8")
    code, told, _ = mizon("heads", "compare", path, "--key", archive.signer.public_text)
    return code, told.partition(": ")[2].strip()


def head(archive: Archive, log: int) -> str:
    with archive.database.transaction() as session:
        return latest_head(session, log).note


def test_a_kept_head_is_found_again_after_the_book_has_grown(archive, mizon):
    archive.pay(3)
    archive.settle()
    kept = [head(archive, log) for log in (1, 0)]
    archive.pay(300)
    archive.settle()
    assert compared(archive, mizon, kept[0]) == (
        0,
        "ledger.example/book/1 had these 3 leaves, and has them still",
    )
    assert compared(archive, mizon, kept[1])[0] == 0


def test_a_database_that_was_set_back_does_not_fit_a_kept_head(archive, mizon, empty_url):
    archive.pay(3)
    archive.settle()
    kept = head(archive, 1)
    walls = [
        f"ALTER TABLE ledger.{table} DISABLE TRIGGER USER"
        for table in ("tile", "sealed_batch", "tree_head")
    ]
    empty_tree = "UPDATE ledger.tree SET size = 0, root = sha256('')"
    gone = [f"DELETE FROM ledger.{table}" for table in ("tile", "sealed_batch", "tree_head")]
    as_superuser(empty_url, *walls, *gone, empty_tree)
    assert compared(archive, mizon, kept) == (
        1,
        "DIFFERS: 'ledger.example/book/1' had 3 leaves and has 0: this database was set back",
    )


def test_a_history_that_was_rewritten_does_not_fit_a_kept_head(archive, mizon, empty_url):
    archive.pay(3)
    archive.settle()
    kept = head(archive, 1)
    as_superuser(
        empty_url,
        "ALTER TABLE ledger.tile DISABLE TRIGGER USER",
        "UPDATE ledger.tile SET hashes = sha256('') || substring(hashes FROM 33)",
    )
    assert compared(archive, mizon, kept) == (
        1,
        "DIFFERS: 'ledger.example/book/1' had other leaves up to 3: it was rewritten",
    )


def test_a_head_of_no_log_here_or_of_another_key_is_no_match(archive, mizon):
    archive.pay()
    archive.settle()
    book = head(archive, 1)
    strange = Signer.new(archive.signer.name)
    for log in ("ledger.example/book/9", "ledger.example/book/1/national/x", "other"):
        note = _signed(archive.signer, log)
        assert compared(archive, mizon, note) == (1, f"DIFFERS: there is no log {log!r} here")
    assert compared(archive, mizon, _signed(strange, "ledger.example/book/1"))[0] == 1
    assert compared(archive, mizon, book[:-20])[0] == 2
    assert compared(archive, mizon, "")[0] == 2


def _signed(signer: Signer, origin: str) -> str:
    return sign_head(origin, 1, bytes(32), signer)


def test_a_dump_waits_for_a_head_and_then_verifies(archive, mizon):
    archive.pay(2)
    assert mizon("dump", "--book", 1)[0] == 2
    archive.settle()
    code, dump, said = mizon("dump", "--book", 1)
    assert (code, said) == (0, "Book 1, 2 journals.\n")
    assert archive.judge(dump) == 0
    assert '"text"' not in dump
    assert '"text"' in mizon("dump", "--book", 1, "--documents")[1]


def test_erasing_leaves_its_reason_in_history_and_every_proof_valid(archive, mizon):
    journal = archive.desk.post(archive.desk.journal(MOVE, doc={"payer": "Aziza"}))[0].journal
    archive.settle()
    named = ("erase", "--book", 1, "--journal", journal, "--by", "dpo")
    assert mizon(*named, "--reason", "short")[0] == 2
    code, said, _ = mizon(*named, "--reason", "asked by the payer, letter 12")
    assert (code, "every proof of it stays valid" in said) == (0, True)
    assert mizon(*named, "--reason", "asked by the payer, letter 12")[0] == 2

    with archive.database.transaction() as session:
        (event,) = session.scalars(select(Event).where(Event.subject == "journal_doc"))
        kept = session.execute(text("SELECT doc, salt FROM ledger.journal_doc")).one()
    assert (event.what, event.by, event.subject_id) == ("erased", "staff:dpo", str(journal))
    assert event.facts == {"reason": "asked by the payer, letter 12"}
    assert tuple(kept) == (None, None)
    assert archive.judge(archive.receipt(journal)) == 0
    assert archive.broken() == {}


def test_the_sentences_of_refusals_are_those_that_people_read():
    assert ReasonMissing.sentence() == "Say why, in ten characters or more."
    assert "erased before" in NothingToErase.sentence()


def test_a_book_opened_today_has_a_tree(empty):
    with empty.transaction() as session:
        open_book(session, 5)
        open_book(session, 5)
        assert session.get_one(TreeRow, 5).size == 0

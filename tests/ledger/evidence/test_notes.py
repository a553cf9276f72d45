"""Signed notes and keys: Go's published example, and every way of not being one."""

import base64

import pytest

from ledger.evidence.notes import Signer, book_origin, national_origin, sign, sign_head
from ledger.verify import Differs, Unreadable, key_id, open_note, read_head, read_keys

# The example of golang.org/x/mod/sumdb/note: two keys and what they signed.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETERS = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg"
    "KvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCHS = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG0"
    "1oOTGwnWLox33WWd1RvMc+QQ=\n"
)
ROOT = bytes(range(32))
LOG = Signer.new("ledger.example")
KEYS = read_keys([LOG.public_text])


def altered(text: str) -> list[str]:
    """The text without each character, and with each made another."""
    wrong = [text[:place] + text[place + 1 :] for place in range(len(text))]
    for place, character in enumerate(text):
        wrong.append(text[:place] + chr(ord(character) + 1) + text[place + 1 :])
    return wrong


def refused(note: str, *keys: str) -> None:
    with pytest.raises((Differs, Unreadable)):
        open_note(note, read_keys(keys))


def test_a_note_of_which_any_character_was_changed_is_refused():
    for wrong in altered(f"{TEXT}\n{PETERS}"):
        refused(wrong, PETER)


def test_a_key_of_which_any_character_was_changed_is_none():
    for wrong in altered(PETER):
        with pytest.raises(Unreadable):
            read_keys([wrong])


@pytest.mark.parametrize(
    "key",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        f"+{key_id('', bytes(32)).hex()}+{base64.b64encode(bytes([1]) + bytes(32)).decode()}",
        PETER.upper(),
        "PeterNeumann+c74f20a3",
        PETERS_PRIVATE,
    ],
)
def test_a_key_too_long_of_another_kind_or_without_a_name_is_none(key):
    with pytest.raises(Unreadable):
        read_keys([key])


def test_a_private_key_of_which_any_character_was_changed_is_none():
    for wrong in altered(PETERS_PRIVATE):
        with pytest.raises(Unreadable):
            Signer.read(wrong)


def test_a_private_key_is_not_shown():
    signer = Signer.read(PETERS_PRIVATE)
    assert "AYEKFALV" not in repr(signer)
    with pytest.raises(Unreadable) as refusal:
        Signer.read(PETERS_PRIVATE[:-1])
    assert "AYEKFALV" not in str(refusal.value)


def test_the_right_id_under_another_name_and_the_right_name_with_another_id_are_unknown():
    for line in (PETERS.replace("PeterNeumann", "Peter"), PETERS.replace("x08g", "x08h")):
        with pytest.raises(Differs, match="not signed"):
            open_note(f"{TEXT}\n{line}", read_keys([PETER]))


def test_a_wrong_signature_of_a_known_key_spoils_the_note_whoever_else_signed():
    forged = LOG.signature(TEXT + "another line\n")
    for lines in (forged + PETERS, PETERS + forged, LOG.signature(TEXT) + forged):
        with pytest.raises(Differs, match="wrong"):
            open_note(f"{TEXT}\n{lines}", read_keys([PETER, LOG.public_text]))


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}\n{PETERS}"[:-1],
        f"{TEXT}{PETERS}",
        f"\x01{TEXT}\n{PETERS}",
        f"{TEXT}\r\n{PETERS}",
        f"{TEXT}\n{PETERS}Unexpected line.\n",
        f"{TEXT}\n{PETERS}\n",
        f"{TEXT}\n{PETERS.replace('PeterNeumann', 'Bad Name')}",
        f"{TEXT}\n{PETERS.replace('PeterNeumann', 'Bad+Name')}",
        f"{TEXT}\n{PETERS.replace('—', '-')}",
        f"{TEXT}\n— PeterNeumann x08go/\n",
        f"{TEXT}\n— PeterNeumann x08g\n",
        f"{TEXT}\n{PETERS * 101}",
    ],
)
def test_what_is_not_in_the_form_of_a_note_is_unreadable(note):
    with pytest.raises(Unreadable):
        open_note(note, read_keys([PETER]))


@pytest.mark.parametrize(
    "text",
    [
        "ledger.example/national\n5\n",
        "ledger.example/national\n05\n{root}\n",
        "ledger.example/national\n-5\n{root}\n",
        "ledger.example/national\n٥\n{root}\n",
        "ledger.example/national\n5 \n{root}\n",
        "ledger.example/national\n99999999999999999999\n{root}\n",
        "ledger.example/national\n5\n{root}AA\n",
        "ledger.example/national\n5\nAAAA\n",
        "\n5\n{root}\n",
        "ledger.example/national\n5\n{root}\n\nmore\n",
    ],
)
def test_a_signed_note_that_is_no_head_is_unreadable(text):
    note = sign(text.format(root=base64.b64encode(ROOT).decode()), LOG)
    with pytest.raises(Unreadable):
        read_head(note, KEYS)


def test_a_head_of_another_log_is_not_taken_for_this_one():
    note = sign_head(book_origin("ledger.example", 3), 5, ROOT, LOG)
    assert read_head(note, KEYS, "/book/3").size == 5
    for other in ("/book/4", "/national", ""):
        with pytest.raises(Differs, match="head is of"):
            read_head(note, KEYS, other)


@pytest.mark.parametrize("name", ["", "two words", "plus+sign", "new\nline", "no\u2003break"])
def test_a_name_that_a_note_cannot_carry_is_refused(name):
    with pytest.raises(Unreadable):
        Signer.new(name)


@pytest.mark.parametrize("text", ["", "no newline", "a tab\t\n", "a return\r\n"])
def test_a_text_that_a_note_cannot_carry_is_not_signed(text):
    with pytest.raises(ValueError, match="cannot be a note"):
        sign(text, LOG)
    with pytest.raises(ValueError, match="nobody signs"):
        sign(TEXT)


def test_go_s_example_opens_and_comes_out_the_same_when_we_sign_it():
    assert open_note(f"{TEXT}\n{PETERS}", read_keys([PETER])) == (TEXT, ["PeterNeumann"])
    signer = Signer.read(PETERS_PRIVATE)
    assert sign(TEXT, signer) == f"{TEXT}\n{PETERS}"
    assert (signer.public_text, signer.private_text) == (PETER, PETERS_PRIVATE)


def test_signatures_of_unknown_keys_are_passed_over():
    garbled = "— witness.example/w1 " + base64.b64encode(bytes(80)).decode() + "\n"
    note = f"{TEXT}\n{ENOCHS}{garbled}{PETERS}"
    assert open_note(note, read_keys([PETER])) == (TEXT, ["PeterNeumann"])


def test_several_signatures_are_all_verified_and_named():
    names = ["PeterNeumann", "EnochRoot"]
    assert open_note(f"{TEXT}\n{PETERS}{ENOCHS}", read_keys([PETER, ENOCH])) == (TEXT, names)
    both = sign(TEXT, LOG, Signer.read(PETERS_PRIVATE))
    assert open_note(both, KEYS)[1] == ["ledger.example"]
    assert open_note(both, read_keys([LOG.public_text, PETER]))[1] == [LOG.name, "PeterNeumann"]


def test_a_text_may_have_empty_lines_and_any_alphabet():
    text = "To‘lov — оплата\n\n\nend\n"
    assert open_note(sign(text, LOG), KEYS) == (text, [LOG.name])


def test_a_head_says_origin_size_and_root():
    note = sign_head(national_origin("ledger.example"), 20852163, ROOT, LOG)
    lines = note.split("\n")
    assert lines[:4] == ["ledger.example/national", "20852163", base64.b64encode(ROOT).decode(), ""]
    head = read_head(note, KEYS, "/national")
    assert head == ("ledger.example/national", 20852163, ROOT, ["ledger.example"])


def test_keys_come_from_texts_and_from_files_of_lines(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"{PETER}\n\n{ENOCH}\n", encoding="utf-8")
    assert set(read_keys([str(file), LOG.public_text])) == {
        *read_keys([PETER]),
        *read_keys([ENOCH]),
        *KEYS,
    }


def test_a_new_key_is_its_own_and_survives_being_written_down():
    one, other = Signer.new("a"), Signer.new("a")
    assert one.public != other.public
    assert Signer.read(one.private_text).public_text == one.public_text

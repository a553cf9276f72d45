"""Every sentence that a page can say is in every catalog, once, with its facts and its letters."""

import re

import pytest
from babel.messages.catalog import Catalog, Message

from portal.languages import Language, read_catalog, translations
from tests.portal.messages import written

TRANSLATED = (Language.UZ, Language.RU)
PLACEHOLDER = re.compile(r"%\(\w+\)s")


@pytest.fixture(scope="module")
def sentences() -> Catalog:
    return written()


def ids(catalog: Catalog) -> set:
    return {message.id for message in catalog if message.id}


def forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_sentence_is_missing(language, sentences):
    assert ids(sentences) - ids(read_catalog(language)) == set()


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_sentence_is_left_over(language, sentences):
    assert ids(read_catalog(language)) - ids(sentences) == set()


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_is_translated_and_keeps_its_facts(language):
    plurals = 3 if language is Language.RU else 2
    for message in read_catalog(language):
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        assert len(forms(message)) == (plurals if message.pluralizable else 1), message.id
        last = message.id[-1] if message.pluralizable else message.id
        for words in forms(message):
            assert words.strip(), message.id
            assert sorted(PLACEHOLDER.findall(words)) == sorted(PLACEHOLDER.findall(last)), words


def test_cyrillic_overrides_are_of_sentences_that_exist():
    assert ids(read_catalog(Language.UZ_CYRL)) <= ids(read_catalog(Language.UZ))


def test_uzbek_latin_has_the_right_apostrophes():
    for message in read_catalog(Language.UZ):
        for words in forms(message) if message.id else ():
            assert not re.search(r"['`‘’]", words), words
            assert not re.search(r"(?<![OoGg])ʻ", words), words
            assert not re.search(r"[OoGg]ʼ", words), words


def test_uzbek_cyrillic_has_no_latin_letter_but_in_names():
    names = {"Payme", "Stripe", "Uzcard", "Humo", "Visa", "Mastercard", "Mizon", "SMS", "XML"}
    names |= {"camt", "ISO", "DOCTYPE", "CRDT", "DBIT", "PDF", "XLSX", "CSV"}
    cyrillic = translations(Language.UZ_CYRL)
    for message in read_catalog(Language.UZ):
        if not message.id or message.pluralizable:
            continue
        words = PLACEHOLDER.sub("", cyrillic.gettext(message.id))
        assert set(re.findall(r"[A-Za-z]+", words)) <= names, words


@pytest.mark.parametrize("language", TRANSLATED)
def test_sentences_are_short(language):
    for message in read_catalog(language):
        for words in forms(message) if message.id else ():
            for sentence in re.split(r"(?<=[.?!:;])\s", words):
                assert len(sentence.split()) <= 20, sentence


def test_english_sentences_are_short_too(sentences):
    for message in sentences:
        for sentence in re.split(r"(?<=[.?!:;])\s", str(message.id)):
            assert len(sentence.split()) <= 20, sentence

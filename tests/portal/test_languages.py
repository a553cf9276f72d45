import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.languages import (
    Choice,
    Language,
    gettext,
    link,
    negotiate,
    ngettext,
    pick,
    speaking,
    translated,
)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", Language.UZ),
        ("de, fr;q=0.5", Language.UZ),
        ("ru-RU,ru;q=0.9,en;q=0.8", Language.RU),
        ("en;q=0.3, ru;q=0.7", Language.RU),
        ("uz-Cyrl-UZ, ru;q=0.9", Language.UZ_CYRL),
        ("uz-Latn-UZ", Language.UZ),
        ("ru;q=0, en;q=0.1", Language.EN),
        ("*", Language.UZ),
        ("ru;q=banana, en", Language.EN),
    ],
)
def test_the_browser_is_answered_in_the_best_language_it_accepts(header, language):
    assert negotiate(header) == language


@given(st.text(max_size=200))
def test_no_header_breaks_the_choice(header):
    assert negotiate(header) in Language


def test_a_chosen_language_stays_in_every_link():
    with speaking(Choice(Language.UZ_CYRL, explicit=True)):
        assert link("/bills/1") == "/bills/1?lang=uz-Cyrl"
        assert (
            link("/staff/breaks?type=amount#list") == "/staff/breaks?type=amount&lang=uz-Cyrl#list"
        )
        assert link("/staff?lang=ru") == "/staff?lang=uz-Cyrl"


def test_a_language_that_nobody_chose_leaves_addresses_alone():
    with speaking(Choice(Language.RU)):
        assert link("/bills/1", refresh="off") == "/bills/1?refresh=off"


def test_a_link_drops_a_part_that_is_none_and_escapes_the_rest():
    with speaking(Choice()):
        assert link("/staff?a=1&b=2", a=None, q="ў&") == "/staff?b=2&q=%D1%9E%26"


def test_a_name_falls_back_from_cyrillic_to_latin_letters():
    names = {"uz": "Soliq", "ru": "Налог"}
    assert pick(names, Language.UZ_CYRL) == "Солиқ"
    assert pick(names, Language.EN) == "Soliq"
    assert pick({"en": "Tax"}, Language.RU) == "Tax"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (1, "1 расхождение ждёт решения"),
        (2, "2 расхождения ждут решения"),
        (5, "5 расхождений ждут решения"),
        (11, "11 расхождений ждут решения"),
        (21, "21 расхождение ждёт решения"),
        (104, "104 расхождения ждут решения"),
    ],
)
def test_russian_counts_in_three_forms(count, shown):
    with speaking(Choice(Language.RU)):
        words = ngettext("%(num)s difference to resolve", "%(num)s differences to resolve", count)
    assert words % {"num": count} == shown


def test_english_counts_in_two_forms():
    with speaking(Choice(Language.EN)):
        assert ngettext("%(num)s day", "%(num)s days", 1) == "%(num)s day"
        assert ngettext("%(num)s day", "%(num)s days", 2) == "%(num)s days"


def test_a_sentence_that_no_catalog_has_is_known_as_such():
    with speaking(Choice(Language.RU)):
        assert translated("Nobody ever wrote this.") is None
        assert translated("This bill is already paid.") == "Этот счёт уже оплачен."
        assert gettext("Nobody ever wrote this.") == "Nobody ever wrote this."

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.transliteration import stems, straighten, to_cyrillic


@pytest.mark.parametrize(
    ("latin", "cyrillic"),
    [
        ("toʻlov muddati", "тўлов муддати"),
        ("hisob-varaq", "ҳисоб-варақ"),
        ("kvitansiya", "квитанция"),
        ("yigʻim", "йиғим"),
        ("eʼlon", "эълон"),
        ("isteʼmol meʼyori", "истеъмол меъёри"),
        ("elektr energiyasi", "электр энергияси"),
        ("muddati oʻtgan", "муддати ўтган"),
        ("Gʻaznachilik", "Ғазначилик"),
        ("bayonnoma", "баённома"),
        ("buxgalteriya daftari", "бухгалтерия дафтари"),
        ("schyot", "счёт"),
        ("JSHSHIR", "ЖШШИР"),
        ("toʻgʻridan-toʻgʻri", "тўғридан-тўғри"),
        ("zaxira gʻolibi", "захира ғолиби"),
    ],
)
def test_the_words_of_the_glossary_come_out_as_it_writes_them(latin, cyrillic):
    assert to_cyrillic(latin) == cyrillic


@pytest.mark.parametrize(
    ("latin", "cyrillic"),
    [
        ("yoʻq", "йўқ"),
        ("Yoʻl", "Йўл"),
        ("yopish", "ёпиш"),
        ("Isʼhoq", "Исҳоқ"),
        ("aeroport", "аэропорт"),
        ("SHOSHILINCH", "ШОШИЛИНЧ"),
        ("Yashil", "Яшил"),
    ],
)
def test_letters_that_depend_on_their_neighbours(latin, cyrillic):
    assert to_cyrillic(latin) == cyrillic


def test_ts_is_one_letter_in_loan_words_and_two_where_a_suffix_begins():
    assert to_cyrillic("operatsiya") == "операция"
    assert to_cyrillic("protsent") == "процент"
    assert to_cyrillic("koʻrsatsa") == "кўрсатса"
    assert to_cyrillic("aytsin") == "айтсин"


def test_a_soft_sign_stands_at_the_end_of_a_stem_and_goes_before_a_suffix():
    assert to_cyrillic("aprel") == "апрель"
    assert to_cyrillic("apreldagi") == "апрелдаги"
    assert to_cyrillic("filtrga") == "фильтрга"


def test_placeholders_markup_and_names_stay_as_they_are():
    assert to_cyrillic("Toʻlash: %(amount)s") == "Тўлаш: %(amount)s"
    assert to_cyrillic("<b>Stripe</b> orqali {name}") == "<b>Stripe</b> орқали {name}"
    assert to_cyrillic("camt.053 XML, ISO 20022") == "camt.053 XML, ISO 20022"


def test_every_apostrophe_that_people_type_is_understood():
    assert straighten("to'lov e'lon g`olib o‘zbek ma’no") == "toʻlov eʼlon gʻolib oʻzbek maʼno"
    assert to_cyrillic("to'g'ri ma'lumot") == "тўғри маълумот"


def test_stems_are_listed_once():
    latin = [stem for stem, _ in stems()]
    assert len(set(latin)) == len(latin)


@given(st.text(alphabet="abcdefghijklmnopqrstuvxyzʻʼ -.,ABCDO", max_size=40))
def test_no_letter_of_the_latin_alphabet_is_left(text):
    assert not set(to_cyrillic(text)) & set("abcdefghijklmnopqrstuvxyzABCDOʼ")


@given(st.text(max_size=60))
def test_no_text_breaks_it(text):
    assert isinstance(to_cyrillic(text), str)

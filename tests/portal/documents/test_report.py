import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.documents.csv import as_csv
from portal.documents.report import plain, shortened
from tests.portal.documents.reports import report


@given(st.text(st.characters()))
def test_a_plain_text_is_one_line_that_can_be_written_and_shown(text):
    seen = plain(text)
    assert seen.encode("utf-8", "strict").decode() == seen
    assert all(letter.isprintable() or letter in "\u00a0\u202f" for letter in seen)
    assert plain(seen) == seen


@pytest.mark.parametrize(
    "text", ["Oʻzbekiston: maʼno", "ЎҚҒҲ ўқғҳ № 5", "1\u00a0250\u202f000,00", "=A1", "中文 😀"]
)
def test_what_people_write_stays_as_it_is(text):
    assert plain(text) == text


def test_a_text_cut_short_says_so():
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 6) == "abcde…"


def test_a_row_with_a_cell_too_few_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="2 cells for 3 columns"):
        list(as_csv(report([("a", "b")])))

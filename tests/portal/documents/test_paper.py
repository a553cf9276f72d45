import json

import pytest
import typst
from hypothesis import given
from hypothesis import strategies as st

from portal.documents import paper
from portal.documents.paper import LETTERS, breakable, paper_for, widest_word, width_of

MEASURED = """
#set text(font: "Libertinus Serif", size: 100pt, number-width: "tabular", weight: sys.inputs.weight)
#context [#metadata(sys.inputs.letters.clusters().map(it => measure(it).width / 100pt)) <widths>]
"""


@pytest.mark.parametrize("weight", ["regular", "bold"])
def test_no_letter_is_wider_than_it_is_taken_for(weight):
    letters = "".join(letter for letter in LETTERS if letter != paper.ZERO_WIDTH_SPACE)
    letters += "ABCDGKNOQRTUVXАБДКЛОСТУФХЧЯЎӘӨҢ&"
    found = typst.query(
        MEASURED.encode(),
        "<widths>",
        field="value",
        one=True,
        ignore_system_fonts=True,
        sys_inputs={"letters": letters, "weight": weight},
    )
    widths = dict(zip(letters, json.loads(found), strict=True))
    assert {letter for letter, width in widths.items() if width > width_of(letter)} == set()


@given(
    st.integers(1, 14).flatmap(
        lambda columns: st.lists(
            st.lists(st.text("aШ1 .\u00a0\u200b", max_size=80), min_size=columns, max_size=columns),
            min_size=1,
            max_size=5,
        )
    )
)
def test_columns_fill_the_page_and_each_holds_its_widest_word(rows):
    chosen = paper_for(rows[0], rows)
    room = (
        paper.LANDSCAPE_POINTS if chosen.landscape else paper.PORTRAIT_POINTS
    ) / chosen.size_points
    assert sum(chosen.widths) == pytest.approx(room)
    assert chosen.size_points <= paper.SIZE_POINTS
    for row in rows:
        for cell, width in zip(row, chosen.widths, strict=True):
            widest = widest_word(cell)
            assert width >= widest + paper.PADDING - 1e-6


def test_an_account_number_stays_whole_and_an_endless_word_does_not():
    assert breakable("20208000505703819001") == "20208000505703819001"
    assert widest_word(breakable("Ш" * 500)) < paper.LONGEST_WORD

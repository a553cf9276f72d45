from lxml import etree

from portal.charts import WIDTH, Level, columns, flow, length


def draw(*sizes: int) -> etree._Element:
    levels = [Level(f"<level {size}>", str(size), size) for size in sizes]
    return etree.fromstring(str(flow("flow", "Way & means", "From left to right.", levels)))


def test_the_largest_fills_the_width_and_the_smallest_is_still_seen():
    assert length(0, 10) == 0
    assert length(1, 10**18) == 2
    assert length(10**18, 10**18) == WIDTH


def test_a_picture_of_nothing_is_still_a_picture():
    picture = draw(0, 0, 0)
    assert [bar.get("width") for bar in picture.iter("{*}rect")] == ["0", "0", "0"]


def test_what_has_not_come_through_is_drawn_as_an_outline():
    solid, waiting = (
        draw(100, 50).findall("rect[@fill='#0a5a63']"),
        draw(100, 50).findall("rect[@stroke]"),
    )
    assert [bar.get("width") for bar in solid] == ["340", "170"]
    assert [bar.get("width") for bar in waiting] == ["168"]


def test_a_picture_has_a_title_a_description_and_escaped_words():
    picture = draw(5)
    assert picture.findtext("title") == "Way & means"
    assert picture.findtext("desc") == "From left to right."
    assert picture.find("text").text == "<level 5>"
    assert picture.get("aria-labelledby") == "flow-title flow-desc"


def draw_columns(*levels: Level) -> etree._Element:
    return etree.fromstring(str(columns("proofs", "Proofs", "Oldest first.", levels)))


def test_columns_are_as_high_as_their_figures_and_the_largest_is_written():
    picture = draw_columns(Level("first", "1", 1), Level("", "40", 40), Level("last", "20", 20))
    bars = picture.findall("rect")
    assert [bar.get("height") for bar in bars] == ["2", "96", "48"]
    assert [text.text for text in picture.findall("text")] == ["40", "first", "last"]
    assert [int(bar.get("y")) + int(bar.get("height")) for bar in bars] == [120] * 3


def test_a_column_that_is_not_sound_has_a_shape_of_its_own():
    sound, broken = draw_columns(Level("a", "1", 1), Level("b", "2", 2, sound=False)).findall(
        "rect"
    )
    assert (sound.get("stroke"), broken.get("stroke")) == (None, "#b3261e")


def test_columns_of_nothing_are_still_a_picture():
    assert draw_columns().findall("rect") == []
    assert [bar.get("height") for bar in draw_columns(Level("a", "0", 0)).findall("rect")] == ["0"]

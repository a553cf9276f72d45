from lxml import etree

from portal.charts import WIDTH, Level, flow, length


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

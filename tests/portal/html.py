"""Reading pages strictly: what a browser would forgive, a test does not."""

from html.parser import HTMLParser

from lxml import html

VOID = {"br", "hr", "img", "input", "link", "meta"}
EMPTY_IN_SVG = {"path", "rect", "polygon"}


class Strict(HTMLParser):
    """Fails on a tag that is closed wrongly, an attribute twice, or a document that stays open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> has an attribute twice"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert attrs, f"<{tag}/> says nothing"
        assert tag in EMPTY_IN_SVG | VOID, f"<{tag}/> is not an empty element"

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()


def read(page: str) -> html.HtmlElement:
    """The page as a tree, after a strict reading."""
    reader = Strict()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return html.document_fromstring(page)


def texts(tree: html.HtmlElement) -> list[str]:
    """Every piece of text on the page, and the attributes that are read aloud."""
    found = tree.xpath("//body//text() | //@aria-label | //@data-label | //title/text()")
    return [" ".join(text.split()) for text in found if text.strip()]

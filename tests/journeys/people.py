"""Those who use the town: they see pages, type into forms and follow links, and nothing else."""

import re
import time
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

import httpx2
from lxml.html import HtmlElement

from payments.bills import Bill
from service.demo.town_hall import TownHall
from tests.portal.html import read

PATIENCE_SECONDS = 20
CHECKING = "We are checking your payment"
SAFE = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
STRICT = {
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
RECEIPT = re.compile(r"\b\d{4}-\d{4}-\d{7}\b")


@dataclass(frozen=True)
class Page:
    """A page that came over the wire, read strictly."""

    answer: httpx2.Response

    @property
    def status(self) -> int:
        return self.answer.status_code

    @cached_property
    def tree(self) -> HtmlElement:
        return read(self.answer.text)

    @property
    def heading(self) -> str:
        return plain(self.tree.xpath("string(//main//h1)"))

    @property
    def text(self) -> str:
        return plain(self.tree.xpath("string(//main)"))

    @property
    def facts(self) -> dict[str, str]:
        """The names and values of its summary."""
        return {
            plain(row.xpath("string(dt)")): plain(row.xpath("string(dd)"))
            for row in self.tree.xpath("//dl[@class='facts']/div")
        }

    @property
    def receipt(self) -> str:
        found = RECEIPT.search(self.text)
        return found.group() if found else ""

    def mistake(self, field: str) -> str:
        return plain(self.tree.xpath(f"string(//*[@id='{field}-mistake'])"))

    def address(self, words: str) -> str:
        """Where the link, or the form of the button, with these words leads."""
        links = self.tree.xpath("//a[normalize-space()=$words]/@href", words=words)
        forms = self.tree.xpath("//form[.//button[normalize-space()=$words]]/@action", words=words)
        return str([*links, *forms][0])


def plain(text: str) -> str:
    return " ".join(str(text).split())


class Visitor:
    """A browser: cookies, a language, no script."""

    def __init__(self, base_url: str, language: str = "en") -> None:
        headers = {"Accept-Language": language, "User-Agent": "journey"}
        self.http = httpx2.Client(base_url=base_url, headers=headers, timeout=15)

    def close(self) -> None:
        self.http.close()

    def open(self, address: str) -> Page:
        return Page(self.http.get(address))

    def send(self, address: str, **data: str) -> Page:
        return Page(self.http.post(address, data=data))

    def follow(self, page: Page) -> Page:
        """To where a redirect leads."""
        assert page.status == 303, page.answer.text
        return self.open(page.answer.headers["location"])


class Citizen(Visitor):
    """Somebody with a bill, and with an eye on what every page of ours owes a citizen."""

    def __init__(self, base_url: str, language: str = "en") -> None:
        super().__init__(base_url, language)
        self.http.event_hooks = {"response": [self._look]}

    def _look(self, answer: httpx2.Response) -> None:
        assert "set-cookie" not in answer.headers
        ours = answer.request.url.netloc == self.http.base_url.netloc
        if ours and answer.headers.get("content-type", "").startswith("text/html"):
            assert SAFE.items() <= dict(answer.headers).items()
            assert set(answer.headers["content-security-policy"].split("; ")) >= STRICT

    def start(self, bill: Bill, provider: str = "stripe", language: str = "") -> str:
        """From the bill's page to the provider's: its address."""
        query = f"?lang={language}" if language else ""
        sent = self.send(f"/bills/{bill.reference}/payments{query}", provider=provider)
        assert sent.status == 303, sent.answer.text
        return str(sent.answer.headers["location"])

    def choose(self, provider_page: str, outcome: str = "pay", behaviour: str = "") -> Page:
        """Press the button on the provider's page."""
        choice = {"outcome": outcome} | ({"behaviour": behaviour} if behaviour else {})
        return self.send(provider_page, **choice)

    def pay(self, bill: Bill, provider: str = "stripe", behaviour: str = "") -> str:
        """All of it; returns the address of the payment's page."""
        paid = self.choose(self.start(bill, provider), behaviour=behaviour)
        assert paid.status == 303, paid.answer.text
        return path_of(paid.answer.headers["location"])

    def outcome(self, payment: str, patience_seconds: int = PATIENCE_SECONDS) -> Page:
        """Wait on the page of the payment until it says how it ended."""
        give_up = time.monotonic() + patience_seconds
        while (page := self.open(payment)).heading == CHECKING and time.monotonic() < give_up:
            time.sleep(0.1)
        return page


class Officer(Visitor):
    """A member of the town's staff."""

    def __init__(self, town: TownHall, login: str, password: str = "") -> None:
        super().__init__(town.settings.base_url)
        known = {one.login: one.password for one in town.town.staff}
        self.login, self.password = login, password or known[login]

    def sign_in(self) -> Page:
        signed = self.send("/staff/sessions", login=self.login, password=self.password)
        assert signed.status == 303, signed.answer.text
        return signed

    def upload(self, name: str, content: bytes) -> Page:
        files = {"file": (name, content, "application/xml")}
        return Page(self.http.post("/staff/statements", files=files))


def path_of(url: str) -> str:
    """An address without its host."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path

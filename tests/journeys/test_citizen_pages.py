"""The citizen's pages of the running town: light on the wire, in four languages, without a leak."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from foundation.clock import now
from portal.languages import Choice, Language, speaking, translated
from tests.journeys.people import Page, path_of
from tests.portal.html import texts
from tests.portal.messages import written

pytestmark = pytest.mark.xdist_group("town")

MOST_BYTES, MOST_REQUESTS = 14 * 1024, 3
LONG_AGO = timedelta(days=40)
BROWSER = {"Accept-Encoding": "gzip, deflate", "Accept": "text/html,*/*;q=0.8"}


@pytest.fixture
def every_page(citizen, new_bill):
    """The addresses of a citizen's pages in every state."""
    waiting = citizen.start(new_bill())
    left = path_of(citizen.choose(waiting, "cancel").answer.headers["location"])
    given_up = citizen.follow(citizen.send(f"{left.partition('?')[0]}/cancellation"))
    paid = new_bill()
    receipt = citizen.pay(paid)
    citizen.outcome(receipt)
    return {
        "start": "/",
        "open": f"/bills/{new_bill().reference}",
        "paid": f"/bills/{paid.reference}",
        "expired": f"/bills/{new_bill(at=now() - LONG_AGO).reference}",
        "receipt": receipt,
        "cancelled": path_of(str(given_up.answer.url)),
        "checking": path_of(
            citizen.choose(citizen.start(new_bill()), "cancel").answer.headers["location"]
        ),
        "nowhere": "/nowhere",
    }


def test_every_page_speaks_four_languages_and_the_switch_stays_on_it(citizen, every_page):
    english = {str(one.id) for one in written() if isinstance(one.id, str)}
    for address in every_page.values():
        path = address.partition("?")[0]
        page = citizen.open(path)
        switch = {
            link.get("hreflang"): link.get("href")
            for link in page.tree.xpath("//nav//a[@hreflang]")
        }
        assert list(switch) == [str(language) for language in Language]
        for language in Language:
            parts = urlsplit(switch[language])
            assert (parts.path, parse_qs(parts.query)["lang"]) == (path, [language])
            told = citizen.open(switch[language])
            assert told.status == page.status
            assert told.tree.get("lang") == told.answer.headers["content-language"] == language
            assert leaks(told, language, english) == []


def leaks(page, language, english):
    """English sentences on a page of another language."""
    if language is Language.EN:
        return []
    with speaking(Choice(language)):
        return [
            words for words in texts(page.tree) if words in english and translated(words) != words
        ]


def test_the_chosen_language_goes_with_the_payer_to_the_provider_and_back(citizen, new_bill):
    bill = new_bill()
    page = citizen.open(f"/bills/{bill.reference}?lang=ru")
    start = page.tree.xpath("//form[.//input[@name='provider']]/@action")[0]
    provider_page = citizen.send(start, provider="stripe").answer.headers["location"]
    assert citizen.open(provider_page).tree.get("lang") == "ru"
    back = citizen.follow(citizen.choose(provider_page))
    assert back.tree.get("lang") == "ru"


@pytest.mark.parametrize("language", Language)
def test_a_page_is_light_on_the_wire(town, every_page, language, record_property):
    for name, address in every_page.items():
        with httpx2.Client(base_url=town.settings.base_url, headers=BROWSER) as browser:
            answers = [browser.get(address.partition("?")[0], params={"lang": language})]
            tree = Page(answers[0]).tree
            wanted = tree.xpath(
                "//link[@rel='stylesheet' or @rel='icon']/@href | //img/@src | //script/@src"
            )
            answers += [browser.get(url) for url in wanted if not url.startswith("data:")]
        wire = sum(head_bytes(answer) + answer.num_bytes_downloaded for answer in answers)
        record_property(f"{name} {language}", wire)
        assert len(answers) <= MOST_REQUESTS
        assert wire <= MOST_BYTES, (name, wire)


def head_bytes(answer):
    return sum(len(name) + len(value) + 4 for name, value in answer.headers.raw) + 19


def test_a_page_comes_again_from_the_cache_almost_for_nothing(citizen, new_bill):
    css = citizen.open("/").tree.xpath("//link[@rel='stylesheet']/@href")[0]
    answer = citizen.http.get(css)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"

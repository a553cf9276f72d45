"""The pages in a real browser: no accessibility violation, no sideways scroll, light, keyboard first."""

import shutil
import threading
import time
from collections.abc import Iterator
from itertools import cycle

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, sync_playwright

from portal.languages import Language
from tests.portal.samples import SAMPLES
from tests.portal.show import make_app

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NARROWEST, PHONE, DESK = 320, 360, 1280
PAY_PAGE_BYTES, PAY_PAGE_REQUESTS = 14 * 1024, 3

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(make_app(), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(browser: Browser) -> Iterator[dict[int, Page]]:
    """One page for each width, used again and again."""
    opened = {
        width: browser.new_page(viewport={"width": width, "height": 740})
        for width in (NARROWEST, PHONE, DESK)
    }
    yield opened
    for page in opened.values():
        page.close()


def width_of(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth")


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize(("name", "language"), list(zip(SAMPLES, cycle(Language), strict=False)))
def test_axe_finds_no_violation(pages, address, name, language, width):
    page = pages[width]
    page.goto(f"{address}/show/{name}?lang={language}")
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_no_page_scrolls_sideways_on_the_narrowest_screen(pages, address, name):
    page = pages[NARROWEST]
    for language in Language:
        page.goto(f"{address}/show/{name}?lang={language}")
        assert width_of(page) <= NARROWEST, language


@pytest.mark.parametrize("width", [PHONE, 640, 1024])
@pytest.mark.parametrize("name", [name for name in SAMPLES if name.startswith("staff-")])
def test_no_table_scrolls_sideways_where_the_layout_changes(pages, address, name, width):
    page = pages[DESK]
    page.goto(f"{address}/show/{name}?lang=ru")
    page.set_viewport_size({"width": width, "height": 740})
    found = width_of(page)
    page.set_viewport_size({"width": DESK, "height": 740})
    assert found <= width


@pytest.mark.parametrize("name", ["bill-open", "receipt", "staff-home", "staff-account"])
def test_wider_spacing_of_text_breaks_nothing(pages, address, name):
    """WCAG 2.2, 1.4.12: readers may widen lines, letters and words by these measures."""
    page = pages[NARROWEST]
    page.goto(f"{address}/show/{name}?lang=ru")
    page.evaluate(
        """() => {
          const wide = new CSSStyleSheet();
          wide.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important;
                                word-spacing: .16em !important }`);
          document.adoptedStyleSheets = [wide];
        }"""
    )
    assert width_of(page) <= NARROWEST


@pytest.mark.parametrize("language", Language)
def test_the_pay_page_is_three_requests_and_fourteen_kilobytes_at_most(browser, address, language):
    page = browser.new_page(viewport={"width": PHONE, "height": 740})
    fetched = []

    def note(request: Request) -> None:
        if not request.url.startswith("data:"):
            fetched.append(request)

    page.on("requestfinished", note)
    page.goto(f"{address}/show/bill-open?lang={language}", wait_until="networkidle")
    sizes = [request.sizes() for request in fetched]
    wire = sum(size["responseHeadersSize"] + size["responseBodySize"] for size in sizes)
    page.close()
    assert len(fetched) <= PAY_PAGE_REQUESTS
    assert wire <= PAY_PAGE_BYTES


def test_the_first_key_offers_to_skip_to_the_content(pages, address):
    page = pages[PHONE]
    page.goto(f"{address}/show/bill-open?lang=en")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "back"


def test_every_stop_of_the_keyboard_can_be_seen(pages, address):
    page = pages[PHONE]
    page.goto(f"{address}/show/bill-open?lang=en")
    stops = 0
    while True:
        page.keyboard.press("Tab")
        stop = page.evaluate(
            """() => {
              const element = document.activeElement;
              if (element === document.body) return null;
              const style = getComputedStyle(element), box = element.getBoundingClientRect();
              return { seen: box.bottom > 0 && box.top < innerHeight,
                       marked: style.outlineStyle !== 'none' || style.boxShadow !== 'none' };
            }"""
        )
        if stop is None:
            break
        assert stop == {"seen": True, "marked": True}
        stops += 1
    assert stops == 9  # skip, brand, four languages, back, the chosen way to pay, pay


def test_a_page_with_mistakes_starts_at_their_summary_and_leads_to_the_field(pages, address):
    page = pages[PHONE]
    page.goto(f"{address}/show/start-mistyped?lang=en")
    assert page.evaluate("document.activeElement.className") == "error-summary"
    page.click(".error-summary a")
    assert page.evaluate("document.activeElement.id") == "reference"


def test_the_circle_and_the_whole_card_of_a_choice_answer_to_a_finger(pages, address):
    page = pages[PHONE]
    page.goto(f"{address}/show/bill-no-choice?lang=uz")
    page.click("text=Stripe")
    assert page.is_checked("input[value=stripe]")
    page.check("input[value=payme]")
    assert page.is_checked("input[value=payme]")


def test_the_text_of_a_picture_is_at_least_12_pixels_on_a_phone(pages, address):
    page = pages[PHONE]
    page.goto(f"{address}/show/staff-home?lang=ru")
    assert page.evaluate("document.querySelector('.chart').getScreenCTM().a * 14") >= 12


def test_a_receipt_prints_without_its_frame(pages, address):
    page = pages[DESK]
    page.goto(f"{address}/show/receipt?lang=en")
    page.emulate_media(media="print")
    hidden = [not page.is_visible(part) for part in (".languages", "footer", ".skip")]
    shown = [page.is_visible(part) for part in (".panel", ".facts", ".thread")]
    page.emulate_media(media="screen")
    assert hidden == [True] * 3
    assert shown == [True] * 3

import shutil
from itertools import pairwise, product

import pytest
from lxml import html

from payments.gateways.sandbox.scenarios import Conduct, Outcome, PaymeConduct
from payments.gateways.sandbox.texts import LANGUAGES, TEXTS, language_of
from tests.payments.gateways.conftest import World, order
from tests.payments.gateways.test_sandbox_payme import link

CHROMIUM = shutil.which("chromium")


def test_every_text_is_there_in_every_language():
    assert all(list(texts) == list(TEXTS["en"]) for texts in TEXTS.values())
    options = {*Outcome, *Conduct, *PaymeConduct}
    assert options <= set(TEXTS["en"])
    assert all(texts[name].strip() for texts, name in product(TEXTS.values(), TEXTS["en"]))


@pytest.mark.parametrize(
    ("wishes", "accepts", "language"),
    [
        (("auto", None), "de, en-GB;q=0.8", "en"),
        (("auto", "uz"), "ru", "uz"),
        (("xx",), None, "uz"),
        ((None, "ru"), "en", "ru"),
    ],
)
def test_the_language_is_the_first_wish_that_is_spoken(wishes, accepts, language):
    assert language_of(*wishes, accepts=accepts) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pay_page_speaks_the_payers_language_and_asks_for_no_card(sdk, browser, language):
    told = order(50_003, locale="auto", metadata={"language": language})
    session = sdk.v1.checkout.sessions.create(told)
    answer = browser.get(f"/c/pay/{session.id}")
    page = html.fromstring(answer.content)

    assert page.get("lang") == language
    assert [heading.text for heading in page.iter("h1")] == [
        TEXTS[language]["pay_question"].format(
            amount="500,03\N{NO-BREAK SPACE}UZS"
            if language != "en"
            else "500.03\N{NO-BREAK SPACE}UZS"
        )
    ]
    assert TEXTS[language]["banner"] in page.text_content()
    assert {field.get("type") for field in page.iter("input")} == {"radio"}
    assert all(page.get_element_by_id(label.get("for")) is not None for label in page.iter("label"))
    checked = [
        field.get("value") for field in page.iter("input") if field.get("checked") is not None
    ]
    assert checked == ["pay", "duplicates"]
    assert list(page.iter("script")) == []


def test_what_the_shop_sends_is_shown_as_text_and_never_as_markup(sdk, browser):
    hostile = "<script>alert(1)</script>\"'&"
    told = order()
    told["line_items"][0]["price_data"]["product_data"]["name"] = hostile
    session = sdk.v1.checkout.sessions.create({**told, "client_reference_id": hostile})
    pages = browser.get(f"/c/pay/{session.id}"), browser.get("/")
    for answer in pages:
        assert "<script" not in answer.text
        assert hostile in html.fromstring(answer.content).text_content()


def test_pages_allow_nothing_but_their_own_style_and_the_way_back(sdk, browser):
    session = sdk.v1.checkout.sessions.create(order())
    answer = browser.get(f"/c/pay/{session.id}")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert policy.endswith("form-action 'self' http://shop.test")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_a_page_that_does_not_exist_says_so(browser):
    answer = browser.get("/c/pay/cs_test_none", headers={"Accept-Language": "en"})
    assert answer.status_code == 404
    assert "There is no such payment page" in answer.text


def test_the_front_page_lists_open_sessions_and_files(sdk, browser):
    session = sdk.v1.checkout.sessions.create(order())
    browser.post(link())
    browser.post("/settlement", json={})
    statement = browser.post("/bank/statements", json={}).json()
    page = html.fromstring(browser.get("/").content)
    links = [anchor.get("href") for anchor in page.iter("a")]
    assert links[0] == session.url
    assert f"/bank/statements/{statement['id']}.xml" in links
    assert any(address.endswith(".csv") for address in links)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_no_page_has_an_accessibility_fault_or_scrolls_sideways(world: World, sdk, browser):
    playwright = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    session = sdk.v1.checkout.sessions.create(order(50_001))
    browser.post("/settlement", json={})
    browser.post("/bank/statements", json={})
    pages = ["/", f"/c/pay/{session.id}?lang=uz", f"{link()}?lang=en", "/c/pay/none?lang=ru"]
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width, address in product((360, 1280), pages):
            view = chromium.new_page(viewport={"width": width, "height": 800})
            complaints = []
            view.on("console", lambda message, kept=complaints: kept.append(message.text))
            view.goto(world.url + address)
            results = axe.run(view)
            assert results.violations_count == 0, results.generate_report()
            assert view.evaluate("document.documentElement.scrollWidth") <= width
            assert _headings_in_order(view.content())
            assert [one for one in complaints if "404" not in one] == []
            view.close()
        chromium.close()


def _headings_in_order(content):
    levels = [int(node.tag[1]) for node in html.fromstring(content).iter("h1", "h2", "h3")]
    return levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_person_without_javascript_pays_by_keyboard_and_lands_at_the_shop(
    world: World, sdk, browser
):
    playwright = pytest.importorskip("playwright.sync_api")
    back = f"{world.shop_url}/back?session={{CHECKOUT_SESSION_ID}}"
    session = sdk.v1.checkout.sessions.create(order(success_url=back))
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        view = chromium.new_context(java_script_enabled=False).new_page()
        view.goto(str(session.url))
        view.get_by_role("button").press("Enter")
        view.wait_for_url(back.replace("{CHECKOUT_SESSION_ID}", session.id))
        chromium.close()
    assert sdk.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"

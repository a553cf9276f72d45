"""The journeys in a real browser on a phone: no script, no mouse, no violation, no sideways scroll."""

import re
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.portal.test_browser import ARGUMENTS, CHROMIUM, PHONE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("town"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH"),
]

MOST_STOPS = 60  # of the Tab key, on the longest page
PATIENCE_MILLISECONDS = 15_000


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


class Hands:
    """A person with a keyboard and a small screen; every page on the way is looked at again."""

    def __init__(self, page: Page, seen: list[str]) -> None:
        self.page, self.seen = page, seen

    def go(self, address: str) -> None:
        self.page.goto(address)
        self.look()

    def look(self) -> None:
        """No page may be wider than the screen."""
        assert self.page.evaluate("document.documentElement.scrollWidth") <= PHONE, self.page.url
        self.seen.append(self.page.url)

    def reach(self, selector: str) -> None:
        """Press Tab until this has the focus."""
        for _ in range(MOST_STOPS):
            if self.page.locator(f"{selector}:focus").count():
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {selector} on {self.page.url}")

    def fill(self, selector: str, text: str) -> None:
        self.reach(selector)
        self.page.keyboard.type(text)

    def press(self, selector: str, key: str = "Enter") -> None:
        """Follow a link or push a button, and look at where it led."""
        self.reach(selector)
        with self.page.expect_navigation():
            self.page.keyboard.press(key)
        self.look()


@contextmanager
def phone(browser: Browser, base_url: str):
    """A phone without scripts; what it saw is then read by axe, which needs them."""
    seen: list[str] = []
    plain = browser.new_context(
        java_script_enabled=False,
        viewport={"width": PHONE, "height": 740},
        base_url=base_url,
        locale="en",
    )
    plain.set_default_timeout(PATIENCE_MILLISECONDS)
    yield Hands(plain.new_page(), seen)
    with_script = browser.new_context(
        viewport={"width": PHONE, "height": 740}, storage_state=plain.storage_state(), locale="en"
    )
    page = with_script.new_page()
    for address in dict.fromkeys(seen):
        page.goto(address)
        found = Axe().run(page).response["violations"]
        told = [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]
        assert told == [], address
    plain.close()
    with_script.close()


def test_a_bill_is_found_and_paid_with_a_keyboard_and_no_script(browser, town, new_bill):
    bill = new_bill()
    with phone(browser, town.settings.base_url) as hands:
        page = hands.page
        hands.go("/")
        hands.fill("#reference", bill.reference)
        hands.press("#reference")
        expect(page.get_by_role("heading", level=1)).to_have_text("Check your bill")
        hands.reach("input[name=provider]")
        while page.locator("input[value=stripe]:checked").count() == 0:
            page.keyboard.press("ArrowDown")
        hands.press("main form button")
        assert page.url.startswith(town.settings.sandbox_url)
        hands.press("button[type=submit]")
        expect(page.get_by_role("heading", level=1)).to_have_text("Paid")  # it refreshes by itself
        expect(page.locator("main")).to_contain_text(re.compile(r"2020-\d{4}-\d{7}"))
        hands.look()
        hands.press('main a:has-text("Pay another bill")')
        expect(page.get_by_role("heading", level=1)).to_have_text("Pay a bill or fee")


def test_an_officer_signs_in_reconciles_and_signs_out_with_a_keyboard(browser, town):
    officer = next(one for one in town.town.staff if one.login == "finance")
    with phone(browser, town.settings.base_url) as hands:
        page, heading = hands.page, hands.page.get_by_role("heading", level=1)
        hands.go("/staff")
        hands.fill("#login", officer.login)
        hands.fill("#password", officer.password)
        hands.press("#password")
        expect(heading).to_have_text("What needs you today")
        for section in ("breaks", "jobs", "bills", "reconciliation"):
            hands.press(f"nav a[href='/staff/{section}']")
        expect(heading).to_have_text("Reconciliation")
        hands.press("form[action$='/runs'] button")
        expect(page.locator("main")).to_contain_text("Proof of the books")
        expect(page.locator("main")).not_to_contain_text("Differs")
        hands.press("nav a[href*='trial-balance']")
        expect(heading).to_have_text("Trial balance")


def test_signing_out_with_a_keyboard(browser, town):
    officer = next(one for one in town.town.staff if one.login == "clerk")
    with phone(browser, town.settings.base_url) as hands:
        hands.go("/staff/sign-in")
        hands.fill("#login", officer.login)
        hands.fill("#password", officer.password)
        hands.press("#password")
        expect(hands.page.get_by_role("heading", level=1)).to_have_text("Bills")
        hands.press("form[action='/staff/sessions/end'] button")
        expect(hands.page.locator("main")).to_contain_text("You have signed out")

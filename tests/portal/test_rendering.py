import gzip

import pytest
from fastapi import FastAPI
from jinja2 import UndefinedError
from lxml import html
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from portal import assets
from portal.forms import Mistake
from portal.languages import Language
from portal.pages.payments import STEPS
from portal.pages.start import StartPage
from portal.rendering import environment, redirect, render
from tests.portal.samples import build
from tests.portal.show import make_app

PAY_PAGE_BYTES = 14 * 1024
STAFF_PAGE_BYTES = 60 * 1024


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = make_app()

    def post_bill(request: Request) -> Response:
        view = StartPage("123")
        return render(request, "start.html", view, status=422, here="/?reference=123")

    def move(request: Request) -> Response:
        return redirect(request, "/bills/1?x=1")

    def pay(request: Request) -> Response:
        template, view = build("bill-open", Language.UZ)
        return render(request, template, view, submits_to=("https://checkout.example",))

    def wait(request: Request) -> Response:
        template, view = build("checking", Language.UZ)
        return render(request, template, view, refresh_seconds=3)

    def post_only(request: Request) -> Response:
        return render(request, "start.html", StartPage(), status=422)

    app.add_api_route("/post-only", post_only, methods=["POST"], response_model=None)
    for path, endpoint in {"/post": post_bill, "/move": move, "/pay": pay, "/wait": wait}.items():
        app.add_api_route(path, endpoint, response_model=None)
    return TestClient(app, follow_redirects=False)


def test_a_page_lets_nothing_in_from_elsewhere(client):
    policy = client.get("/show/bill-open").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'none'" in policy
    assert "form-action 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_only_the_named_provider_may_be_reached_by_a_form(client):
    policy = client.get("/pay").headers["content-security-policy"]
    assert "form-action 'self' https://checkout.example;" in policy


def test_a_page_is_never_stored_and_its_address_goes_nowhere_else(client):
    headers = client.get("/show/receipt").headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in headers


def test_the_language_comes_from_the_address_before_the_browser(client):
    answer = client.get("/show/start?lang=en", headers={"accept-language": "ru"})
    assert answer.headers["content-language"] == "en"
    assert "Pay a bill or fee" in answer.text


def test_the_language_of_the_browser_is_not_written_into_addresses(client):
    answer = client.get("/show/start", headers={"accept-language": "ru"})
    assert answer.headers["content-language"] == "ru"
    assert 'action="/bills"' in answer.text


def test_an_unknown_language_is_answered_in_uzbek(client):
    assert client.get("/show/start?lang=xx").headers["content-language"] == "uz"


def test_a_posted_page_offers_its_languages_at_an_address_that_can_be_opened(client):
    text = client.get("/post?lang=ru").text
    assert 'href="/?reference=123&amp;lang=en"' in text


def test_a_posted_page_that_names_no_address_offers_the_first_page(client):
    assert 'href="/?lang=en"' in client.post("/post-only?lang=ru").text


def test_the_three_boxes_of_a_date_keep_what_was_typed_and_lead_from_the_summary():
    macros = environment().get_template("macros/forms.html").module
    found = (Mistake("due", "Fill in this field"),)
    boxes = macros.date_input("due", "Due", {"due_day": "31", "due_month": "2"}, mistakes=found)
    tree = html.fragment_fromstring(str(boxes))
    assert tree.xpath("//input/@name") == ["due_day", "due_month", "due_year"]
    assert tree.xpath("//input/@value") == ["31", "2", ""]
    assert tree.xpath("//label/@for") == tree.xpath("//input/@id")
    assert tree.xpath("//input/@id")[0] == "due"
    assert tree.get("aria-describedby") == "due-mistake"


def test_a_redirect_keeps_the_chosen_language(client):
    answer = client.get("/move?lang=uz-Cyrl")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/bills/1?x=1&lang=uz-Cyrl"
    assert client.get("/move").headers["location"] == "/bills/1?x=1"


def test_a_waiting_page_asks_again_by_itself_without_a_script(client):
    assert client.get("/wait").headers["refresh"] == "3"
    assert "refresh" not in client.get("/show/checking").headers


def test_steps_that_are_done_stand_before_the_one_under_way():
    _, view = build("checking", Language.UZ)
    assert view.steps == tuple(zip(STEPS, ("done", "now", "next", "next"), strict=True))


def test_a_value_that_a_template_misses_is_an_error_not_a_gap():
    template = environment().from_string("{{ view.nothing }}")
    with pytest.raises(UndefinedError):
        template.render(view=StartPage())


def test_a_site_without_test_mode_shows_no_banner():
    app = FastAPI()
    app.add_api_route("/", lambda request: render(request, "start.html", StartPage()))
    app.include_router(assets.router)

    def show(request: Request) -> Response:
        return render(request, "start.html", StartPage())

    app.add_api_route("/start", show, response_model=None)
    text = TestClient(app).get("/start?lang=en").text
    assert "TEST" not in text
    assert "Help by phone" not in text


def test_a_file_of_ours_is_named_by_its_content_and_kept_for_ever(client):
    address = assets.asset("mizon.css")
    answer = client.get(address, headers={"accept-encoding": "gzip"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/css")
    plain = client.get(address, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == assets.assets()["mizon.css"].plain


@pytest.mark.parametrize("name", ["mizon.css", "mizon.00000000.css", "..%2frendering.py"])
def test_no_other_name_leads_to_a_file(client, name):
    assert client.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize("language", Language)
def test_the_pay_page_fits_into_one_window_of_the_network(client, language):
    page = gzip.compress(client.get(f"/show/bill-open?lang={language}").content, 6)
    assert len(page) + len(assets.assets()["mizon.css"].gzipped) < PAY_PAGE_BYTES


@pytest.mark.parametrize("language", Language)
def test_a_staff_page_is_light_too(client, language):
    page = client.get(f"/show/staff-reconciliation?lang={language}").content
    assert len(page) + len(assets.assets()["mizon.css"].plain) < STAFF_PAGE_BYTES

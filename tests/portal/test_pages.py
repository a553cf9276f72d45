"""Every page, in every state and language, is whole: well formed, labelled, translated, linked."""

import re
from dataclasses import replace
from functools import cache

import pytest
from lxml import html
from starlette.testclient import TestClient

from portal.assets import STATIC
from portal.languages import Choice, Language, gettext, read_catalog, speaking
from portal.rendering import TEMPLATES
from tests.portal.html import read, texts
from tests.portal.samples import SAMPLES, build, templates_shown
from tests.portal.show import make_app

PAGES = [(name, language) for name in SAMPLES for language in Language]
every_page = pytest.mark.parametrize(("name", "language"), PAGES)


@cache
def client() -> TestClient:
    return TestClient(make_app())


@cache
def body(name: str, language: Language) -> str:
    answer = client().get(f"/show/{name}", params={"lang": language})
    assert answer.status_code == 200
    return answer.text


def page(name: str, language: Language) -> html.HtmlElement:
    return read(body(name, language))


def test_every_template_is_shown_by_some_sample():
    pages = {
        str(path.relative_to(TEMPLATES))
        for path in TEMPLATES.rglob("*.html")
        if path.name != "base.html" and path.parent.name != "macros"
    }
    assert set(templates_shown()) == pages


@every_page
def test_a_page_is_well_formed_has_one_heading_and_says_its_language(name, language):
    tree = page(name, language)
    assert tree.get("lang") == language
    assert len(tree.findall(".//h1")) == 1
    assert len(tree.findall(".//main")) == 1
    assert tree.findtext(".//title").endswith(" – Mizon")


@every_page
def test_headings_go_down_one_step_at_a_time(name, language):
    levels = [
        int(heading.tag[1]) for heading in page(name, language).xpath("//main//h1|//main//h2")
    ]
    assert all(after - before <= 1 for before, after in zip([1, *levels], levels, strict=False))


@every_page
def test_ids_are_unique_and_every_reference_to_one_is_kept(name, language):
    tree = page(name, language)
    ids = tree.xpath("//@id")
    assert len(set(ids)) == len(ids)
    pointed = tree.xpath("//@for | //@aria-describedby | //@aria-labelledby")
    wanted = {name for value in pointed for name in value.split()}
    wanted |= {href[1:] for href in tree.xpath("//a/@href") if href.startswith("#")}
    assert wanted <= set(ids)


@every_page
def test_every_control_has_a_label_and_every_button_a_text(name, language):
    tree = page(name, language)
    labelled = set(tree.xpath("//label/@for"))
    controls = tree.xpath("//input[not(@type='hidden')]/@id | //select/@id | //textarea/@id")
    assert set(controls) <= labelled
    assert len(controls) == len(tree.xpath("//input[not(@type='hidden')] | //select | //textarea"))
    assert all(button.text_content().strip() for button in tree.findall(".//button"))


@every_page
def test_a_page_needs_no_script_and_no_style_of_its_own(name, language):
    tree = page(name, language)
    assert tree.xpath("//script | //style | //@style | //@onclick | //iframe") == []
    assert len(tree.xpath("//link[@rel='stylesheet']")) == 1
    assert tree.xpath("//img | //@srcset | //link[@rel='preload']") == []


@every_page
def test_nothing_on_a_page_is_left_unsaid_or_in_another_language(name, language):
    found = texts(page(name, language))
    for text in found:
        assert not re.search(r"%\(|\bNone\b|Undefined|\{\{|\{%", text), text
    if language is Language.EN:
        return
    with speaking(Choice(language)):
        english = {
            message.id
            for message in read_catalog(Language.RU)
            if isinstance(message.id, str) and gettext(message.id) != message.id
        }
    assert [text for text in found if text in english] == []


@every_page
def test_every_link_and_form_keeps_the_language(name, language):
    tree = page(name, language)
    own = [
        address
        for address in tree.xpath("//main//a/@href | //form/@action | //header//a/@href")
        if address.startswith("/")
    ]
    asked = {form.get("action") for form in tree.xpath("//form[.//input[@name='lang']]")}
    switches = set(tree.xpath("//a[@hreflang]/@href"))
    for address in own:
        assert f"lang={language}" in address or address in asked | switches, address


@every_page
def test_a_page_offers_itself_in_all_four_languages(name, language):
    tree = page(name, language)
    for kind in ("//link[@rel='alternate']", "//nav//a[@hreflang]"):
        offered = {link.get("hreflang"): link.get("href") for link in tree.xpath(kind)}
        assert offered == {other: f"/show/{name}?lang={other}" for other in Language}
    assert tree.xpath("//nav//a[@aria-current='true']/@lang") == [language]


@every_page
def test_a_sum_never_breaks_and_stands_in_its_own_unit(name, language):
    unit = {"uz": "soʻm", "uz-Cyrl": "сўм", "ru": "сум", "en": "UZS"}[language]
    for text in texts(page(name, language)):
        for other in {"soʻm", "сўм", "сум", "UZS"} - {unit}:
            assert f"\N{NO-BREAK SPACE}{other}" not in text


@pytest.mark.parametrize("language", Language)
def test_a_page_that_asks_a_mistake_again_says_so_in_its_title_and_on_top(language):
    tree = page("start-mistyped", language)
    with speaking(Choice(language)):
        error = gettext("Error:")
    assert tree.findtext(".//title").startswith(error)
    summary = tree.xpath("//*[@role='alert']//a")
    assert [link.get("href") for link in summary] == ["#reference"]
    box = tree.get_element_by_id("reference")
    assert box.get("aria-invalid") == "true"
    assert box.get("value") == "1010 0007 0000 0000 0179"


@pytest.mark.parametrize("name", [name for name in SAMPLES if not name.startswith("staff-")])
def test_no_page_says_that_no_money_was_taken(name):
    said = " ".join(texts(page(name, Language.EN))).lower()
    assert "no money was taken" not in said
    assert "no money has been taken" not in said
    assert ("failed" in said) is False


def test_only_an_open_bill_can_be_paid_and_its_button_carries_the_sum():
    def buttons(name):
        found = page(name, Language.RU).xpath("//form[contains(@action, '/payments?')]//button")
        return [" ".join(button.text_content().split()) for button in found]

    assert buttons("bill-open") == ["Оплатить 1 250 000,00 сум"]
    for name in ("bill-paid", "bill-expired", "bill-cancelled", "bill-busy", "checking"):
        assert buttons(name) == []


def test_a_checking_page_can_be_told_to_keep_still():
    assert page("checking", Language.EN).xpath("//a[contains(@href, 'wait=no')]")
    assert not page("checking-still", Language.EN).xpath("//a[contains(@href, 'wait=no')]")


def test_the_stylesheet_has_every_class_that_pages_use_and_no_other():
    rules = re.sub(r"/\*.*?\*/", "", (STATIC / "mizon.css").read_text(), flags=re.DOTALL)
    styled = set(re.findall(r"\.([a-z][a-z0-9-]*)", rules))
    used = {
        name
        for sample in SAMPLES
        for value in page(sample, Language.EN).xpath("//@class")
        for name in value.split()
    }
    boxes_of_a_date = {"boxes", "w4", "w6"}
    assert styled == used - {"staff"} | boxes_of_a_date


def test_text_from_outside_is_always_escaped(monkeypatch):
    template, view = build("bill-open", Language.EN)
    hostile = replace(view, payer="<script>alert(1)</script>")
    monkeypatch.setitem(SAMPLES, "hostile", lambda _: (template, hostile))
    text = client().get("/show/hostile?lang=en").text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text

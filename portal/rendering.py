"""Turn a template and its view into an answer, in the reader's language and with strict headers.

There is one environment for the life of the process; the language stands in a context variable, as an
environment for each request would compile every template again.
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from ledger.money import Money
from portal import charts, formats
from portal.assets import asset
from portal.forms import Mistake
from portal.languages import (
    SPOKEN,
    Language,
    choice_of,
    gettext,
    link,
    ngettext,
    speaking,
    spoken,
    translated,
)
from portal.spelling import in_words
from portal.words import WORDS, tone, word

TEMPLATES = Path(__file__).parent / "templates"

# Origin stays on our own forms (sign of our page to the cross-site check); a payment's address,
# which is a secret, goes to no other site.
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Vary": "Accept-Language",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Site:
    """What every page says about this installation; the app keeps it at `app.state.site`."""

    test_mode: bool = False
    help_phone: str = ""


@dataclass(frozen=True)
class Frame:
    """What the page around a view needs: its language, this page in the others, the site."""

    language: Language
    others: tuple[tuple[Language, str], ...]
    site: Site


def render(
    request: Request,
    template: str,
    view: object,
    *,
    status: int = 200,
    here: str | None = None,
    submits_to: tuple[str, ...] = (),
    refresh_seconds: int | None = None,
) -> HTMLResponse:
    """Answer with a page.

    `here` is the address that shows it again in another language, where that is not the request's
    own (a form that was posted). `submits_to` names the origins its forms may lead to, such as the
    provider's page. `refresh_seconds` lets a waiting page ask again by itself, without a script; it
    is a header, so that a page can leave it out for readers who stop it (WCAG 2.2.1).
    """
    headers = {**HEADERS, "Content-Security-Policy": content_security_policy(submits_to)}
    if refresh_seconds is not None:
        headers["Refresh"] = str(refresh_seconds)
    choice = choice_of(request)
    headers["Content-Language"] = choice.language
    with speaking(choice):
        frame = frame_of(request, choice.language, here or address_of(request))
        body = environment().get_template(template).render(view=view, page=frame)
    return HTMLResponse(body, status, headers)


def redirect(request: Request, address: str) -> RedirectResponse:
    """See other (303): a page of ours, in the language that the reader chose."""
    with speaking(choice_of(request)):
        return RedirectResponse(
            link(address), status_code=303, headers={"Cache-Control": "no-store"}
        )


def content_security_policy(submits_to: tuple[str, ...]) -> str:
    """Our own stylesheet and pictures, our forms and the named providers; no script at all."""
    forms = " ".join(("'self'", *submits_to))
    return (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'none'; "
        f"form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
    )


def frame_of(request: Request, language: Language, here: str) -> Frame:
    """The page's frame; the switch of languages stays on this page with all that it asked."""
    site = getattr(request.app.state, "site", Site())
    return Frame(language, tuple((other, link(here, lang=other)) for other in Language), site)


def address_of(request: Request) -> str:
    """The address that shows the page again; what was posted to cannot be opened, so the first page."""
    if request.method not in {"GET", "HEAD"}:
        return "/"
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


@cache
def environment() -> Environment:
    """The environment of every template: everything escaped, nothing silently missing."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    made.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {
        "asset": asset,
        "charts": charts,
        "keep_language": keep_language,
        "link": link,
        "tone": tone,
        "word": word,
        "words": WORDS,
    }
    made.filters |= {
        "clock": formats.clock,
        "count": lambda number: formats.count(number, spoken()),
        "date": date_tag,
        "figure": lambda amount: formats.figure(amount, spoken()),
        "in_words": lambda amount: in_words(amount, spoken()),
        "moment": moment_tag,
        "money": lambda amount: formats.money(amount, spoken()),
        "reference": formats.reference,
        "say": say,
        "shown": shown,
        "translated": translated,
    }
    return made


def keep_language() -> Markup:
    """The chosen language for a form that asks by GET, whose address a browser writes anew."""
    choice = SPOKEN.get()
    hidden = Markup('<input type="hidden" name="lang" value="{}">')
    return hidden.format(choice.language) if choice.explicit else Markup("")


def date_tag(on: date) -> Markup:
    """A date for people, with the same for machines."""
    return Markup('<time datetime="{}">{}</time>').format(on, formats.day(on, spoken()))


def moment_tag(at: datetime) -> Markup:
    """A date and time in Tashkent for people, with the same for machines."""
    local = formats.in_tashkent(at).isoformat(timespec="seconds")
    return Markup('<time datetime="{}">{}</time>').format(local, formats.moment(at, spoken()))


def say(mistake: Mistake) -> str:
    """A mistake's sentence in the language now spoken, with its facts."""
    return gettext(mistake.sentence) % {name: shown(fact) for name, fact in mistake.facts.items()}


def shown(fact: Any) -> str:  # noqa: ANN401 - a sum, a date or anything that prints
    """A fact as it stands in a sentence."""
    if isinstance(fact, Money):
        return formats.money(fact, spoken())
    if isinstance(fact, datetime):
        return formats.moment(fact, spoken())
    return formats.day(fact, spoken()) if isinstance(fact, date) else str(fact)

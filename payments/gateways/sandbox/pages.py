"""Pages: fill a template, and send it with the headers that every page of the provider carries."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ledger.money import Money
from payments.gateways.sandbox.texts import LANGUAGES, TEXTS, Language

HERE: Final = Path(__file__).parent
STYLE: Final = (HERE / "templates" / "style.css").read_text()
NO_BREAK_SPACE: Final = "\N{NO-BREAK SPACE}"

_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
)


def shown(amount_minor: int, currency: str, language: Language = "en") -> str:
    """The amount as people read it: "50 000.00 UZS", in Uzbek and Russian with a decimal comma."""
    money = Money(amount_minor, currency.upper())
    text = f"{money.decimal:,f}".replace(",", NO_BREAK_SPACE)
    point = "." if language == "en" else ","
    return f"{text.replace('.', point)}{NO_BREAK_SPACE}{money.currency}"


def page(
    template: str,
    *,
    language: Language = "en",
    status: int = 200,
    leads_to: Sequence[str | None] = (),
    **values: object,
) -> HTMLResponse:
    """One page; `leads_to` are the addresses outside to which its form may redirect the browser."""
    text = _templates.get_template(template).render(
        t=TEXTS[language], language=language, languages=LANGUAGES, **values
    )
    headers = {"Content-Security-Policy": _policy(leads_to)}
    return HTMLResponse(text, status_code=status, headers=headers)


def notice(
    name: str,
    *,
    language: Language,
    status: int,
    back: str | None = None,
    detail: str | None = None,
) -> HTMLResponse:
    """A page that says one thing: `name` is its heading's text and, with "_body", its sentence's."""
    return page(
        "notice.html", language=language, status=status, name=name, back=back, detail=detail
    )


def see_other(url: str) -> RedirectResponse:
    """Send the browser on after a form; the form's own page said where to in its `leads_to`."""
    return RedirectResponse(url, status_code=303)


def _policy(leads_to: Sequence[str | None]) -> str:
    # Browsers apply form-action to the redirect that answers the form as well.
    origins = {f"{url.scheme}://{url.netloc}" for url in map(urlsplit, filter(None, leads_to))}
    forms = " ".join(["'self'", *sorted(origins)])
    return (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action {forms}"
    )

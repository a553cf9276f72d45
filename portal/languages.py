"""The four languages: choose one for a request, speak it, keep it in every link.

There is no cookie. A choice travels in the address (`?lang=ru`), and `link` keeps it there; without
a choice the browser's Accept-Language decides, and without that Uzbek. English sentences are the
message ids, so English needs no catalog; Uzbek Cyrillic is derived from Latin, with overrides.
"""

import gettext as catalogs
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.requests import Request

from portal.transliteration import to_cyrillic

LOCALES = Path(__file__).parent / "locales"
DOMAIN = "mizon"
TAGS_READ = 20  # of a hostile Accept-Language


class Language(StrEnum):
    """A language of every page, by its BCP 47 tag."""

    UZ = "uz"
    UZ_CYRL = "uz-Cyrl"
    RU = "ru"
    EN = "en"

    @property
    def own_name(self) -> str:
        """The language's name as its readers write it."""
        return OWN_NAMES[self]


OWN_NAMES = {
    Language.UZ: "Oʻzbekcha",
    Language.UZ_CYRL: "Ўзбекча",
    Language.RU: "Русский",
    Language.EN: "English",
}


@dataclass(frozen=True)
class Choice:
    """The language of a request; `explicit` when the address names it, so that links keep it."""

    language: Language = Language.UZ
    explicit: bool = False


NO_CHOICE = Choice()
SPOKEN: ContextVar[Choice] = ContextVar("spoken", default=NO_CHOICE)


def choice_of(request: Request) -> Choice:
    """The language that the address names, else the best that the browser accepts, else Uzbek."""
    if language := named(request.query_params.get("lang", "")):
        return Choice(language, explicit=True)
    return Choice(negotiate(request.headers.get("accept-language", "")))


def language_of(request: Request) -> Language:
    """The language to answer this request in."""
    return choice_of(request).language


def named(tag: str) -> Language | None:
    """The language of exactly this tag, or None."""
    return next((language for language in Language if language == tag), None)


def negotiate(accept_language: str) -> Language:
    """The best of our languages for an Accept-Language header; Uzbek where none fits.

    Source: RFC 9110, 12.5.4. What cannot be read is passed over.
    """
    best, best_weight = Language.UZ, 0
    for item in accept_language.split(",")[:TAGS_READ]:
        found = re.fullmatch(r"\s*([A-Za-z*-]{1,35})\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", item)
        language = spoken_as(found[1].lower()) if found else None
        if found is None or language is None:
            continue
        whole, _, part = (found[2] or "1").partition(".")
        weight = int(whole) * 1000 + int(part.ljust(3, "0"))
        if weight > best_weight:
            best, best_weight = language, weight
    return best


def spoken_as(tag: str) -> Language | None:
    """Our language for a browser's lower-case tag: "uz-cyrl-uz" is Cyrillic, "ru-by" Russian."""
    primary, *subtags = tag.split("-")
    if primary in {"uz", "*"}:
        return Language.UZ_CYRL if "cyrl" in subtags else Language.UZ
    return named(primary)


@contextmanager
def speaking(choice: Choice) -> Iterator[None]:
    """Within this block `gettext`, `ngettext` and `link` use this choice."""
    token = SPOKEN.set(choice)
    try:
        yield
    finally:
        SPOKEN.reset(token)


def spoken() -> Language:
    """The language now spoken."""
    return SPOKEN.get().language


def msg(message: str) -> str:
    """Mark a sentence for the catalogs where it is written; it is translated where it is read."""
    return message


def gettext(message: str) -> str:
    """The sentence in the language now spoken."""
    return translations(spoken()).gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """The sentence in the form that this count asks for (Russian has three)."""
    return translations(spoken()).ngettext(one, many, count)


def translated(message: str) -> str | None:
    """The sentence in the language now spoken, or None where its catalog does not have it."""
    words = gettext(message)
    return None if words == message and spoken() is not Language.EN else words


def pick(names: Mapping[str, str], language: Language) -> str:
    """The name in this language; Cyrillic falls back to Latin, the rest to any that is there."""
    if name := names.get(language):
        return name
    if language is Language.UZ_CYRL and "uz" in names:
        return to_cyrillic(names["uz"])
    return names.get("uz") or names.get("en") or next(iter(names.values()))


def link(address: str, **query: object) -> str:
    """An address of ours with `query` added (None drops a part) and the chosen language kept."""
    parts = urlsplit(address)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    choice = SPOKEN.get()
    if choice.explicit:
        asked["lang"] = choice.language
    for name, value in query.items():
        asked.pop(name, None)
        if value is not None:
            asked[name] = str(value)
    found = f"{parts.path}?{urlencode(asked)}" if asked else parts.path
    return f"{found}#{parts.fragment}" if parts.fragment else found


@cache
def translations(language: Language) -> catalogs.NullTranslations:
    """The catalog of a language, read once; English is its own catalog."""
    if language is Language.EN:
        return catalogs.NullTranslations()
    catalog = read_catalog(Language.UZ if language is Language.UZ_CYRL else language)
    if language is Language.UZ_CYRL:
        catalog = in_cyrillic(catalog, overrides=read_catalog(Language.UZ_CYRL))
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return catalogs.GNUTranslations(compiled)


def read_catalog(language: Language) -> Catalog:
    """The catalog as its translator wrote it."""
    path = LOCALES / language.replace("-", "_") / "LC_MESSAGES" / f"{DOMAIN}.po"
    with path.open(encoding="utf-8") as file:
        return read_po(file, locale=language.replace("-", "_"), abort_invalid=True)


def in_cyrillic(latin: Catalog, *, overrides: Catalog) -> Catalog:
    """The Latin catalog letter by letter in Cyrillic, but for sentences with an override."""
    catalog = Catalog(locale="uz_Cyrl")
    for message in latin:
        if not message.id:  # the header
            continue
        own = overrides.get(message.id)
        words = own.string if own else message.string
        if isinstance(words, str):
            catalog.add(message.id, words if own else to_cyrillic(words))
        else:
            catalog.add(message.id, [form if own else to_cyrillic(form) for form in words or ()])
    return catalog

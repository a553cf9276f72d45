"""Read a posted form: a typed value, or what is wrong with each field while what was typed is kept.

A mistake carries its English sentence, which is its message id; the template says it in the reader's
language beside the field and in the summary on top.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as made
from decimal import Decimal
from typing import Annotated, Any, ClassVar, TypeVar

from fastapi import Depends
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from foundation.errors import Refusal
from portal.languages import msg

FIELDS_READ = 50
FIELD_BYTES = 64 * 1024
AMOUNT = re.compile(r"(?P<whole>\d{1,3}(?:[.,]\d{3})+|\d+)(?:[.,](?P<part>\d{1,2}))?", re.ASCII)


@dataclass(frozen=True)
class Mistake:
    """What is wrong with one field: a sentence (a message id) and the facts it mentions."""

    field: str
    sentence: str
    facts: Mapping[str, Any] = made(default_factory=dict)

    @classmethod
    def of(cls, refusal: Refusal, field: str) -> "Mistake":
        """What an operation refused, shown at the field that it is about."""
        return cls(field, refusal.sentence(), refusal.facts)


@dataclass(frozen=True)
class Mistakes:
    """A form that was not accepted, with everything that was typed."""

    found: tuple[Mistake, ...]
    typed: Mapping[str, str]


class Form(BaseModel):
    """A form's fields; `sentences` says per field what to tell who leaves it out or mistypes it."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    sentences: ClassVar[Mapping[str, Mapping[str, str]]] = {}


@dataclass(frozen=True)
class Upload:
    """A file as it arrived; its name is only shown, never used as a path."""

    name: str
    body: bytes


F = TypeVar("F", bound=Form)

GENERAL = {
    "missing": msg("Fill in this field"),
    "too_long": msg("Use at most %(max_length)s characters"),
    "wrong": msg("Check this field and type it again"),
}
FILE_MISSING = msg("Choose a file")
FILE_TOO_LARGE = msg("The file is larger than %(megabytes)s MB")


async def posted(request: Request) -> AsyncIterator[FormData]:
    """The form of this request, urlencoded or multipart, within limits; its files close after."""
    async with request.form(max_files=1, max_fields=FIELDS_READ, max_part_size=FIELD_BYTES) as form:
        yield form


Posted = Annotated[FormData, Depends(posted)]


def read_form(form: type[F], data: Mapping[str, Any]) -> F | Mistakes:
    """The form's value, or its mistakes in the order of its fields, one for each field.

    A box that was left empty is as if it were not there: a browser sends those too.
    """
    typed = typed_in(data)
    filled = {name: value for name, value in typed.items() if value.strip()}
    try:
        return form.model_validate(filled)
    except ValidationError as refusal:
        return Mistakes(mistakes_in(form, refusal.errors(include_url=False)), typed)


def typed_in(data: Mapping[str, Any]) -> dict[str, str]:
    """What was typed into each box, to be shown again."""
    return {name: value for name, value in data.items() if isinstance(value, str)}


def mistakes_in(form: type[Form], errors: Sequence[ErrorDetails]) -> tuple[Mistake, ...]:
    """Our sentences for pydantic's errors, the first of each field."""
    found: dict[str, Mistake] = {}
    for error in errors:
        name = str(error["loc"][0])
        own, kind = form.sentences.get(name, {}), kind_of(error)
        sentence = own.get(kind) or own.get("wrong") or GENERAL[kind]
        found.setdefault(name, Mistake(name, sentence, error.get("ctx", {})))
    order = list(form.model_fields)
    return tuple(sorted(found.values(), key=lambda mistake: order.index(mistake.field)))


def kind_of(error: ErrorDetails) -> str:
    """A field was left out, is too long, or is wrong in some other way."""
    if error["type"] == "missing" or error["input"] in {"", None}:
        return "missing"
    return "too_long" if error["type"] == "string_too_long" else "wrong"


def read_file(data: Mapping[str, Any], name: str, *, limit_bytes: int) -> Upload | Mistakes:
    """The file of this field, whole in memory, or why it cannot be taken."""
    upload = data.get(name)
    if not isinstance(upload, UploadFile) or not upload.filename:
        return Mistakes((Mistake(name, FILE_MISSING),), {})
    body = upload.file.read(limit_bytes + 1)
    if len(body) > limit_bytes:
        limit = {"megabytes": limit_bytes // 1024**2}
        return Mistakes((Mistake(name, FILE_TOO_LARGE, limit),), {})
    return Upload(upload.filename, body)


def digits_of(typed: object) -> object:
    """A number as people type it, without its spaces and dashes."""
    return re.sub(r"[\s\-\u2010-\u2015\u2212]", "", typed) if isinstance(typed, str) else typed


def amount_of(typed: object) -> object:
    """A sum as people type it ("1 250 000,00", "1,250,000.00"), as an exact decimal.

    A comma or a point before one or two last digits parts the decimals; others group thousands.
    """
    if not isinstance(typed, str) or not typed.strip():
        return typed
    found = AMOUNT.fullmatch(re.sub(r"\s", "", typed))
    if found is None:
        raise ValueError("not an amount")
    whole = re.sub(r"[.,]", "", found["whole"])
    return Decimal(f"{whole}.{found['part'] or 0}")


def signed_amount_of(typed: object) -> object:
    """The same where a sum may be below zero ("-1 000,00")."""
    if isinstance(typed, str) and typed.strip()[:1] in {"-", "\N{MINUS SIGN}"}:
        amount = amount_of(typed.strip()[1:])
        return -amount if isinstance(amount, Decimal) else amount
    return amount_of(typed)


def gather_date(data: object, name: str) -> object:
    """Put the three boxes of a date (`due_day`, `due_month`, `due_year`) into one ISO date."""
    if not isinstance(data, dict):
        return data
    day, month, year = (str(data.get(f"{name}_{part}", "")) for part in ("day", "month", "year"))
    typed = f"{year}-{month:0>2}-{day:0>2}" if day or month or year else ""
    return {**data, name: typed}


Digits = Annotated[str, BeforeValidator(digits_of)]
Amount = Annotated[Decimal, BeforeValidator(amount_of)]
SignedAmount = Annotated[Decimal, BeforeValidator(signed_amount_of)]

"""The public evidence: the page, heads, keys, pairs, tiles and the verifier, as files for strangers.

Addresses are in docs/evidence.md. All of it is public; the proof of a receipt is at the receipt's own
address, which nobody can guess.
"""

import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from sqlalchemy.orm import Session
from starlette.responses import StreamingResponse

from foundation.errors import NotFound
from identity.parties import organisations
from ledger import verify
from ledger.evidence.heads import (
    HeadNotFound,
    head_of_size,
    latest_head,
    national_leaves,
    newest_heads,
    signing_keys,
)
from ledger.evidence.proofs import consistency
from ledger.evidence.records import NATIONAL, TreeHead, tiles_of
from ledger.evidence.tree import HASH, WIDTH
from portal.languages import language_of, pick
from portal.pages.evidence import EvidencePage, Head, Key
from portal.rendering import HEADERS, render
from portal.routes.given import Taking

BOOKS_ON_A_PAGE = 50
LEAVES_AT_ONCE = 5_000
# What is named by its size never changes.
FOR_EVER = HEADERS | {"Cache-Control": "public, max-age=31536000, immutable"}
TILE = re.compile(r"((?:x\d{3}/){0,4})(\d{3})(?:\.p/([1-9]\d{0,2}))?")

Log = Annotated[str, InPath(pattern=r"^(national|[1-9][0-9]{0,8})$")]
Size = Annotated[int, Query(ge=0, le=2**62)]

router = APIRouter()


class TileNotFound(NotFound):
    """There is no such part of a tree."""


@router.get("/evidence")
def show(
    request: Request, till: Taking, after: Annotated[int, Query(ge=-1, le=2**31 - 1)] = -1
) -> Response:
    """What can be checked, and how."""
    with till.database.transaction() as session:
        page = evidence_page(session, request, after)
    return render(request, "evidence.html", page)


@router.get("/evidence/keys.txt")
def keys(till: Taking) -> Response:
    """Every public key that has signed heads, a line each, the newest first."""
    with till.database.transaction() as session:
        lines = [f"{key.key}\n" for key in signing_keys(session)]
    return _file("".join(lines))


@router.get("/evidence/verify.py")
def verifier() -> Response:
    """The verifier that runs without us."""
    source = Path(verify.__file__).read_text(encoding="utf-8")
    return _file(source, attached="verify.py")


@router.get("/evidence/national.txt")
def national(till: Taking, size: Size | None = None) -> Response:
    """The newest national head, or the one of this size."""
    return head("national", till, size)


@router.get("/evidence/heads/{log}.txt")
def head(log: Log, till: Taking, size: Size | None = None) -> Response:
    """The newest head of a log, or the one of this size."""
    with till.database.transaction() as session:
        if size is not None:
            return _file(head_of_size(session, _number(log), size).note, headers=FOR_EVER)
        found = latest_head(session, _number(log))
    if found is None:
        raise HeadNotFound(log=log)
    return _file(found.note)


@router.get("/evidence/national.jsonl")
def leaves(
    till: Taking, first: Annotated[int, Query(alias="from", ge=0, le=2**62)] = 0
) -> Response:
    """The leaves of the national log from one on: the states of books that were made public."""
    with till.database.transaction() as session:
        found = national_leaves(session, first, LEAVES_AT_ONCE)
    return StreamingResponse(map(_leaf, found), headers=HEADERS, media_type="application/jsonl")


@router.get("/evidence/consistency/{log}")
def pair(
    log: Log, till: Taking, old: Annotated[int, Query(alias="from", ge=0, le=2**62)], to: Size
) -> Response:
    """That the tree under one signed head is the beginning of that under another."""
    with till.database.transaction() as session:
        record = consistency(session, _number(log), old, to)
    return json_file(record, f"{log}-{old}-{to}", headers=FOR_EVER)


@router.get("/evidence/tile/{log}/{level}/{place:path}")
def tile(log: Log, level: Annotated[int, InPath(ge=0, le=7)], place: str, till: Taking) -> Response:
    """A tile of hashes, at the addresses of C2SP tlog-tiles. Raises TileNotFound."""
    named = TILE.fullmatch(place)
    if named is None:
        raise TileNotFound(place=place[:60])
    index, width = int(re.sub(r"\D", "", named[1]) + named[2]), int(named[3] or WIDTH)
    with till.database.transaction() as session:
        hashes = tiles_of(session, _number(log))(level, index)[: width * HASH]
    if len(hashes) < width * HASH:
        raise TileNotFound(place=place)
    return Response(hashes, headers=FOR_EVER, media_type="application/octet-stream")


def json_file(record: dict[str, Any], name: str, *, headers: dict[str, str] = HEADERS) -> Response:
    """A piece of evidence as a file of this name, without its ending."""
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    disposition = {"Content-Disposition": f'attachment; filename="{name}.json"'}
    return Response(text, headers={**headers, **disposition}, media_type="application/json")


def evidence_page(session: Session, request: Request, after: int) -> EvidencePage:
    """Heads by the number of their log, so the national one is first."""
    language, national_head = language_of(request), latest_head(session, NATIONAL)
    names = {one.org_id: pick(one.name, language) for one in organisations(session)}
    newest = newest_heads(session, after, BOOKS_ON_A_PAGE + 1)
    shown = newest[:BOOKS_ON_A_PAGE]
    return EvidencePage(
        keys=tuple(
            Key(key.key, key.used_from, in_use=_signed(national_head, key.key))
            for key in signing_keys(session)
        ),
        heads=tuple(
            Head(
                log=str(one.org_id or "national"),
                name=names.get(one.org_id, str(one.org_id)) if one.org_id else "",
                size=one.size,
                signed_at=one.at,
                grew_from=one.previous,
            )
            for one in shown
        ),
        more_url=f"/evidence?after={shown[-1].org_id}" if len(newest) > len(shown) else None,
    )


def _signed(head: TreeHead | None, key: str) -> bool:
    if head is None:
        return False
    try:
        verify.open_note(head.note, verify.read_keys([key]))
    except verify.Differs:
        return False
    return True


def _number(log: str) -> int:
    return NATIONAL if log == "national" else int(log)


def _leaf(head: TreeHead) -> str:
    leaf: dict[str, Any] = {"leaf": head.national_leaf, "org_id": head.org_id, "size": head.size}
    leaf |= {"root": b64encode(head.root).decode(), "signed_at": head.at.isoformat()}
    return json.dumps(leaf) + "\n"


def _file(text: str, *, headers: dict[str, str] = HEADERS, attached: str = "") -> Response:
    disposition = f'attachment; filename="{attached}"' if attached else "inline"
    headers = {**headers, "Content-Disposition": disposition}
    return Response(text, headers=headers, media_type="text/plain; charset=utf-8")

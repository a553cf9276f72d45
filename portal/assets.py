"""The portal's own files: read once, named by their content, sent compressed and cached for ever."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Asset:
    """A file under the name that its content gives it: mizon.1f3a9c02.css."""

    name: str
    media_type: str
    plain: bytes
    gzipped: bytes


router = APIRouter(include_in_schema=False)


@router.get("/static/{name}")
def send_asset(name: str, request: Request) -> Response:
    """Send one of our files; its address changes with its content, so it never grows stale."""
    found = next((asset for asset in assets().values() if asset.name == name), None)
    if found is None:
        return Response(status_code=404)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers = {**HEADERS, "Content-Encoding": "gzip"}
        return Response(found.gzipped, media_type=found.media_type, headers=headers)
    return Response(found.plain, media_type=found.media_type, headers=HEADERS)


def asset(file: str) -> str:
    """The address of a file: asset("mizon.css") is /static/mizon.1f3a9c02.css."""
    return f"/static/{assets()[file].name}"


@cache
def assets() -> dict[str, Asset]:
    """Every file of `static/` by its plain name."""
    return {path.name: read_asset(path) for path in STATIC.iterdir() if path.suffix in MEDIA_TYPES}


def read_asset(path: Path) -> Asset:
    """One file, hashed and compressed."""
    plain = path.read_bytes()
    digest = hashlib.sha256(plain).hexdigest()[:8]
    return Asset(
        name=f"{path.stem}.{digest}{path.suffix}",
        media_type=MEDIA_TYPES[path.suffix],
        plain=plain,
        gzipped=gzip.compress(plain, 9, mtime=0),
    )

"""Answer with a report as a file: its media type, its name, and headers that keep it a file.

A CSV leaves while its rows are still read. What they are read from, a snapshot of the database, is
handed over with the report and closed behind the last row, or when nobody takes them any more.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from enum import StrEnum
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import IO
from urllib.parse import quote

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from portal.documents.csv import as_csv
from portal.documents.pdf import pages_of, typeset
from portal.documents.report import Report, plain
from portal.documents.xlsx import as_xlsx
from portal.rendering import HEADERS

MEMORY_BYTES = 1_000_000  # of an XLSX; a larger one waits on disk
CHUNK_BYTES = 64_000
LONGEST_NAME = 100


class FileFormat(StrEnum):
    """A format that reports are written in, by its file name's ending."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"

    @property
    def media_type(self) -> str:
        """As the file is announced to a browser."""
        return MEDIA_TYPES[self]


MEDIA_TYPES = {
    FileFormat.CSV: "text/csv; charset=utf-8; header=present",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileFormat.PDF: "application/pdf",
}


def download(
    report: Report, format: FileFormat, name: str, source: ExitStack | None = None
) -> Response:
    """The report as a file of this name, without its ending; `source` is closed once it is read.

    Raises TooLongForPdf and TooLongForXlsx.
    """
    headers = {
        **HEADERS,
        "Content-Disposition": disposition(name, format),
        "Content-Language": report.language,
    }
    with source or ExitStack() as opened:
        if format is FileFormat.CSV:
            chunks = as_csv(report)
            first = next(chunks)  # what fails here is still a page, not half a file
            body = chain([first], chunks)
            return Streamed(body, opened.pop_all().close, headers, format.media_type)
        if format is FileFormat.XLSX:
            file = _xlsx(report)
            return Streamed(_read(file), file.close, headers, format.media_type)
        pages = pages_of(report)
    # From here on the database need not wait for the typesetter.
    return Response(typeset(pages, at=report.at), headers=headers, media_type=format.media_type)


class Streamed(StreamingResponse):
    """Chunks on their way. However it ends (a reader may go away), what they are read from is closed."""

    def __init__(
        self,
        chunks: Iterator[bytes],
        close: Callable[[], None],
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        super().__init__(chunks, headers=headers, media_type=media_type)
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it all, then close, also when the sending was cancelled."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await run_in_threadpool(self._close)


def disposition(name: str, format: FileFormat) -> str:
    """Keep it as a file: a name in ASCII for old programs, and the true one beside it.

    Source: RFC 6266, 4.3 and appendix D; RFC 8187.
    """
    true_name = _safe(plain(name)) or "report"
    letters = unicodedata.normalize("NFKD", true_name).encode("ascii", "ignore").decode()
    old_name = _safe(letters) or "report"
    return f"attachment; filename=\"{old_name}.{format}\"; filename*=UTF-8''{quote(true_name)}.{format}"


def _safe(name: str) -> str:
    """The name without what is a path, a quote or a wildcard to some system; one word."""
    return re.sub(r"[^\w.]+", "-", name).strip("-._")[:LONGEST_NAME]


def _xlsx(report: Report) -> IO[bytes]:
    """The whole file, at its beginning; it is closed by who reads it."""
    with ExitStack() as opened:
        file = opened.enter_context(SpooledTemporaryFile(max_size=MEMORY_BYTES))
        as_xlsx(report, file)
        file.seek(0)
        opened.pop_all()
    return file


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk

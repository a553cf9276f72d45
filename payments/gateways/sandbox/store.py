"""The provider's memory: records by kind and id, kept in a journal file that is replayed at the start."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, BinaryIO

# A record is JSON. It is never changed in place: `put` a new one under the same id.
Record = Mapping[str, Any]
_Changes = dict[tuple[str, str], Record | None]


class JournalBroken(ValueError):
    """The provider's journal file is damaged before its last line."""


class Store:
    """Records by kind and id, in the order in which they first appeared."""

    def __init__(self, journal: Path | None) -> None:
        self._records: defaultdict[str, dict[str, Record]] = defaultdict(dict)
        self._lock = RLock()
        self._pending: _Changes | None = None
        self._file: BinaryIO | None = None
        if journal is not None:
            self._replay(journal)
            self._file = journal.open("ab")

    def close(self) -> None:
        """Let go of the journal file; a later `put` would be an error."""
        if self._file is not None:
            self._file.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """Make several puts one change: all of them are kept, or, on any error, none.

        One line of the journal is one change, so a process that dies never leaves half of it. A change
        inside another belongs to it. Nobody may call the network in here: all others wait.
        """
        with self._lock:
            if self._pending is not None:
                yield
                return
            self._pending = {}
            try:
                yield
                self._write(self._pending)
                self._apply(self._pending)
            finally:
                self._pending = None

    def put(self, kind: str, record: Record) -> None:
        """Keep the record under its own `id`, in place of an earlier one."""
        self._set(kind, str(record["id"]), record)

    def drop(self, kind: str, id: str) -> None:
        """Forget a record that is done with."""
        self._set(kind, id, None)

    def find(self, kind: str, id: str) -> Record | None:
        """The record as it stands, this change's own puts included."""
        with self._lock:
            if self._pending is not None and (kind, id) in self._pending:
                return self._pending[kind, id]
            return self._records[kind].get(id)

    def all(self, kind: str) -> list[Record]:
        """Every record of the kind, the oldest first."""
        with self._lock:
            current: dict[str, Record | None] = {**self._records[kind]}
            for (changed, name), record in (self._pending or {}).items():
                if changed == kind:
                    current[name] = record
        return [record for record in current.values() if record is not None]

    def _set(self, kind: str, id: str, record: Record | None) -> None:
        with self.change():
            if self._pending is not None:
                self._pending[kind, id] = record

    def _apply(self, changes: _Changes) -> None:
        for (kind, name), record in changes.items():
            if record is None:
                self._records[kind].pop(name, None)
            else:
                self._records[kind][name] = record

    def _write(self, changes: _Changes) -> None:
        if self._file is None or not changes:
            return
        line = [[*place, record] for place, record in changes.items()]
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        # Handed to the kernel, it outlives this process; a sandbox need not outlive the machine.
        self._file.flush()

    def _replay(self, journal: Path) -> None:
        """Read the journal back; a last line without its end was never acknowledged and is cut off."""
        journal.parent.mkdir(parents=True, exist_ok=True)
        journal.touch()
        whole = 0
        with journal.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                self._apply(_changes_in(line))
                whole += len(line)
        os.truncate(journal, whole)


def _changes_in(line: bytes) -> _Changes:
    try:
        return {(kind, name): record for kind, name, record in json.loads(line)}
    except ValueError as fault:
        raise JournalBroken(f"not a change: {line[:80]!r}") from fault

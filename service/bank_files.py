"""`mizon bank check` and `mizon bank import`: statement files from the command line."""

import io
import json
from pathlib import Path
from typing import Any

from foundation.clock import now
from foundation.database import Database
from identity.actor import system_actor
from payments.reconciliation.importing import import_statement_file
from payments.reconciliation.statements import check_file
from service.settings import read_settings


def check_files(files: list[str], *, as_json: bool) -> int:
    """Judge each file; exit 0 when all would be accepted, else 1."""
    all_accepted = True
    for name in files:
        try:
            with Path(name).open("rb") as stream:
                report = check_file(name, stream)
        except OSError as error:
            report = check_file(name, io.BytesIO())
            told = {**report.as_json(), "reasons": [f"file-unreadable: {error.strerror}"]}
        else:
            told = report.as_json()
        all_accepted &= told["verdict"] == "accepted"
        print(json.dumps(told, ensure_ascii=False) if as_json else _summary(told), flush=True)
    return 0 if all_accepted else 1


def import_files(files: list[str], *, as_json: bool) -> int:
    """Import each file, in the order given; exit 0 when all were accepted, else 1."""
    database = Database(read_settings().database_url, name="mizon bank import")
    all_accepted = True
    for name in files:
        path = Path(name)
        imported = import_statement_file(
            database,
            name=path.name,
            content=path.read_bytes(),
            by=system_actor("bank import"),
            at=now(),
        )
        all_accepted &= imported.verdict == "accepted"
        told = {
            "file": name,
            "verdict": imported.verdict.value,
            "reasons": imported.reasons,
            "known_before": imported.known_before,
            "statements_accepted": imported.statements_accepted,
            "lines": imported.lines,
        }
        print(json.dumps(told, ensure_ascii=False) if as_json else _summary(told))
    database.close()
    return 0 if all_accepted else 1


def _summary(told: dict[str, Any]) -> str:
    lines = [f"{told['file']}: {told['verdict']}", *(f"  {reason}" for reason in told["reasons"])]
    lines += [
        f"  {statement['account']} {statement['opening']} → {statement['closing']}"
        f" {statement['currency']}, {statement['entries']} entries"
        for statement in told.get("statements", [])
    ]
    if "lines" in told:
        lines.append(f"  {told['statements_accepted']} statements accepted, {told['lines']} lines")
    return "\n".join(lines)

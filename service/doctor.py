"""`mizon doctor`: what this machine has and lacks, and what each lack means."""

import os
import platform
import shutil
import sys
from pathlib import Path

from foundation.errors import Refusal
from service.settings import SettingsMissing, read_settings

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def examine() -> dict[str, str]:
    """Each part with what was found, in words."""
    return {
        "python": f"{platform.python_version()} at {sys.executable}",
        "system": platform.platform(),
        "embedded PostgreSQL": _embedded(),
        "database of one's own": _configured(),
        "browser for tests": _browser(),
        "processors": str(os.cpu_count()),
    }


def find_browser() -> str | None:
    """A Chromium on PATH."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def _browser() -> str:
    return find_browser() or "none: browser tests are skipped (Debian: apt install chromium)"


def _embedded() -> str:
    from service.embedded.programs import find_programs

    try:
        return f"programs in {Path(find_programs())}"
    except Refusal as refusal:
        return str(refusal)


def _configured() -> str:
    try:
        return f"MIZON_DATABASE_URL is set ({read_settings().database_url.rpartition('@')[2]})"
    except SettingsMissing:
        return "MIZON_DATABASE_URL is not set: the demo and the tests use the embedded one"

"""`mizon demo --check`: the whole story on a throw-away town, as one command with an answer."""

import sys
import tempfile
import time
from pathlib import Path

from service.demo.story import Story, StoryBroken
from service.demo.town_hall import open_town

LEAST_BILLS = 12


def run_check(*, bills: int) -> int:
    """Tell the story on a new database and a free port; exit 0 when all of it came true, else 1."""
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="mizon-check-", ignore_cleanup_errors=True) as home,
        open_town(Path(home), port=0, bills=max(bills, LEAST_BILLS), throwaway=True) as hall,
    ):
        print(f"A town of its own at {hall.settings.base_url}")
        try:
            Story(hall, _say).tell()
        except StoryBroken as broken:
            print(f"The story broke: {broken}", file=sys.stderr)
            _show_logs(hall.home)
            return 1
    print(f"All of it came true, in {time.monotonic() - began:.1f} seconds.")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _show_logs(home: Path) -> None:
    for log in sorted(home.glob("*.log")):
        if tail := log.read_text(errors="replace")[-1500:]:
            print(f"--- {log.name}\n{tail}", file=sys.stderr)

"""`mizon check`, `fix` and `test`: the house's own rules, in one place for people and for CI."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHECKS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "--quiet", "."),
    ("ruff", "check", "--quiet", "."),
    ("mypy",),
    ("lint-imports", "--no-cache"),
)


def check() -> int:
    """Format, lint, types and import arrows; the first that fails ends it."""
    return next((code for command in CHECKS if (code := _run(command))), 0)


def fix() -> int:
    """Format, and mend what ruff can mend."""
    return _run(("ruff", "check", "--fix", "--quiet", ".")) or _run(
        ("ruff", "format", "--quiet", ".")
    )


def test(rest: Sequence[str]) -> int:
    """Check, then the suite in as many processes as there are processors."""
    if rest:
        return _run(("pytest", *rest))
    return check() or _run(("pytest", "-n", "auto"))


def _run(command: Sequence[str]) -> int:
    tools = Path(sys.executable).parent
    print("$", *command, file=sys.stderr, flush=True)
    program = [str(tools / command[0]), *command[1:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(program, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603

"""The rules of the house that no linter holds: each failure names the places and says what to do.

Docstrings are ruff's (D), `print` outside service too (T20); arrows between packages are import-linter's.
"""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.house.documents import ROOT

PACKAGES = (
    "foundation",
    "identity",
    "ledger",
    "payments",
    "portal",
    "procurement",
    "service",
    "migrations",
)
MONEY = ("identity", "ledger", "payments")
BELOW_SERVICE = ("foundation", "identity", "ledger", "payments", "portal", "procurement")
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 350, 40
# A stranger carries one file, alone, and reads all of it: docs/evidence.md.
LONGER = {"ledger/verify.py": 490}
# Seconds to wait, not money: file and the name they are given or the call they are handed to.
SECONDS = {
    ("payments/gateways/sandbox/app.py", 0.1),
    ("payments/gateways/sandbox/payme.py", 0.02),
    ("payments/gateways/sandbox/webhooks.py", 0.02),
}
CLOCKS = {"now", "utcnow", "today"}
UNITS = ("minor", "tiyin", "seconds", "milliseconds", "minutes", "bytes")
# "minor units" is the name of the thing, not of an amount in it.
NOT_AN_AMOUNT = {"_minor_units"}

Found = Iterator[tuple[int, str]]


@cache
def files_of(*packages: str) -> tuple[str, ...]:
    """The Python files of these packages, by their path in the project."""
    return tuple(
        str(path.relative_to(ROOT))
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
    )


@cache
def tree_of(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def offenders(files: tuple[str, ...], rule: Callable[[ast.Module], Found]) -> list[str]:
    """Where the rule is broken: "file:line what"."""
    return [f"{file}:{line} {what}" for file in files for line, what in rule(tree_of(file))]


def none_of(found: list[str], advice: str) -> None:
    assert not found, "\n".join([advice, *found])


def test_only_the_clock_reads_the_clock():
    files = tuple(file for file in files_of(*PACKAGES) if file != "foundation/clock.py")
    none_of(
        offenders(files, _clocks),
        "Time is passed in as `at`; the edge reads it by foundation.clock.now.",
    )


def test_nobody_commits_or_rolls_back_by_hand():
    files = tuple(file for file in files_of(*PACKAGES) if not file.startswith("migrations/"))
    none_of(
        offenders(files, lambda tree: _calls(tree, {"commit", "rollback"})),
        "Open `with database.transaction() as session:` at the edge; an operation never commits.",
    )


def test_money_never_meets_a_float():
    found = [
        f"{file}:{line} {what}"
        for file in files_of(*MONEY)
        for line, what, value in _floats(tree_of(file))
        if (file, value) not in SECONDS
    ]
    none_of(found, "Integer minor units, Decimal or Fraction at the edges; never float.")


def test_the_seconds_that_are_allowed_as_floats_are_still_there():
    there = {(file, value) for file, _ in SECONDS for *_, value in _floats(tree_of(file))}
    assert there >= SECONDS, SECONDS - there


def test_no_amount_is_annotated_as_a_float():
    none_of(
        offenders(files_of(*PACKAGES), _float_amounts),
        "An amount is Money, or an int of minor units.",
    )


def test_http_errors_are_made_in_one_place():
    files = tuple(file for file in files_of(*PACKAGES) if file != "portal/routes/problems.py")
    none_of(
        offenders(files, lambda tree: _names(tree, re.compile("^HTTPException$"))),
        "Raise a refusal of foundation.errors; portal/routes/problems.py turns it into an answer.",
    )


def test_files_are_short():
    long = [
        f"{file}: {lines} lines"
        for file in files_of(*PACKAGES)
        if not file.startswith("migrations/versions/")  # a migration is never changed
        and (lines := len((ROOT / file).read_text(encoding="utf-8").splitlines()))
        > LONGER.get(file, MOST_LINES)
    ]
    none_of(long, f"Past {MOST_LINES} lines a file becomes a folder of the same name.")


def test_functions_are_short():
    files = tuple(f for f in files_of(*PACKAGES) if not f.startswith("migrations/versions/"))
    none_of(
        offenders(files, _long_functions),
        f"Past {MOST_LINES_OF_A_FUNCTION} lines a function is two: name the second.",
    )


def test_units_come_last_in_a_name():
    pattern = re.compile(rf"_?({'|'.join(UNITS)})_(?!per_)")
    found = [
        line
        for line in offenders(files_of(*PACKAGES), lambda tree: _names(tree, pattern))
        if line.split()[-1] not in NOT_AN_AMOUNT
    ]
    none_of(found, "`fee_minor`, `timeout_seconds`: the unit is the last word.")


def test_only_the_command_line_prints():
    files = tuple(file for file in files_of(*PACKAGES) if not file.startswith("service/"))
    none_of(offenders(files, _prints), "Log it, or return it to who asked.")


def test_nobody_below_knows_the_service():
    none_of(
        offenders(files_of(*BELOW_SERVICE), lambda tree: _imports(tree, "service")),
        "service puts the others together; give them what they need instead.",
    )


def test_no_deadline_is_decided_by_the_start_of_the_transaction():
    none_of(
        offenders(files_of(*PACKAGES), _sql_now),
        "SQL's now() is the transaction's start: use clock_timestamp(), or pass `at`.",
    )


@pytest.mark.parametrize("folder", [*PACKAGES, "tests", "docs", ".ci"])
def test_nothing_is_left_to_do(folder):
    word = re.compile(r"\b(TO" + "DO|FIX" + r"ME)\b")
    found = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and path.suffix in {".py", ".md", ".html", ".css", ".po", ".svg", ""}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if word.search(line)
    ]
    none_of(found, "Do it, or open an issue.")


@pytest.mark.parametrize("lock", sorted(path.name for path in ROOT.glob("requirements*.txt")))
def test_the_locks_carry_hashes_and_name_no_registry(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    pinned = re.findall(r"^[a-z0-9][\w.-]*(?:\[[\w,-]+\])?==", text, re.MULTILINE | re.IGNORECASE)
    assert pinned
    assert text.count("--hash=sha256:") >= len(pinned)


def _clocks(tree: ast.Module) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
            owner = ast.unparse(node.value)
            if owner.rpartition(".")[2] in {"datetime", "date"}:
                yield node.lineno, f"{owner}.{node.attr}"


def _calls(tree: ast.Module, names: set[str]) -> Found:
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr in names:
            yield node.lineno, ast.unparse(called)


def _floats(tree: ast.Module) -> Iterator[tuple[int, str, float | None]]:
    """Literals, conversions, and true division, which makes one of two integers (a path has texts)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, repr(node.value), node.value
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "float":
            yield node.lineno, ast.unparse(node), None
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            text = isinstance(node.right, ast.Constant) and isinstance(node.right.value, str)
            if not (text or isinstance(node.right, ast.JoinedStr)):
                yield node.lineno, ast.unparse(node), None


def _float_amounts(tree: ast.Module) -> Found:
    for node in ast.walk(tree):
        name, annotation = "", None
        if isinstance(node, ast.arg):
            name, annotation = node.arg, node.annotation
        elif isinstance(node, ast.AnnAssign):
            name, annotation = ast.unparse(node.target), node.annotation
        elif isinstance(node, ast.FunctionDef):
            name, annotation = node.name, node.returns
        of_money = re.search(r"(^|_)(minor|amount|fee|net|gross)$", name)
        if annotation is not None and of_money and re.search(r"\bfloat\b", ast.unparse(annotation)):
            yield node.lineno, name


def _long_functions(tree: ast.Module) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST_LINES_OF_A_FUNCTION:
                yield node.lineno, f"{node.name}: {lines} lines"


def _names(tree: ast.Module, pattern: re.Pattern[str]) -> Found:
    """Names that are given or used: variables, parameters, attributes, functions, imports."""
    for node in ast.walk(tree):
        name = (
            getattr(node, "id", None) or getattr(node, "arg", None) or getattr(node, "attr", None)
        )
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.alias):
            name = node.name
        if isinstance(name, str) and pattern.match(name):
            yield node.lineno, name


def _prints(tree: ast.Module) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            yield node.lineno, "print"


def _imports(tree: ast.Module, package: str) -> Found:
    for node in ast.walk(tree):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        for module in modules:
            if module.partition(".")[0] == package:
                yield node.lineno, module


def _sql_now(tree: ast.Module) -> Found:
    """`now()` in a text that is no docstring, and SQLAlchemy's `func.now`."""
    told = {id(doc) for doc in map(_docstring, ast.walk(tree)) if doc is not None}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            if re.search(r"(?<![\w.])(now\(\)|current_timestamp)", node.value, re.IGNORECASE):
                yield node.lineno, "now() in SQL"
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "func.now":
            yield node.lineno, "func.now"


def _docstring(node: ast.AST) -> ast.Constant | None:
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
        value = body[0].value
        return value if isinstance(value, ast.Constant) else None
    return None

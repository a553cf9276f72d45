"""The documents say what the code does: what is written there is compared with what runs."""

import argparse
import importlib
import inspect
import itertools
import pkgutil
import re
import shlex
import tomllib
from collections.abc import Iterator
from enum import Enum, StrEnum
from types import ModuleType

import pytest

import foundation
import identity
import ledger
import payments
import portal
import service
from foundation.database import APPLICATION_ROLE
from foundation.jobs import Daily, Every
from foundation.states import Lifecycle
from identity.roles import PERMISSIONS, Permission, Role
from payments.breaks import BreakKind, BreakState
from payments.callbacks.inbox import PAUSES, CallbackState
from payments.callbacks.payme import errors as payme_errors
from payments.callbacks.payme.server import METHODS
from payments.callbacks.payme.transactions import PaymeState
from payments.jobs import JOBS
from payments.reconciliation.records import LineState
from payments.reconciliation.settlements import PayoutState
from payments.reconciliation.statements.reasons import Reason, Verdict
from portal.transliteration import to_cyrillic
from portal.words import WORDS
from service.cli import _parser
from service.demo.database import SERVICE_LOGIN
from service.embedded import SUPERUSER
from service.settings import Settings, read_settings
from tests.house.documents import (
    CODE,
    ROOT,
    codes,
    documents,
    first_codes,
    headings,
    links,
    rows_of,
    section,
    slug,
    tables,
    text_of,
)

PATH = re.compile(r"\w+/|[\w-]+\.(py|md|toml|txt|yaml|ps1)|mizon|Dockerfile")
OPERATIONS, LIFECYCLES = "docs/operations.md", "docs/journeys/lifecycles.md"
STATES: dict[str, type[Enum]] = {
    "A callback": CallbackState,
    "A payout": PayoutState,
    "A statement": Verdict,
    "A statement line": LineState,
    "A difference": BreakState,
}


@pytest.mark.parametrize("document", documents())
def test_every_link_leads_to_something_that_is_there(document):
    home = (ROOT / document).parent
    for words, target in links(document):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        found = home / path if path else ROOT / document
        assert found.exists(), f"{document}: {target} does not exist"
        if anchor:
            name = str(found.resolve().relative_to(ROOT))
            assert anchor in map(slug, headings(name)), f"{document}: no heading for {target}"
        if found.suffix == ".py" and (named := re.fullmatch(r"`([\w.]+)`", words)):
            for part in named[1].split("."):
                defined = rf"^\s*((async )?def|class) {part}\b|^{part}\b.*="
                text = found.read_text(encoding="utf-8")
                assert re.search(defined, text, re.MULTILINE), f"{document}: no {part} in {path}"


@pytest.mark.parametrize("document", documents())
def test_every_command_in_a_document_is_one_that_mizon_takes(document):
    for line in re.findall(r"\./mizon ([^`\n]+)", text_of(document)):
        words = re.split(r"\s(?:#|&&|\|)|…|\$", line)[0]
        assert _is_taken(shlex.split(words)), f"{document}: ./mizon {words}"


def test_the_two_commands_of_the_readme_stand_alone_and_as_they_are_typed():
    fenced = re.findall(r"^```sh\n(.*?)^```$", text_of("README.md"), re.MULTILINE | re.DOTALL)
    assert fenced == ["./mizon demo\n", "./mizon test\n"]


def test_every_command_and_option_is_in_operations():
    written = {first: row for row in rows_of(OPERATIONS, "Commands") for first in codes(row[0])}
    commands = dict(_commands(_parser(), ""))
    assert set(written) == set(commands)
    for name, options in commands.items():
        assert {code for code in CODE.findall(written[name][1]) if code[0] == "-"} == options, name


def test_every_setting_is_in_operations_with_its_default():
    written = {first_codes([row])[0]: row[2] for row in rows_of(OPERATIONS, "Settings")}
    named = {name: f"MIZON_{name.upper()}" for name in Settings.__dataclass_fields__}
    assert set(written) == set(named.values())
    as_it_is = read_settings({"MIZON_DATABASE_URL": "MIZON_DATABASE_URL"})
    defaults = {named[name]: getattr(as_it_is, name) for name in named}
    told = {setting: f"`{default}`" if default else "none" for setting, default in defaults.items()}
    assert written == told | {"MIZON_DATABASE_URL": "required"}


def test_documents_name_no_setting_that_does_not_exist():
    known = {f"MIZON_{name.upper()}" for name in Settings.__dataclass_fields__}
    known |= set(re.findall(r"\$\{(MIZON_\w+)", text_of("compose.yaml")))
    for document in documents():
        named = set(re.findall(r"\bMIZON_[A-Z_]*[A-Z]\b", text_of(document)))
        assert named <= known, f"{document}: {named - known}"


def test_every_job_is_in_operations_with_its_schedule():
    written = {first_codes([row])[0]: row[1] for row in rows_of(OPERATIONS, "Jobs")}
    assert written == {job.name: _when(job.schedule) for job in JOBS}


def test_every_reason_of_the_gate_is_in_operations():
    written = first_codes(rows_of(OPERATIONS, "Reasons of the statement gate"))
    assert sorted(written) == sorted(reason.code for reason in Reason)


def test_every_kind_of_difference_is_in_operations():
    assert first_codes(rows_of(OPERATIONS, "Differences")) == [kind.value for kind in BreakKind]


def test_the_roles_in_postgresql_are_in_operations():
    written = first_codes(rows_of(OPERATIONS, "A PostgreSQL server of your own"))
    assert written == [SUPERUSER, "mizon_owner", APPLICATION_ROLE, SERVICE_LOGIN]


def test_every_life_cycle_equals_its_table():
    found = list(_life_cycles())
    assert len(found) >= 2
    for path, moves in found:
        link = f"[`LIFECYCLE`](../../{path})"
        heading = next(
            (h for h in headings(LIFECYCLES)[1:] if link in section(LIFECYCLES, h)), None
        )
        assert heading, f"{path} has a life cycle that {LIFECYCLES} does not show"
        table = tables(section(LIFECYCLES, heading))[0]
        written = {first_codes([row])[0]: (codes(row[1]), CODE.findall(row[2])[0]) for row in table}
        assert written == {
            event: ({_word(state) for state in origins}, _word(target))
            for event, (origins, target) in moves.items()
        }


@pytest.mark.parametrize("heading", STATES)
def test_every_state_without_a_life_cycle_is_in_its_table(heading):
    table = tables(section(LIFECYCLES, heading))[0]
    assert first_codes(table) == _in_order(STATES[heading], first_codes(table))


def test_the_states_of_bills_charges_and_slots_are_in_their_tables():
    bills, charges = (tables(section(LIFECYCLES, name))[1] for name in ("A bill", "A charge"))
    assert {*first_codes(bills), "busy"} == set(WORDS["bill_state"])
    shown_only = {"credited", "unknown"}
    assert {*first_codes(charges), *shown_only} == set(WORDS["charge_state"])
    slots = tables(section(LIFECYCLES, "A job's slot"))[0]
    assert set(first_codes(slots)) == set(WORDS["outcome"])


def test_payme_s_methods_states_and_errors_are_in_its_journey():
    document = "docs/journeys/payme.md"
    assert first_codes(rows_of(document, "The way of one call")) == list(METHODS)
    states = [int(code) for code in first_codes(rows_of(document, "States"))]
    assert sorted(states) == sorted(state.value for state in PaymeState)
    errors = [int(code) for code in first_codes(rows_of(document, "Errors"))]
    defined = [e.code for e in vars(payme_errors).values() if isinstance(e, Exception)]
    assert sorted(errors) == sorted(defined)


def test_the_pauses_of_the_inbox_are_as_the_journey_tells():
    told = "1, 2, 5, 10, 30, 60 s, 5 min, 15 min, 1 h, 6 h, a day and another day"
    assert told in text_of("docs/journeys/provider-calls-back.md")
    seconds = [int(pause.total_seconds()) for pause in PAUSES]
    assert seconds == [1, 2, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400, 86400]


def test_roles_and_permissions_are_those_of_the_staff_s_journey():
    text = section("docs/journeys/staff.md", "Who may what")
    roles = [Role(code) for code in CODE.findall(text.split("| permission |")[1].split("\n")[0])]
    assert set(roles) == set(Role)
    written = {
        Permission(first_codes([row])[0]): {
            role for role, cell in zip(roles, row[2:], strict=True) if cell == "yes"
        }
        for row in tables(text)[0]
    }
    assert written == {
        permission: {role for role in Role if permission in PERMISSIONS[role]}
        for permission in Permission
    }


def test_every_direct_dependency_has_its_reason():
    project = tomllib.loads(text_of("pyproject.toml"))
    document = "docs/decisions/0002-dependencies.md"
    for heading, wanted in (
        ("Runtime", project["project"]["dependencies"]),
        ("Tests and tools", project["dependency-groups"]["dev"]),
    ):
        names = sorted(re.split(r"[\[<>=]", one)[0] for one in wanted)
        assert first_codes(rows_of(document, heading)) == names


def test_decisions_are_listed_and_have_their_parts():
    folder = ROOT / "docs" / "decisions"
    files = sorted(path.name for path in folder.glob("0*.md"))
    index = rows_of("docs/decisions/README.md", "Decisions")
    assert [re.findall(r"\((.+?)\)", row[0])[0] for row in index] == files
    for name in files:
        document = f"docs/decisions/{name}"
        assert "\nStatus: " in text_of(document), name
        assert {"Context", "Decision", "Consequences"} <= set(headings(document)), name


def test_the_changelog_has_a_place_for_what_is_not_released():
    assert section("CHANGELOG.md", "Unreleased").strip()


def test_the_tree_in_contributing_is_the_tree_that_is_there():
    fence = section("CONTRIBUTING.md", "The house").split("```")[1]
    named = set(_paths_in(fence))
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    for package in ("foundation", "ledger", "identity", "payments", "service"):
        there = {str(path.relative_to(ROOT)) for path in (ROOT / package).glob("*.py")}
        left_out = there - named - {f"{package}/__init__.py"}
        assert not left_out, f"CONTRIBUTING.md does not show {left_out}"


def test_uzbek_cyrillic_in_the_glossary_is_derived_from_latin():
    for heading in headings("docs/glossary.md")[1:]:
        for row in rows_of("docs/glossary.md", heading):
            assert row[4] == to_cyrillic(row[3]), row[0]


def _word(state: Enum) -> str:
    """A state as documents write it: by its value, or by its name where the value is a number."""
    return state.value if isinstance(state, StrEnum) else state.name.lower()


def _is_taken(words: list[str]) -> bool:
    """Whether these words name a command, and what follows its name is what it takes."""
    parser = _parser()
    while words and words[0] in (children := _children(parser)):
        parser, words = children[words[0]], words[1:]
    try:
        return not words or bool(parser.parse_args(words))
    except SystemExit:
        return False


def _children(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    choices = (a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(next(choices, {}))


def _commands(parser: argparse.ArgumentParser, before: str) -> Iterator[tuple[str, set[str]]]:
    """Each command with its options; those that only group others are left out."""
    for name, child in _children(parser).items():
        inner = list(_commands(child, f"{before}{name} "))
        yield from inner or [(f"{before}{name}", _options(child))]


def _options(parser: argparse.ArgumentParser) -> set[str]:
    flags = {flag for action in parser._actions for flag in action.option_strings}
    return {flag for flag in flags if flag.startswith("--") and flag != "--help"}


def _when(schedule: Every | Daily) -> str:
    if isinstance(schedule, Every):
        return f"every {schedule.seconds} s"
    return f"daily at {schedule.hour:02}:{schedule.minute:02}"


def _in_order(states: type[Enum], written: list[str]) -> list[str]:
    """The states in the order they are written; those that are missing at the end."""
    values = [state.value for state in states]
    return sorted(values, key=lambda value: written.index(value) if value in written else 99)


def _life_cycles() -> Iterator[tuple[str, dict]]:
    """Every life cycle with the file that defines it."""
    for module in _modules():
        for name, value in vars(module).items():
            source = inspect.getsource(module) if isinstance(value, Lifecycle) else ""
            if re.search(rf"^{name} = Lifecycle", source, re.MULTILINE):
                yield f"{module.__name__.replace('.', '/')}.py", value.moves


def _modules() -> Iterator[ModuleType]:
    for package in (foundation, ledger, identity, payments, portal, service):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def _paths_in(fence: str) -> Iterator[str]:
    """The paths of a drawn tree: the names that begin a line, two spaces deeper for each folder."""
    folders: list[str] = []
    for line in fence.strip("\n").splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        for name in itertools.takewhile(PATH.fullmatch, line.split()):
            yield "".join([*folders[:depth], name])
            if name.endswith("/"):
                folders[depth:] = [name]

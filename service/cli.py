"""The command line: one sub-command a line of `./mizon help`; imports wait until a command needs them."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from foundation.errors import Refusal
from identity.roles import Role
from service.settings import SettingsMissing

Command = Callable[[argparse.Namespace], int]
# argparse keeps the name of this class to itself.
Commands = Any


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code. A refusal is one sentence, never a stack trace."""
    options = _parser().parse_args(arguments or ["help"])
    command: Command = options.run
    try:
        return command(options)
    except (Refusal, SettingsMissing) as refusal:
        print(f"mizon: {refusal}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except (
        BrokenPipeError
    ):  # who reads us (`| head`) has had enough; nothing more can be said there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mizon", description="State payments on one ledger.")
    commands = parser.add_subparsers(metavar="COMMAND")
    for family in (_town, _processes, _people, _books, _evidence, _measures, _house):
        family(commands)
    _add(commands, "help", lambda _: _usage(parser), "this list")
    return parser


def _add(commands: Commands, name: str, run: Command, help: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
    made.set_defaults(run=run)
    return made


def _add_group(commands: Commands, name: str, help: str) -> Commands:
    made = commands.add_parser(name, help=help, description=help)
    made.set_defaults(run=lambda _: _usage(made))
    return made.add_subparsers(metavar="COMMAND")


def _town(commands: Commands) -> None:
    demo = _add(commands, "demo", _demo, "a living town with its own database; Ctrl-C ends it")
    demo.add_argument("--check", action="store_true", help="drive the whole story, exit 0 or 1")
    demo.add_argument("--port", type=int, default=8000, help="0 for any free port")
    demo.add_argument("--bills", type=int, default=12, help="how many open bills the town has")
    demo.add_argument(
        "--info", type=Path, help="write addresses, keys and process ids here, as JSON"
    )
    demo.add_argument("--data", type=Path, help="where the town's database lives")
    seed = _add(commands, "seed", _seed, "put the demo town into MIZON_DATABASE_URL")
    seed.add_argument("--bills", type=int, default=12)


def _processes(commands: Commands) -> None:
    serve = _add(commands, "serve", _serve, "pages and callbacks, on MIZON_DATABASE_URL")
    provider = _add(commands, "provider", _provider, "the sandbox provider, in place of real keys")
    for listener, port in ((serve, 8000), (provider, 8010)):
        listener.add_argument("--host", default="127.0.0.1")
        listener.add_argument("--port", type=int, default=port)
        listener.add_argument("--fd", type=int, help="an open listening socket, in place of them")
    provider.add_argument("--journal", type=Path, help="file in which the provider remembers")
    _add(commands, "work", _work, "the worker: callbacks and jobs; run as many as you like")
    _add(commands, "migrate", _migrate, "bring MIZON_OWNER_DATABASE_URL to the newest version")


def _people(commands: Commands) -> None:
    staff = _add_group(commands, "staff", "members of staff: add, disable")
    hire = _add(staff, "add", _staff_add, "add a person, and print the password once")
    hire.add_argument("login")
    hire.add_argument("--name", required=True)
    hire.add_argument("--role", required=True, choices=[role.value for role in Role])
    hire.add_argument("--org", type=int, required=True, help="org_id the role is held in")
    leave = _add(staff, "disable", _staff_disable, "end every session of a person, for good")
    leave.add_argument("login")


def _books(commands: Commands) -> None:
    prove = _add(commands, "prove", _prove, "recompute all books; shut those that do not agree")
    reconcile = _add(commands, "reconcile", _reconcile, "read settlements, match, post, prove")
    bank = _add_group(commands, "bank", "bank statement files: check, import")
    check = _add(bank, "check", _bank_check, "judge files without a database")
    take = _add(bank, "import", _bank_import, "keep files, and accept what passes the gate")
    for command in (check, take):
        command.add_argument("files", nargs="+", metavar="FILE")
    _keeping(commands)
    export = _add(commands, "export", _export, "a book as text that other tools add up again")
    export.add_argument("format", choices=("hledger", "beancount", "csv"))
    export.add_argument("--book", type=int, required=True, help="org_id whose book it is")
    export.add_argument("--from", dest="first", type=date.fromisoformat, metavar="DAY")
    export.add_argument("--to", dest="last", type=date.fromisoformat, metavar="DAY")
    for command in (prove, reconcile, check, take):
        command.add_argument(
            "--json", action="store_true", help="for scripts; a line for each file"
        )


def _keeping(commands: Commands) -> None:
    books = _add_group(commands, "books", "books that are shut: list, open, approve")
    _add(books, "list", _books_list, "every book, and why it is shut")
    ask = _add(books, "open", _books_open, "ask that a shut book be opened")
    ask.add_argument("--reason", required=True)
    approve = _add(books, "approve", _books_approve, "open it, as somebody else has asked")
    for command in (ask, approve):
        command.add_argument("org", type=int, help="org_id whose book it is")
        command.add_argument("--login", required=True, help="who you are; asks for the password")


def _measures(commands: Commands) -> None:
    bench = _add_group(commands, "bench", "measure: ledger")
    ledger = _add(bench, "ledger", _bench_ledger, "the ledger against two hand-written floors")
    ledger.add_argument("--json", action="store_true", help="rows for scripts")
    ledger.add_argument(
        "--long", action="store_true", help="three seconds each, and five million rows"
    )
    ledger.add_argument(
        "--seconds", type=int, metavar="N", help="of each measurement in each round"
    )
    ledger.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="single lane batch books size prove statement sustained floors",
    )


def _evidence(commands: Commands) -> None:
    keys = _add_group(commands, "keys", "keys that sign heads: new")
    new = _add(keys, "new", _of_evidence("new_key"), "make a key, and print both halves once")
    new.add_argument("name", help="the name that its heads begin with: ledger.example.uz")
    heads = _add_group(commands, "heads", "signed heads: compare")
    compare = _add(
        heads,
        "compare",
        _of_evidence("compare_heads"),
        "hold heads kept elsewhere against our trees",
    )
    verify = _add(commands, "verify", _verify, "check heads, receipts, pairs and dumps offline")
    for command in (compare, verify):
        command.add_argument("files", nargs="+", metavar="FILE")
        command.add_argument(
            "--key", action="append", required=True, help="a public key, or its file"
        )
    dump = _add(commands, "dump", _of_evidence("dump"), "a whole book, for a stranger's verifier")
    dump.add_argument("--documents", action="store_true", help="with documents: personal data")
    erase = _add(
        commands, "erase", _of_evidence("erase"), "erase an entry's document; its proofs stay valid"
    )
    erase.add_argument("--journal", type=UUID, required=True)
    erase.add_argument("--by", required=True, help="sign-in name of who decides it")
    erase.add_argument("--reason", required=True, help="why; kept in history")
    for command in (dump, erase):
        command.add_argument("--book", type=int, required=True, help="org_id whose book it is")


def _house(commands: Commands) -> None:
    _add(commands, "check", _check, "format, lint, types, import arrows")
    _add(commands, "fix", _fix, "format and mend what can be mended by itself")
    test = _add(commands, "test", _test, "check, and the whole suite on a real PostgreSQL")
    test.add_argument("rest", nargs=argparse.REMAINDER, help="given on to pytest")
    _add(commands, "doctor", _doctor, "say what this machine has and lacks")


def _usage(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0


def _demo(options: argparse.Namespace) -> int:
    if options.check:
        from service.demo.check import run_check

        return run_check(bills=options.bills)
    from service.demo.town_hall import run_demo

    return run_demo(port=options.port, bills=options.bills, info=options.info, data=options.data)


def _serve(options: argparse.Namespace) -> int:
    from service.processes import serve

    return serve(host=options.host, port=options.port, fd=options.fd)


def _work(_: argparse.Namespace) -> int:
    from service.processes import run_worker

    return run_worker()


def _provider(options: argparse.Namespace) -> int:
    from service.processes import run_provider

    return run_provider(
        host=options.host, port=options.port, fd=options.fd, journal=options.journal
    )


def _migrate(_: argparse.Namespace) -> int:
    from migrations.upgrade import migrate, version_of
    from service.settings import read_settings

    url = read_settings().owner_database_url
    migrate(url)
    print(f"The database has version {version_of(url)}.")
    return 0


def _seed(options: argparse.Namespace) -> int:
    from foundation.database import Database
    from service.demo.town import build_town
    from service.settings import read_settings

    settings = read_settings()
    town = build_town(
        Database(settings.database_url), settings.operator_account, bills=options.bills
    )
    for member in town.staff:
        print(f"{member.role}: {member.login} / {member.password}")
    return 0


def _staff_add(options: argparse.Namespace) -> int:
    from service.staff import add

    return add(options.login, name=options.name, role=options.role, org_id=options.org)


def _staff_disable(options: argparse.Namespace) -> int:
    from service.staff import disable

    return disable(options.login)


def _prove(options: argparse.Namespace) -> int:
    from service.books import prove_books

    return prove_books(as_json=options.json)


def _reconcile(options: argparse.Namespace) -> int:
    from service.books import reconcile_now

    return reconcile_now(as_json=options.json)


def _export(options: argparse.Namespace) -> int:
    from service.exporting import export_book

    return export_book(options.format, options.book, first=options.first, last=options.last)


def _books_list(_: argparse.Namespace) -> int:
    from service.keeping import list_books

    return list_books()


def _books_open(options: argparse.Namespace) -> int:
    from service.keeping import ask_to_open

    return ask_to_open(options.org, login=options.login, reason=options.reason)


def _books_approve(options: argparse.Namespace) -> int:
    from service.keeping import approve

    return approve(options.org, login=options.login)


def _bank_check(options: argparse.Namespace) -> int:
    from service.bank_files import check_files

    return check_files(options.files, as_json=options.json)


def _bank_import(options: argparse.Namespace) -> int:
    from service.bank_files import import_files

    return import_files(options.files, as_json=options.json)


def _bench_ledger(options: argparse.Namespace) -> int:
    from service.bench.ledger import bench_ledger

    return bench_ledger(
        as_rows=options.json, long=options.long, seconds=options.seconds, only=options.only
    )


def _of_evidence(name: str) -> Command:
    def run(options: argparse.Namespace) -> int:
        from service import evidence

        command: Command = getattr(evidence, name)
        return command(options)

    return run


def _verify(options: argparse.Namespace) -> int:
    from ledger.verify import run

    return run(options.files, options.key)


def _check(_: argparse.Namespace) -> int:
    from service.quality import check

    return check()


def _fix(_: argparse.Namespace) -> int:
    from service.quality import fix

    return fix()


def _test(options: argparse.Namespace) -> int:
    from service.quality import test

    return test(options.rest)


def _doctor(_: argparse.Namespace) -> int:
    from service.doctor import examine

    report = examine()
    print(json.dumps(report, indent=2, ensure_ascii=False))
    return 0

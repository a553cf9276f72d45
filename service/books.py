"""`mizon prove` and `mizon reconcile`: the books from the command line."""

import json
import sys
from collections.abc import Sequence
from contextlib import closing

from foundation.clock import now
from foundation.database import Database
from identity.actor import system_actor
from ledger.books import Check
from payments.checkout import Till
from payments.reconciliation.proving import RULES, Proof
from payments.reconciliation.proving import prove_books as prove_all
from payments.reconciliation.run import reconcile
from service.progress import ProofProgress
from service.settings import read_settings
from service.wiring import gateways


def prove_books(*, as_json: bool) -> int:
    """Examine every rule, shut the books that do not agree, keep the result; exit 1 at a difference."""
    watch = ProofProgress(RULES, None if as_json else _line)
    with closing(Database(read_settings().database_url, name="mizon prove")) as database:
        proof = prove_all(database, by=system_actor("prove"), at=now(), watch=watch)
    if as_json:
        _print_json(proof.as_json())
    else:
        _say_what_differs(proof)
    return 1 if proof.broken else 0


def reconcile_now(*, as_json: bool) -> int:
    """One run by hand; exit 1 when a proof finds a difference."""
    settings = read_settings()
    database = Database(settings.database_url, name="mizon reconcile")
    taking = Till(database, gateways(settings), settings.base_url)
    if not taking.gateways:
        print("No provider is configured: settlement reports are not read.", file=sys.stderr)
    run = reconcile(taking, by=system_actor("reconcile"), at=now())
    database.close()
    differences = [check for check in run.proof if check["difference"]]
    if as_json:
        _print_json({"counts": run.counts, "proof": run.proof})
    else:
        for name, count in run.counts.items():
            print(f"{name:16} {count}")
        for check in run.proof:
            print(f"{'DIFFERS' if check['difference'] else 'holds  '} {check['sentence']}")
    return 1 if differences else 0


def _line(check: Check) -> str:
    mark = "holds  " if check.holds else "DIFFERS"
    counted = f"{check.examined:>11,} {check.milliseconds:>7,} ms"
    return f"{mark} {check.name:20} {counted}  {check.sentence}"


def _say_what_differs(proof: Proof) -> None:
    for check in proof.broken:
        print(f"First difference, {check}", file=sys.stderr)
        if check.books:
            print(f"  in the books {_listed(check.books)}", file=sys.stderr)
    if proof.differing:
        print(f"Books that do not agree: {_listed(proof.differing)}", file=sys.stderr)
        print(f"Shut just now: {_listed(proof.shut) or 'none'}", file=sys.stderr)


def _listed(books: Sequence[int]) -> str:
    return ", ".join(map(str, books))


def _print_json(told: object) -> None:
    print(json.dumps(told, ensure_ascii=False, default=str, indent=2))

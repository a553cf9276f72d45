"""`mizon prove` and `mizon reconcile`: the books from the command line."""

import json
import sys

from sqlalchemy import text

from foundation.clock import now
from foundation.database import Database
from identity.actor import system_actor
from ledger.books import prove
from ledger.rules import RULES as LEDGER_RULES
from payments.checkout import Till
from payments.reconciliation.proof import RULES as PAYMENT_RULES
from payments.reconciliation.run import reconcile
from service.settings import read_settings
from service.wiring import gateways


def prove_books(*, as_json: bool) -> int:
    """Examine every rule; exit 1 at the first difference, which is named."""
    database = Database(read_settings().database_url, name="mizon prove")
    found = []
    with database.transaction() as session:
        # One snapshot for all rules, and as long as the books need.
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        session.execute(text("SET LOCAL statement_timeout = 0"))
        for check in prove(session, LEDGER_RULES + PAYMENT_RULES):
            found.append(check)
            if not as_json:
                mark = "holds  " if check.holds else "DIFFERS"
                print(f"{mark} {check.name:20} {check.examined:>9}  {check.sentence}", flush=True)
    database.close()
    broken = [check for check in found if not check.holds]
    if as_json:
        _print_json(
            {
                "holds": not broken,
                "checks": [
                    {
                        "name": check.name,
                        "sentence": check.sentence,
                        "examined": check.examined,
                        "difference": check.difference,
                    }
                    for check in found
                ],
            }
        )
    elif broken:
        print(f"First difference, {broken[0].name}: {broken[0].difference}", file=sys.stderr)
    return 1 if broken else 0


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


def _print_json(told: object) -> None:
    print(json.dumps(told, ensure_ascii=False, default=str, indent=2))

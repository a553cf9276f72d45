"""`mizon prove` and `mizon books`: what they print, what they answer, and who may open a book."""

import io
import json

import pytest

from foundation.clock import now
from foundation.errors import Refusal
from foundation.ids import new_id
from identity.roles import Role
from identity.sessions import SignInRefused
from identity.users import add_staff_member, grant_role
from ledger.periods.moves import SamePerson
from ledger.proof_results import last_proof
from payments.reconciliation.proving import RULES
from service import keeping, progress
from service.books import prove_books
from service.cli import main
from service.demo.town import OPERATOR
from tests.given import AGENCY, OTHER_AGENCY
from tests.superuser import as_superuser

DAMAGE = "UPDATE ledger.account SET posted = posted {} 1 WHERE org_id = 2 AND number = '4010'"
PASSWORD = "as long as a sentence"
REASON = "the row was put back as the backup has it"


@pytest.fixture
def town(db, given, owner_url, monkeypatch):
    monkeypatch.setenv("MIZON_DATABASE_URL", owner_url)
    given.settled_charge(given.open_bill())
    with db.transaction() as session:
        for login, role in (
            ("karima", Role.CHIEF_ACCOUNTANT),
            ("botir", Role.CHIEF_ACCOUNTANT),
            ("dilnoza", Role.FINANCE_OFFICER),
        ):
            member = add_staff_member(
                session, id=new_id(), login=login, name=login, password=PASSWORD, at=now()
            )
            grant_role(session, member, role, org_id=OPERATOR)
    return db


@pytest.fixture
def types(monkeypatch):
    def answer(password: str = PASSWORD) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))

    return answer


def test_a_proof_that_holds_prints_a_line_a_rule_and_answers_nothing_is_wrong(town, capsys):
    assert prove_books(as_json=False) == 0

    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert [line.split()[1] for line in lines] == [rule.name for rule in RULES]
    assert all(line.startswith("holds ") for line in lines)
    assert told.err == ""
    with town.transaction() as session:
        kept = last_proof(session, OPERATOR)
    assert (kept.by, kept.broken) == ("system:prove", 0)


def test_a_proof_that_differs_names_each_difference_its_books_and_what_was_shut(
    town, capsys, owner_url
):
    as_superuser(owner_url, DAMAGE.format("+"))

    assert prove_books(as_json=False) == 1
    told = capsys.readouterr()
    assert "DIFFERS balances" in told.out
    first, its_books, second, *_ = told.err.splitlines()
    assert first.startswith("First difference, balances: org_id 2, account ")
    assert its_books == "  in the books 2"
    assert second.startswith("First difference, trial-balance: org_id 2, currency 860")
    assert told.err.endswith("Books that do not agree: 2\nShut just now: 2\n")

    assert prove_books(as_json=False) == 1
    assert capsys.readouterr().err.endswith("Shut just now: none\n")


def test_the_json_of_a_proof_has_each_rule_and_the_books(town, capsys, owner_url):
    as_superuser(owner_url, DAMAGE.format("+"))

    assert prove_books(as_json=True) == 1
    told = capsys.readouterr()
    proof = json.loads(told.out)
    assert told.err == ""
    assert set(proof) == {"proof", "holds", "books", "checks"}
    assert (proof["holds"], proof["books"]) == (False, {"differing": [2], "shut": [2]})
    assert [check["name"] for check in proof["checks"]] == [rule.name for rule in RULES]
    shape = {"name", "sentence", "examined", "milliseconds", "books", "difference"}
    assert all(set(check) == shape for check in proof["checks"])
    (broken, _) = [check for check in proof["checks"] if check["difference"]]
    assert list(broken["difference"])[:3] == ["org_id", "account", "number"]


def test_on_a_terminal_a_bar_says_which_rule_is_under_way(town, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "TICK_SECONDS", 0)
    assert prove_books(as_json=True) == 0

    told = capsys.readouterr()
    assert json.loads(told.out)["holds"]
    assert f"] rule 1 of {len(RULES)}: balances, 0 s" in told.err
    assert told.err.endswith("\r\x1b[K"), "the line is left clean"


def test_a_shut_book_is_listed_with_its_reason_and_opened_by_two(town, capsys, owner_url, types):
    as_superuser(owner_url, DAMAGE.format("+"))
    prove_books(as_json=True)
    capsys.readouterr()
    assert main(["books", "list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in listed] == [["1", "open"], ["2", "shut"], ["3", "open"]]
    assert "by system:prove: balances: org_id 2" in listed[1]

    types()
    assert main(["books", "open", str(AGENCY), "--login", "karima", "--reason", REASON]) == 0
    assert main(["books", "list"]) == 0
    assert f"staff:karima asks to open it: {REASON}" in capsys.readouterr().out

    as_superuser(owner_url, DAMAGE.format("-"))
    assert prove_books(as_json=True) == 0
    types()
    with pytest.raises(SamePerson):
        keeping.approve(AGENCY, login="karima")
    types()
    assert main(["books", "approve", str(AGENCY), "--login", "botir"]) == 0
    capsys.readouterr()
    assert main(["books", "list"]) == 0
    assert {line.split()[1] for line in capsys.readouterr().out.splitlines()} == {"open"}


@pytest.mark.parametrize(
    ("login", "password", "refusal"),
    [
        ("karima", "a guess", SignInRefused),
        ("nobody", PASSWORD, SignInRefused),
        ("dilnoza", PASSWORD, keeping.KeepsNoBooks),
    ],
)
def test_only_who_keeps_the_books_may_ask(town, types, login, password, refusal):
    types(password)
    with pytest.raises(Refusal) as refused:
        keeping.ask_to_open(OTHER_AGENCY, login=login, reason=REASON)
    assert refused.type is refusal

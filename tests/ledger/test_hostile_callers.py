"""Whoever calls the writer with arrays that do not fit gets an exception, and nothing is half done."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest

from foundation.database import Database
from ledger.journals import Outcome, Transfer
from ledger.money import UZS
from tests.conftest import TEMPLATE, _copy
from tests.ledger.desk import CLEARING, CREDIT, INCOME, Desk

CASTS = {
    "accounts": "bigint",
    "journals": "uuid",
    "hashes": "bytea",
    "kinds": "smallint",
    "effectives": "date",
    "sizes": "smallint",
    "docs": "text",
    "debits": "integer",
    "credits": "integer",
    "amounts": "bigint",
    "actions": "smallint",
    "hold_keys": "uuid",
    "expiries": "timestamptz",
    "originals": "bigint",
}
ARRAYS = ", ".join(f"{name} => %({name})s::{cast}[]" for name, cast in CASTS.items())
POST = f"SELECT outcomes FROM ledger.post(book => %(book)s, {ARRAYS})"
INVALID = "22023"


def literal(values: list[str]) -> str:
    return "{" + ",".join(values) + "}"


MISSHAPEN = {
    "missing": lambda _: None,
    "too short": lambda values: literal(values[:-1]),
    "too long": lambda values: literal([*values, values[-1]]),
    "of two dimensions": lambda values: "{" + literal(values) + "}",
    "counted from nought": lambda values: f"[0:{len(values) - 1}]={literal(values)}",
    "counted from two": lambda values: f"[2:{len(values) + 1}]={literal(values)}",
}
# These may be left out: then nothing is kept beside, and no place points to an account.
HARMLESS = {
    ("missing", "docs"): [1, 1],
    ("missing", "accounts"): [3, 3],
    ("too short", "accounts"): [3, 3],
}


@dataclass
class Caller:
    """Calls `ledger.post` as the service's role may: a journal that moves twice, and one that holds."""

    desk: Desk
    connection: psycopg.Connection

    def sound(self) -> dict[str, list[str]]:
        ids = sorted([self.desk.id(CLEARING), self.desk.id(INCOME)])
        debit, credit = (str(ids.index(self.desk.id(key)) + 1) for key in (CLEARING, INCOME))
        return {
            "accounts": [str(account) for account in ids],
            "journals": [str(uuid4()), str(uuid4())],
            "hashes": ["a", "b"],
            "kinds": ["1", "1"],
            "effectives": ["2026-11-20"] * 2,
            "sizes": ["2", "1"],
            "docs": ["NULL", '"{}"'],
            "debits": [debit] * 3,
            "credits": [credit] * 3,
            "amounts": ["1", "20", "300"],
            "actions": ["1", "1", "2"],
            "hold_keys": ["NULL", "NULL", str(uuid4())],
            "expiries": ["NULL"] * 3,
            "originals": ["NULL"] * 3,
        }

    def call(self, book: int | None = 1, **exchanged: str | None) -> list[int]:
        arrays = {name: literal(values) for name, values in self.sound().items()}
        return self.connection.execute(POST, arrays | {"book": book} | exchanged).fetchone()[0]

    def state(self, **exchanged: str | None) -> str:
        try:
            return str(self.call(**exchanged))
        except psycopg.Error as fault:
            return fault.sqlstate


@pytest.fixture(scope="module")
def caller(server, admin, service_login) -> Iterator[Caller]:
    """One book for all of them: whatever is tried, it goes on and proves."""
    address = _copy(server, admin, TEMPLATE)
    with closing(Database(next(address))) as database:
        url = server.url(service_login, database.engine.url.database)
        with psycopg.connect(url, options="-c role=mizon_app", autocommit=True) as connection:
            yield Caller(Desk(database).open(), connection)
    next(address, None)


@pytest.fixture(autouse=True)
def proved(caller) -> Iterator[None]:
    """After each of them the books hold."""
    yield
    caller.desk.proves()


def written(desk: Desk) -> tuple[int, ...]:
    tables = ("journal", "transfer", "hold", "hold_line", "unsealed", "landmark")
    with desk.database.transaction() as session:
        connection = session.connection()
        return tuple(
            connection.exec_driver_sql(f"SELECT count(*) FROM ledger.{table}").scalar_one()
            for table in tables
        )


def test_arrays_that_do_not_agree_raise_and_leave_nothing(caller):
    assert caller.call() == [1, 1]
    before, sound = written(caller.desk), caller.sound()
    told = {
        (how, name): caller.state(**{name: exchanged(values)})
        for how, exchanged in MISSHAPEN.items()
        for name, values in sound.items()
        if (how, name) not in HARMLESS
    }
    # NULL where the sizes of things come from is the one fault that PostgreSQL finds before we do.
    assert set(told.values()) <= {INVALID, "22004"}
    assert {told["too short", name] for name in sound if name != "accounts"} == {INVALID}
    assert written(caller.desk) == before


@pytest.mark.parametrize(("how", "name"), sorted(HARMLESS))
def test_what_nobody_points_to_does_no_harm(caller, how, name):
    assert caller.call(**{name: MISSHAPEN[how](caller.sound()[name])}) == HARMLESS[how, name]


@pytest.mark.parametrize("name", CASTS)
def test_a_null_among_the_values_is_refused_or_raises_but_is_never_half_done(caller, name):
    values = caller.sound()[name]
    for place in range(len(values)):
        with_null = [*values[:place], "NULL", *values[place + 1 :]]
        caller.state(**{name: literal(with_null)})


@pytest.mark.parametrize(
    "exchanged",
    [
        {"accounts": "{2,1}"},
        {"accounts": "{1,1}"},
        {"accounts": "{1,NULL,1}"},
        {"sizes": "{4,-1}"},
        {"sizes": "{1,1}"},
        {"sizes": "{3,1}"},
        {"actions": "{1,7,2}"},
        {"actions": "{1,0,2}"},
        {
            "hold_keys": "{00000000-0000-0000-0000-000000000001,NULL,00000000-0000-0000-0000-000000000002}"
        },
        {"originals": "{8192,NULL,NULL}"},
        {"originals": "{NULL,NULL,8192}"},
        {"docs": "{NULL,{not json}"},
        {"docs": '{NULL,"{\\"nul\\": \\"\\\\u0000\\"}"}'},
        {"amounts": "{1,20,99999999999999999999}"},
    ],
    ids=str,
)
def test_a_call_that_makes_no_sense_raises_and_leaves_nothing(caller, exchanged):
    before = written(caller.desk)
    with pytest.raises(psycopg.DataError):
        caller.call(**exchanged)
    assert written(caller.desk) == before


@pytest.mark.parametrize(
    ("exchanged", "outcomes"),
    [
        ({"debits": "{9,9,9}"}, [3, 3]),
        ({"debits": "{0,-1,9}"}, [3, 3]),
        ({"amounts": "{1,-9223372036854775808,300}"}, [5, 1]),
        ({"effectives": "{infinity,-infinity}"}, [12, 12]),
        ({"effectives": "{0001-01-01 BC,5874897-12-31}"}, [12, 12]),
        ({"expiries": "{NULL,NULL,-infinity}"}, [1, 15]),
        ({"expiries": "{NULL,NULL,infinity}"}, [1, 1]),
    ],
    ids=str,
)
def test_the_ends_of_every_scale_are_answered_with_a_code(caller, exchanged, outcomes):
    assert caller.call(**exchanged) == outcomes


@pytest.mark.parametrize("book", [None, -1, 0, 3, 2**31 - 1])
def test_a_book_that_was_never_opened_takes_nothing(caller, book):
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        caller.call(book=book)


def test_accounts_of_another_book_are_unknown_in_this_one(caller):
    other = caller.desk.id(CLEARING, org_id=2), caller.desk.id(CREDIT, org_id=2)
    assert caller.call(accounts=literal([str(account) for account in sorted(other)])) == [3, 3]
    assert {caller.desk.balance(key, org_id=2) for key in (CLEARING, CREDIT)} == {"0.00"}
    one = "SELECT outcomes FROM ledger.post_one(1, %s, %s, 5, %s, '', 1::smallint, %s, NULL)"
    mixed = (caller.desk.id(CLEARING), other[1], uuid4(), "2026-11-20")
    assert caller.connection.execute(one, mixed).fetchone() == ([3],)


@pytest.mark.parametrize("missing", range(8))
def test_a_null_to_the_short_way_is_refused_or_raises_but_is_never_half_done(caller, missing):
    values = [
        1,
        caller.desk.id(CLEARING),
        caller.desk.id(INCOME),
        5,
        uuid4(),
        b"a",
        1,
        "2026-11-20",
    ]
    values[missing] = None
    one = (
        "SELECT outcomes FROM ledger.post_one(%s::integer, %s::bigint, %s::bigint, %s::bigint, %s::uuid,"
        " %s::bytea, %s::smallint, %s::date, NULL)"
    )
    before = written(caller.desk)
    try:
        outcomes = caller.connection.execute(one, values).fetchone()[0]
    except psycopg.Error:
        assert written(caller.desk) == before
    else:
        assert outcomes[0] in {3, 5, 12}


@pytest.mark.xfail(
    strict=True, reason="open_accounts takes any number as a side; told to its owner"
)
def test_an_account_has_one_of_two_sides(caller):
    opening = (
        "SELECT ledger.open_accounts(1, ARRAY['9'], ARRAY[''], ARRAY[860]::smallint[],"
        " ARRAY[5]::smallint[], ARRAY[NULL]::bigint[])"
    )
    with pytest.raises(psycopg.Error), caller.connection.transaction(force_rollback=True):
        caller.connection.execute(opening)


def test_after_all_of_it_the_service_posts_as_before(caller):
    assert caller.desk.does(Transfer(CLEARING, INCOME, UZS("1"))) is Outcome.POSTED

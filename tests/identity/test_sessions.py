"""Signing in: who cannot, for how long one stays, and what is left in the database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from foundation.database import Database
from foundation.ids import new_id
from identity import sessions, users
from identity.roles import Role
from identity.sessions import (
    ATTEMPTS_ALLOWED,
    ATTEMPTS_WINDOW,
    IDLE,
    LIFETIME,
    SignInRefused,
    TooManyAttempts,
    sign_in,
    sign_out,
    signed_in,
)
from identity.users import (
    add_staff_member,
    disable_staff_member,
    grant_role,
    hash_password,
)
from service.demo.town import OPERATOR
from tests.superuser import as_superuser, rows

NOON = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module", autouse=True)
def quick_passwords():
    """argon2 as ever, with little memory: what is tested here is who passes, not how slowly."""
    slow = users._hasher()
    with pytest.MonkeyPatch.context() as patch:
        quick = type(slow)(time_cost=1, memory_cost=64, parallelism=1)
        patch.setattr(users, "_hasher", lambda: quick)
        users.decoy_hash.cache_clear()
        yield
    users.decoy_hash.cache_clear()


@pytest.fixture
def staff(db: Database) -> Database:
    with db.transaction() as session:
        member = add_staff_member(
            session, id=new_id(), login="nodira", name="Nodira", password=PASSWORD, at=NOON
        )
        grant_role(session, member, Role.FINANCE_OFFICER, org_id=OPERATOR)
    return db


def enter(staff: Database, login: str = "nodira", password: str = PASSWORD, at=NOON) -> str:
    return sign_in(staff, login=login, password=password, at=at)


def who(staff: Database, token: str, at: datetime = NOON):
    with staff.transaction() as session:
        return signed_in(session, token, at=at)


@pytest.mark.parametrize(
    "password", ["", " ", PASSWORD.upper(), PASSWORD + " ", "\x00", "ў" * 9000]
)
def test_a_wrong_password_is_refused(staff, password):
    with pytest.raises(SignInRefused):
        enter(staff, password=password)


@pytest.mark.parametrize("login", ["", "nobody", "nodira\x00x", "\ud800", "'; --", "n" * 5000])
def test_an_unknown_name_is_refused_in_the_same_words(staff, login):
    with pytest.raises(SignInRefused) as unknown:
        enter(staff, login=login)
    with pytest.raises(SignInRefused) as wrong:
        enter(staff, password="wrong")

    assert unknown.value.sentence() == wrong.value.sentence()
    assert unknown.value.status == wrong.value.status


def test_an_unknown_name_costs_as_much_argon2_as_a_known_one(staff, monkeypatch):
    checked: list[str] = []

    def counting(hashed: str, password: str) -> bool:
        checked.append(hashed)
        return users.password_matches(hashed, password)

    monkeypatch.setattr(sessions, "password_matches", counting)
    for login in ("nobody", "nodira"):
        with pytest.raises(SignInRefused):
            enter(staff, login=login, password="wrong")

    decoy, real = checked
    assert decoy.rsplit("$", 2)[0] == real.rsplit("$", 2)[0], "the same algorithm and cost"


def test_a_disabled_member_is_refused_and_thrown_out(staff, owner_url):
    token = enter(staff)
    as_superuser(owner_url, "UPDATE identity.staff_member SET disabled_at = now()")

    assert who(staff, token) is None
    with pytest.raises(SignInRefused):
        enter(staff)


def test_after_ten_wrong_passwords_not_even_the_right_one_passes_for_a_quarter_of_an_hour(staff):
    for _ in range(ATTEMPTS_ALLOWED):
        with pytest.raises(SignInRefused):
            enter(staff, password="wrong")

    with pytest.raises(TooManyAttempts) as refusal:
        enter(staff)
    assert refusal.value.status == 429
    assert enter(staff, at=NOON + ATTEMPTS_WINDOW)


def test_the_brake_is_for_one_name_however_it_is_spelt(staff):
    for spelling in ("NODIRA", " nodira", "Nodira ") * 4:
        with pytest.raises((SignInRefused, TooManyAttempts)):
            enter(staff, login=spelling, password="wrong")

    with pytest.raises(TooManyAttempts):
        enter(staff)
    with pytest.raises(SignInRefused):
        enter(staff, login="somebody else")


def test_a_right_password_is_no_attempt_at_guessing(staff):
    for _ in range(ATTEMPTS_ALLOWED + 2):
        enter(staff)

    assert enter(staff)


def test_an_unknown_token_is_nobody(staff):
    enter(staff)
    for token in ("", "x" * 43, "\x00", "'"):
        assert who(staff, token) is None


def test_a_session_ends_after_twelve_hours_however_busy_it_was(staff):
    token = enter(staff)
    at = NOON
    while at + timedelta(minutes=30) < NOON + LIFETIME:
        at += timedelta(minutes=30)
        assert who(staff, token, at) is not None

    assert who(staff, token, NOON + LIFETIME) is None


def test_a_session_that_is_idle_for_an_hour_is_over_for_good(staff):
    token = enter(staff)

    assert who(staff, token, NOON + IDLE) is not None
    assert who(staff, token, NOON + IDLE + IDLE + timedelta(seconds=1)) is None


def test_signing_out_ends_this_session_and_no_other(staff):
    here, there = enter(staff), enter(staff)
    with staff.transaction() as session:
        sign_out(session, here, at=NOON)

    assert who(staff, here) is None
    assert who(staff, there) is not None


def test_a_disabled_person_is_out_of_every_session_at_once(staff):
    tokens = [enter(staff) for _ in range(3)]
    member, _ = who(staff, tokens[0])
    with staff.transaction() as session:
        disable_staff_member(session, member.login, at=NOON)

    assert [who(staff, token) for token in tokens] == [None, None, None]


def test_the_database_holds_neither_token_nor_password(staff, owner_url):
    token = enter(staff)

    everything = repr(
        rows(owner_url, "SELECT s::text FROM identity.session s")
        + rows(owner_url, "SELECT m::text FROM identity.staff_member m")
        + rows(owner_url, "SELECT a::text FROM identity.sign_in_attempt a")
    )
    assert token not in everything
    assert token.encode().hex() not in everything
    assert PASSWORD not in everything
    assert "$argon2id$" in everything


def test_two_people_with_one_password_have_two_hashes():
    assert hash_password(PASSWORD) != hash_password(PASSWORD)


def test_every_sign_in_has_a_token_of_its_own(staff):
    with ThreadPoolExecutor(4) as pool:
        tokens = list(pool.map(lambda _: enter(staff), range(8)))

    assert len(set(tokens)) == 8
    assert min(map(len, tokens)) >= 43


def test_who_is_signed_in_comes_with_name_and_roles(staff):
    member, actor = who(staff, enter(staff, login=" Nodira "))

    assert member.name == "Nodira"
    assert str(actor) == "staff:nodira"
    assert actor.grants == {(Role.FINANCE_OFFICER, OPERATOR)}

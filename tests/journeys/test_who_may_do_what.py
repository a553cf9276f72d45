"""Every staff address of the app: closed to strangers, to other sites, and to roles it is not for."""

import re

import pytest
from fastapi.routing import iter_route_contexts

from foundation.clock import now
from foundation.ids import new_id
from identity.roles import Role
from identity.users import add_staff_member, grant_role
from service.app import MOST_BODY_BYTES, create_app
from service.demo.town import OPERATOR
from service.wiring import till
from tests.given import AGENCY, OTHER_AGENCY
from tests.journeys.books import attempts
from tests.journeys.people import Officer

pytestmark = pytest.mark.xdist_group("town")

OPEN_TO_ALL = {"GET /staff/sign-in", "POST /staff/sessions", "POST /staff/sessions/end"}
# What an agency's clerk may do; whatever is not here must be refused, a new address above all.
OPEN_TO_CLERKS = {
    "GET /staff",
    "GET /staff/bills",
    "GET /staff/bills/new",
    "POST /staff/bills",
    "POST /staff/bills/{reference}/cancellation",
    "GET /staff/payments/{handle}",
}
CLERKS_ONLY = {
    "GET /staff/bills/new",
    "POST /staff/bills",
    "POST /staff/bills/{reference}/cancellation",
}
# What changes the books by hand, or proves them: the chief accountant's.
KEEPERS_ONLY = {
    "POST /staff/books/{org_id}/accounts/{account_id}/limits",
    "POST /staff/books/{org_id}/accounts/{account_id}/moves",
    "POST /staff/books/{org_id}/journals/{journal}/reversals",
    "POST /staff/books/{org_id}/periods/{last_day}/closing",
    "POST /staff/books/{org_id}/periods/{last_day}/reopening/approval",
    "POST /staff/proof/runs",
    "POST /staff/proof/books/{org_id}/opening",
    "POST /staff/proof/books/{org_id}/approval",
}
OF_ANOTHER_PAGE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
)
PASSWORD = "as long as a sentence"


@pytest.fixture(scope="module")
def addresses(town):
    """Every "METHOD /path" of the app under /staff, from the app itself."""
    app = create_app(town.settings)
    app.state.till.database.close()
    found = {
        f"{method} {route.path}"
        for route in iter_route_contexts(app.routes)
        for method in route.methods or ()
        if route.path.startswith("/staff")
    }
    assert len(found) >= len(OPEN_TO_ALL | OPEN_TO_CLERKS)
    return sorted(found)


@pytest.fixture(scope="module")
def hire(town):
    """A member of staff with these roles, signed in."""
    hired = []
    opened = till(town.settings, name="mizon hiring", pool_size=1)

    def signed_in(*grants):
        login = f"staff-{new_id().hex[-12:]}"
        with opened.database.transaction() as session:
            member = add_staff_member(
                session, id=new_id(), login=login, name="Olim", password=PASSWORD, at=now()
            )
            for role, org_id in grants:
                grant_role(session, member, role, org_id=org_id)
        hired.append(Officer(town, login, PASSWORD))
        hired[-1].sign_in()
        return hired[-1]

    yield signed_in
    opened.database.close()
    for person in hired:
        person.close()


def ask(person, address, headers=None, path_values="1"):
    method, path = address.split()
    return person.http.request(method, re.sub(r"\{\w+\}", path_values, path), headers=headers)


def test_every_address_sends_a_stranger_to_the_sign_in(citizen, addresses):
    for address in addresses:
        if address in OPEN_TO_ALL:
            continue
        answer = ask(citizen, address)
        assert answer.status_code == 303, address
        assert answer.headers["location"].startswith("/staff/sign-in"), address


def test_a_cookie_that_was_made_up_is_no_session(town, citizen, addresses):
    citizen.http.cookies.set("mizon", "A" * 43)
    for address in addresses:
        if address not in OPEN_TO_ALL:
            assert ask(citizen, address).status_code == 303, address


def test_every_form_refuses_to_be_sent_from_another_site(officer, addresses):
    for address in addresses:
        for headers in OF_ANOTHER_PAGE if address.startswith("POST") else ():
            assert ask(officer, address, headers).status_code == 403, (address, headers)
    assert officer.open("/staff").status == 200  # nobody has signed the officer out


def test_who_has_no_role_is_let_in_nowhere(hire, addresses):
    nobody = hire()
    for address in sorted(set(addresses) - OPEN_TO_ALL - {"GET /staff"}):
        assert ask(nobody, address).status_code == 403, address


def test_a_clerk_is_let_in_only_where_clerks_work(clerk, addresses):
    for address in sorted(set(addresses) - OPEN_TO_ALL):
        refused = ask(clerk, address).status_code == 403
        assert refused == (address not in OPEN_TO_CLERKS), address


def test_a_finance_officer_issues_and_cancels_nothing(officer, addresses):
    for address in sorted(set(addresses) - OPEN_TO_ALL):
        refused = ask(officer, address).status_code == 403
        assert refused == (address in CLERKS_ONLY | KEEPERS_ONLY), address


def test_a_chief_accountant_keeps_the_books_and_touches_neither_bills_nor_bank(hire, addresses):
    keeper = hire((Role.CHIEF_ACCOUNTANT, OPERATOR))
    open_to_all = {"GET /staff", "GET /staff/jobs"}
    for address in sorted(set(addresses) - OPEN_TO_ALL):
        books = address.split()[1].startswith(("/staff/books", "/staff/proof"))
        refused = ask(keeper, address).status_code == 403
        assert refused != (books or address in open_to_all), address


def test_another_agencys_bill_and_payment_are_as_if_they_were_not_there(
    hire, citizen, new_bill, desk
):
    own, other = new_bill(), new_bill(org_id=OTHER_AGENCY)
    for bill in (own, other):
        citizen.outcome(citizen.pay(bill))
    clerk = hire((Role.AGENCY_CLERK, AGENCY))
    payment_of_own, payment_of_other = (
        f"/staff/payments/{attempts(desk.database, bill.reference)[0].handle}"
        for bill in (own, other)
    )
    assert clerk.open(payment_of_own).status == 200
    assert clerk.open(payment_of_other).status == 404
    assert own.reference in clerk.open(f"/staff/bills?query={own.reference}").answer.text
    listed = clerk.open(f"/staff/bills?query={other.reference}")
    assert payment_of_other not in listed.answer.text
    unpaid = new_bill(org_id=OTHER_AGENCY)
    cancelled = clerk.send(f"/staff/bills/{unpaid.reference}/cancellation")
    assert cancelled.status in {403, 404}
    service = {"service": f"{OTHER_AGENCY}-0001", "payer_name": "Jasur Toʻxtayev"}
    assert clerk.send("/staff/bills", **service).status == 403


def test_a_stranger_may_not_fill_our_memory_or_disk(citizen):
    large = b"x" * (MOST_BODY_BYTES + 1)
    for address in ("/bills", "/staff/sessions", "/bills/1/payments", "/callbacks/stripe"):
        answer = citizen.http.post(address, files={"file": ("large", large)})
        assert answer.status_code == 413, address
    unread = citizen.http.post("/staff/statements", files={"file": ("large", large)})
    assert unread.status_code == 303

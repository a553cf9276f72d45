"""Roles: the matrix cell by cell, in one's own organisation and in another's."""

import pytest

from identity.actor import PAYER, Actor, provider_actor, system_actor
from identity.roles import PERMISSIONS, Permission, Role, permits

# Written out a second time on purpose: a change of the table must be made twice to be meant.
MATRIX = {
    #                            finance officer, chief accountant, agency clerk
    Permission.READ_LEDGER: (True, True, False),
    Permission.RECONCILE: (True, False, False),
    Permission.IMPORT_STATEMENT: (True, False, False),
    Permission.RESOLVE_BREAK: (True, False, False),
    Permission.READ_JOBS: (True, True, False),
    Permission.READ_BILLS: (True, False, True),
    Permission.READ_ALL_BILLS: (True, False, False),
    Permission.ISSUE_BILL: (False, False, True),
    Permission.KEEP_BOOKS: (False, True, False),
    Permission.KEEP_PERIODS: (True, True, False),
}
CELLS = [
    (role, permission, allowed)
    for permission, row in MATRIX.items()
    for role, allowed in zip(Role, row, strict=True)
]
HERE, ELSEWHERE = 2, 3


def holder(*grants: tuple[Role, int]) -> Actor:
    return Actor("staff", "somebody", grants=frozenset(grants))


def test_the_matrix_names_every_permission_and_every_role():
    assert set(MATRIX) == set(Permission)
    assert set(PERMISSIONS) == set(Role)


@pytest.mark.parametrize(("role", "permission", "allowed"), CELLS)
def test_a_cell_of_the_matrix(role, permission, allowed):
    actor = holder((role, HERE))

    assert permits(role, permission) is allowed
    assert actor.may(permission) is allowed
    assert actor.may(permission, HERE) is allowed
    assert actor.may(permission, ELSEWHERE) is False
    assert actor.organisations(permission) == ({HERE} if allowed else frozenset())


@pytest.mark.parametrize(
    "actor", [PAYER, provider_actor("stripe"), system_actor("reconcile"), holder()]
)
@pytest.mark.parametrize("permission", list(Permission))
def test_who_holds_no_role_may_nothing(actor, permission):
    assert not actor.may(permission)
    assert not actor.may(permission, HERE)
    assert actor.organisations(permission) == frozenset()


def test_a_role_in_two_organisations_counts_in_both_and_in_no_third():
    actor = holder((Role.AGENCY_CLERK, HERE), (Role.AGENCY_CLERK, ELSEWHERE))

    assert actor.organisations(Permission.ISSUE_BILL) == {HERE, ELSEWHERE}
    assert not actor.may(Permission.ISSUE_BILL, 4)


def test_two_roles_add_up_each_where_it_is_held():
    actor = holder((Role.AGENCY_CLERK, HERE), (Role.FINANCE_OFFICER, ELSEWHERE))

    assert actor.may(Permission.ISSUE_BILL, HERE)
    assert not actor.may(Permission.ISSUE_BILL, ELSEWHERE)
    assert not actor.may(Permission.RECONCILE, HERE)

"""Roles and what they permit: one table, deny by default."""

from enum import StrEnum


class Role(StrEnum):
    """A role, always held in one organisation."""

    FINANCE_OFFICER = "finance_officer"
    CHIEF_ACCOUNTANT = "chief_accountant"
    AGENCY_CLERK = "agency_clerk"


class Permission(StrEnum):
    """One thing a member of staff may be allowed to do."""

    READ_LEDGER = "read_ledger"
    RECONCILE = "reconcile"
    IMPORT_STATEMENT = "import_statement"
    RESOLVE_BREAK = "resolve_break"
    READ_JOBS = "read_jobs"
    READ_BILLS = "read_bills"
    READ_ALL_BILLS = "read_all_bills"
    ISSUE_BILL = "issue_bill"
    KEEP_BOOKS = "keep_books"
    KEEP_PERIODS = "keep_periods"


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    # Works for the operator, over the money of every agency.
    Role.FINANCE_OFFICER: frozenset(
        {
            Permission.READ_LEDGER,
            Permission.RECONCILE,
            Permission.IMPORT_STATEMENT,
            Permission.RESOLVE_BREAK,
            Permission.READ_JOBS,
            Permission.READ_BILLS,
            Permission.READ_ALL_BILLS,
            Permission.KEEP_PERIODS,
        }
    ),
    # Answers for the books of every agency; takes no payment and issues no bill.
    Role.CHIEF_ACCOUNTANT: frozenset(
        {
            Permission.READ_LEDGER,
            Permission.READ_JOBS,
            Permission.KEEP_BOOKS,
            Permission.KEEP_PERIODS,
        }
    ),
    # Works for one agency, on that agency's bills only.
    Role.AGENCY_CLERK: frozenset({Permission.READ_BILLS, Permission.ISSUE_BILL}),
}


def permits(role: Role, permission: Permission) -> bool:
    """Whether the role carries the permission."""
    return permission in PERMISSIONS[role]

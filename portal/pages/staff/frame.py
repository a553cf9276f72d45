"""What every staff page shows: who is signed in, and the way to the other pages."""

from dataclasses import dataclass

SECTIONS = {
    "home": "/staff",
    "reconciliation": "/staff/reconciliation",
    "breaks": "/staff/breaks",
    "bills": "/staff/bills",
    "books": "/staff/books/{org_id}/trial-balance",
    "proof": "/staff/proof",
    "jobs": "/staff/jobs",
}


@dataclass(frozen=True)
class Staff:
    """The person at work and where they may go.

    `role` is a word of WORDS["role"]; `sections` are words of WORDS["section"], in the order of the
    menu; `org_id` names the books that the section "books" leads to.
    """

    name: str
    role: str
    org_id: int
    sections: tuple[str, ...]

    @property
    def menu(self) -> tuple[tuple[str, str], ...]:
        """Each section with its address."""
        return tuple((name, SECTIONS[name].format(org_id=self.org_id)) for name in self.sections)


@dataclass(frozen=True)
class Pages:
    """The ways out of a page of a long list; None where there is none."""

    newer: str | None = None
    older: str | None = None


ONE_PAGE = Pages()


@dataclass(frozen=True)
class Account:
    """An account of the books: its chart number (a word of WORDS["chart"]), its own name, its page."""

    number: str
    name: str
    url: str

"""Worlds for tests, in domain words."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text

from foundation.database import Database
from foundation.ids import new_id
from identity.actor import Actor, provider_actor
from identity.roles import Role
from ledger.accounts import AccountKey
from ledger.books import prove
from ledger.money import Money
from ledger.rules import RULES as LEDGER_RULES
from payments.bills import Bill, find_bill, issue_bill, lock_bill
from payments.charges import Charge, lock_charge, mark_sent, open_charge, settle_charge
from payments.reconciliation.proof import RULES as PAYMENT_RULES
from service.demo.town import OPERATOR, SERVICES_AGENCY, TRAFFIC_POLICE, Town, build_town

ACCOUNT = "20208000900000000001"
NOON = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
AGENCY = SERVICES_AGENCY
OTHER_AGENCY = TRAFFIC_POLICE
CLERK = Actor(
    "staff",
    "clerk",
    grants=frozenset({(Role.AGENCY_CLERK, AGENCY), (Role.AGENCY_CLERK, OTHER_AGENCY)}),
)
OFFICER = Actor("staff", "finance", grants=frozenset({(Role.FINANCE_OFFICER, OPERATOR)}))
STRIPE = provider_actor("stripe")


@dataclass
class Given:
    """Builds what a test starts from, with real commits."""

    database: Database
    numbers: list[UUID] = field(default_factory=list)

    def town(self) -> Town:
        return build_town(self.database, ACCOUNT, bills=0, secret="the tests' own secret")

    def open_bill(
        self, amount: Money | None = None, org_id: int = AGENCY, at: datetime = NOON
    ) -> Bill:
        with self.database.transaction() as session:
            return issue_bill(
                session,
                org_id,
                id=new_id(),
                service_code="0001",
                payer_name="Aziza Karimova",
                by=CLERK,
                at=at,
                amount=amount,
            )

    def pending_charge(self, bill: Bill, provider: str = "stripe", at: datetime = NOON) -> Charge:
        with self.database.transaction() as session:
            locked = lock_bill(session, bill.reference)
            charge = open_charge(
                session, locked, provider=provider, language="uz", by=STRIPE, at=at
            )
            mark_sent(
                session,
                charge,
                provider_ref=f"cs_{charge.id.hex}",
                checkout_url=f"https://pay.example/{charge.id.hex}",
                by=STRIPE,
                at=at,
            )
            charge.payment_ref = f"pi_{charge.id.hex}"
            return charge

    def settled_charge(self, bill: Bill, provider: str = "stripe", at: datetime = NOON) -> Charge:
        charge = self.pending_charge(bill, provider, at)
        with self.database.transaction() as session:
            locked = lock_charge(session, charge.handle)
            return settle_charge(session, locked, confirmed=locked.amount, by=STRIPE, at=at)

    def bill(self, bill: Bill) -> Bill:
        """The bill as it is now."""
        with self.database.transaction() as session:
            return find_bill(session, bill.reference)

    def balance(self, org_id: int, key: AccountKey) -> Money:

        with self.database.transaction() as session:
            found = session.execute(
                text(
                    "SELECT posted FROM ledger.account"
                    " WHERE org_id = :org AND number = :number AND name = :name"
                ),
                {"org": org_id, "number": key.line.number, "name": key.name},
            ).scalar()
        return Money(found or 0, key.currency)

    def proves(self) -> None:
        """Every rule of the ledger and of payments holds."""
        with self.database.transaction() as session:
            broken = [c for c in prove(session, LEDGER_RULES + PAYMENT_RULES) if not c.holds]
        assert not broken, broken

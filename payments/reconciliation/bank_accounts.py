"""Our own bank accounts: statements of any other account are not ours to post."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Integer, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base


class BankAccount(Base):
    """An account an organisation holds at a bank (MFO), in one currency."""

    __tablename__ = "bank_account"
    __table_args__ = (
        ForeignKeyConstraint(["org_id"], ["identity.organisation.org_id"]),
        CheckConstraint("mfo ~ '^[0-9]{5}$'", name="mfo"),
        {"schema": "payments"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    account: Mapped[str] = mapped_column(Text, primary_key=True)
    currency: Mapped[str] = mapped_column(Text, primary_key=True)
    mfo: Mapped[str] = mapped_column(Text)


def lock_bank_account(
    session: Session, org_id: int, account: str, currency: str
) -> BankAccount | None:
    """Our account, locked so that statements of it are imported and matched one at a time."""
    return session.get(BankAccount, (org_id, account, currency), with_for_update=True)


def bank_accounts(session: Session, org_id: int) -> list[BankAccount]:
    """Every account of the organisation."""
    query = select(BankAccount).where(BankAccount.org_id == org_id)
    return list(session.scalars(query.order_by(BankAccount.account, BankAccount.currency)))

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


def lock_bank_account(session: Session, account: str, currency: str) -> BankAccount | None:
    """Our account, locked so that statements of it are imported and matched one at a time."""
    query = select(BankAccount).where(
        BankAccount.account == account, BankAccount.currency == currency
    )
    return session.scalars(query.with_for_update()).one_or_none()


def bank_accounts(session: Session) -> list[BankAccount]:
    """Every account of ours."""
    return list(session.scalars(select(BankAccount).order_by(BankAccount.account)))

"""Limits of accounts, dated: the least that must stay available, and the most a balance may be."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from foundation.database import Base


class AccountLimit(Base):
    """A limit from a moment on, until a later one takes its place; None: no limit on that side."""

    __tablename__ = "account_limit"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "account"], ["ledger.account.org_id", "ledger.account.id"]),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    account: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime]
    min_available: Mapped[int | None] = mapped_column(BigInteger)
    max_balance: Mapped[int | None] = mapped_column(BigInteger)
    source: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text)

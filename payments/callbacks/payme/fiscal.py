"""Fiscal receipts that Payme has made at the tax authority, kept with the transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base, storable
from payments.callbacks.payme import errors
from payments.callbacks.payme.records import PaymeTransaction
from payments.callbacks.payme.transactions import Answer


class PaymeFiscal(Base):
    """The fiscal data of a payment (PERFORM) or of its return (CANCEL): two receipts."""

    __tablename__ = "payme_fiscal"
    __table_args__ = (
        ForeignKeyConstraint(["transaction_id"], ["payments.payme_transaction.id"]),
        CheckConstraint("type in ('PERFORM', 'CANCEL')", name="type"),
        {"schema": "payments"},
    )

    transaction_id: Mapped[str] = mapped_column(Text, primary_key=True)
    type: Mapped[str] = mapped_column(Text, primary_key=True)
    data: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]


def set_fiscal_data(session: Session, params: dict[str, Any], *, at: datetime) -> Answer:
    """Keep what the tax authority answered; a repeat replaces it with the same."""
    if params["type"] not in {"PERFORM", "CANCEL"}:
        return errors.BAD_PARAMS.about("type")
    if not all(map(_is_field, params["fiscal_data"].items())):
        return errors.BAD_PARAMS.about("fiscal_data")
    if session.get(PaymeTransaction, params["id"]) is None:
        return errors.FISCAL_UNKNOWN
    row = insert(PaymeFiscal).values(
        transaction_id=params["id"], type=params["type"], data=params["fiscal_data"], received_at=at
    )
    session.execute(
        row.on_conflict_do_update(
            index_elements=["transaction_id", "type"], set_={"data": params["fiscal_data"]}
        )
    )
    return {"success": True}


def _is_field(field: tuple[str, Any]) -> bool:
    """Whether a field of the receipt is a plain value that can be kept: text, a whole number or null."""
    name, value = field
    words = f"{name}{value}"
    return isinstance(value, str | int | None) and storable(words) == words

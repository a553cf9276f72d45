"""The key Payme signs in with: the configured one, until Payme itself changes it."""

import hashlib
import hmac
from datetime import datetime

from sqlalchemy import LargeBinary, Text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base


class ProviderKey(Base):
    """A key a provider has chosen by itself; only its hash is kept (it is 36 random characters)."""

    __tablename__ = "provider_key"
    __table_args__ = {"schema": "payments"}

    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)
    changed_at: Mapped[datetime]


def key_matches(session: Session, given: str, configured: str) -> bool:
    """Whether this is the key in force; the comparison takes the same time for any key."""
    changed = session.get(ProviderKey, "payme")
    right = changed.key_hash if changed is not None else _hash(configured)
    return hmac.compare_digest(_hash(given), right)


def change_key(session: Session, key: str, *, at: datetime) -> None:
    """From now on Payme signs in with this key."""
    row = insert(ProviderKey).values(provider="payme", key_hash=_hash(key), changed_at=at)
    session.execute(
        row.on_conflict_do_update(
            index_elements=["provider"], set_={"key_hash": _hash(key), "changed_at": at}
        )
    )


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()

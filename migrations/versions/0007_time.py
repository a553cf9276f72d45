"""Time: closed periods, day totals and balances of a past day as they were known then."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    pass

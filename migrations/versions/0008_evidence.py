"""Evidence: the trees over sealed journals, and their signed heads."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    pass

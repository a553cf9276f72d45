"""Proof: the results of the nightly proof, kept for the page that shows them."""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    pass

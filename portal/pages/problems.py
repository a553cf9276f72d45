"""A request that could not be answered as asked: what happened, and what it means for money."""

from dataclasses import dataclass

from foundation.errors import Refusal


@dataclass(frozen=True)
class ProblemPage:
    """`problem.html`: for 403, 404, 409, 422, 429, 500 and 503.

    `sentence` is the refusal's own, shown where the reader's language has it. `money` says only
    what is known: untouched (this request could not start a payment) or unknown. `code` is read
    out to the call centre. `bill_reference` leads back to the bill, where there is one.
    """

    status: int
    code: str
    sentence: str = ""
    money: str = "untouched"
    bill_reference: str | None = None
    staff: bool = False

    @classmethod
    def of(cls, refusal: Refusal, *, code: str, staff: bool = False) -> "ProblemPage":
        """The page for a refusal: it was understood, and nothing was changed."""
        return cls(refusal.status, code, sentence=refusal.sentence(), staff=staff)

    @property
    def kind(self) -> str:
        """The words that fit the status; what has none of its own is the asker's fault or ours."""
        if self.status in {403, 404, 409, 422, 429, 503}:
            return str(self.status)
        return "422" if 400 <= self.status < 500 else "500"

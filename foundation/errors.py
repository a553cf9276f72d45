"""Refusals: four families, one class per reason; the docstring is the sentence that people read."""

import re
from typing import Any, ClassVar


class Refusal(Exception):
    """The request was understood and refused; nothing was changed."""

    status: ClassVar[int] = 422

    def __init__(self, **facts: Any) -> None:  # noqa: ANN401 - facts are whatever explains the refusal
        super().__init__(self.sentence(), facts)
        self.facts = facts

    @classmethod
    def code(cls) -> str:
        """A stable name for machines: RefundExceedsCharge -> refund-exceeds-charge."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def sentence(cls) -> str:
        """The first line of the docstring, as people read it."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]

    def __str__(self) -> str:
        facts = ", ".join(f"{name}: {value}" for name, value in self.facts.items())
        return f"{self.sentence()} ({facts})" if facts else self.sentence()


class NotFound(Refusal):
    """There is no such thing."""

    status = 404


class Forbidden(Refusal):
    """You may not do this."""

    status = 403


class Conflict(Refusal):
    """This contradicts what has already happened."""

    status = 409


class Refused(Refusal):
    """This cannot be done as asked."""

    status = 422

"""Life cycles as data: which event leads from which states to which."""

from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

from foundation.errors import Conflict

S = TypeVar("S", bound=Enum)


class IllegalMove(Conflict):
    """This cannot happen in the present state."""


class Lifecycle(Generic[S]):
    """Named moves: `Lifecycle({"settle": ({CREATED, PENDING}, SETTLED)})`."""

    def __init__(self, moves: Mapping[str, tuple[frozenset[S] | set[S], S]]) -> None:
        self.moves = {
            event: (frozenset(origins), target) for event, (origins, target) in moves.items()
        }

    def allows(self, event: str, state: S) -> bool:
        """Whether the event may happen in this state."""
        return state in self.moves[event][0]

    def after(self, event: str, state: S) -> S:
        """The state that the event leads to. Raises IllegalMove."""
        origins, target = self.moves[event]
        if state not in origins:
            raise IllegalMove(event=event, state=state.value)
        return target

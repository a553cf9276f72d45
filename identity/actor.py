"""The actor: who does something, as written into history and asked about permission."""

from dataclasses import dataclass, field
from uuid import UUID

from identity.roles import Permission, Role, permits


@dataclass(frozen=True)
class Actor:
    """A person of the staff, a payer, a provider, or the system itself.

    `grants` holds the roles of a member of staff with the organisation each is held in.
    """

    kind: str
    name: str
    staff_id: UUID | None = None
    grants: frozenset[tuple[Role, int]] = field(default_factory=frozenset)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    def may(self, permission: Permission, org_id: int | None = None) -> bool:
        """Whether any role grants this, in `org_id` when one is named."""
        return any(
            permits(role, permission) and org_id in {None, held_in} for role, held_in in self.grants
        )

    def organisations(self, permission: Permission) -> frozenset[int]:
        """The organisations in which the actor holds this permission."""
        return frozenset(org for role, org in self.grants if permits(role, permission))


PAYER = Actor("payer", "online")


def provider_actor(name: str) -> Actor:
    """A payment provider, speaking through a verified callback."""
    return Actor("provider", name)


def system_actor(job: str) -> Actor:
    """A scheduled job."""
    return Actor("system", job)

"""`mizon staff`: who may sign in, by whoever runs the service."""

import secrets

from foundation.clock import now
from foundation.database import Database
from foundation.ids import new_id
from identity.roles import Role
from identity.users import add_staff_member, disable_staff_member, grant_role
from service.settings import read_settings


def add(login: str, *, name: str, role: str, org_id: int) -> int:
    """Add a member of staff with one role; the password is made here and shown once."""
    password = secrets.token_urlsafe(12)
    database = Database(read_settings().database_url, name="mizon staff")
    with database.transaction() as session:
        member = add_staff_member(
            session, id=new_id(), login=login, name=name, password=password, at=now()
        )
        grant_role(session, member, Role(role), org_id=org_id)
    database.close()
    print(f"{login} / {password}")
    return 0


def disable(login: str) -> int:
    """Let a person sign in no more; sessions end at once."""
    database = Database(read_settings().database_url, name="mizon staff")
    with database.transaction() as session:
        disable_staff_member(session, login, at=now())
    database.close()
    print(f"{login} is disabled.")
    return 0

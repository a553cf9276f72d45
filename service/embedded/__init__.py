"""PostgreSQL from a wheel, started and stopped for whoever has no server of their own."""

from service.embedded.cluster import DATABASE, SUPERUSER, DataFromAnotherVersion, DataNotCreated
from service.embedded.programs import NoEmbeddedPostgres
from service.embedded.server import (
    DataBelongsToSomebodyElse,
    DataInUse,
    EmbeddedServer,
    SecretMissing,
    ServerDidNotStart,
    ServerStillRuns,
)

__all__ = [
    "DATABASE",
    "SUPERUSER",
    "DataBelongsToSomebodyElse",
    "DataFromAnotherVersion",
    "DataInUse",
    "DataNotCreated",
    "EmbeddedServer",
    "NoEmbeddedPostgres",
    "SecretMissing",
    "ServerDidNotStart",
    "ServerStillRuns",
]

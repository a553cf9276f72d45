"""Settings: read once from the environment, refused with a sentence when something is missing."""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
TOWN = ROOT / ".mizon" / "town"
# Written by a running demo, so that `./mizon prove` beside it needs no settings.
TOWN_ENVIRONMENT = TOWN / "environment.json"


class SettingsMissing(Exception):
    """What has to be set before the service can start."""


@dataclass(frozen=True)
class Settings:
    """Everything the service is told from outside; docs/operations.md explains each."""

    database_url: str
    owner_database_url: str
    base_url: str
    stripe_secret_key: str = ""
    stripe_webhook_secrets: tuple[str, ...] = ()
    payme_merchant: str = ""
    payme_login: str = "Paycom"
    payme_key: str = ""
    sandbox_url: str = ""
    sandbox_secret: str = ""
    operator_account: str = "20208000900000000001"
    signing_key: str = ""

    @property
    def test_mode(self) -> bool:
        """Whether the sandbox provider stands in for real ones: no real money anywhere."""
        return bool(self.sandbox_url)

    def sandbox_key(self, purpose: str) -> str:
        """A key both the service and the sandbox provider derive from the secret they share."""
        return hmac.new(self.sandbox_secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read MIZON_* from the environment; NAME_FILE names a file that holds the value instead.

    Where no database is named, the demo town of this folder is meant, as it was last started.
    Raises SettingsMissing.
    """
    given = os.environ if environment is None else environment
    if "MIZON_DATABASE_URL" not in given and "MIZON_DATABASE_URL_FILE" not in given:
        given = {**_town(), **given}

    def value(name: str, default: str = "") -> str:
        if path := given.get(f"MIZON_{name}_FILE"):
            return Path(path).read_text(encoding="utf-8").strip()
        return given.get(f"MIZON_{name}", default).strip()

    database_url = value("DATABASE_URL")
    if not database_url:
        raise SettingsMissing(
            "Set MIZON_DATABASE_URL to a PostgreSQL 18 database (postgresql://user:password@host/name),"
            " or run `./mizon demo`, which brings its own."
        )
    secrets = value("STRIPE_WEBHOOK_SECRETS")
    return Settings(
        database_url=database_url,
        owner_database_url=value("OWNER_DATABASE_URL", database_url),
        base_url=value("BASE_URL", "http://127.0.0.1:8000").rstrip("/"),
        stripe_secret_key=value("STRIPE_SECRET_KEY"),
        stripe_webhook_secrets=tuple(part for part in secrets.split(",") if part),
        payme_merchant=value("PAYME_MERCHANT"),
        payme_login=value("PAYME_LOGIN", "Paycom"),
        payme_key=value("PAYME_KEY"),
        sandbox_url=value("SANDBOX_URL").rstrip("/"),
        sandbox_secret=value("SANDBOX_SECRET"),
        operator_account=value("OPERATOR_ACCOUNT", "20208000900000000001"),
        signing_key=value("SIGNING_KEY"),
    )


def _town() -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(TOWN_ENVIRONMENT.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found

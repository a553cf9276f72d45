"""The one map of dependencies: settings become a database and gateways."""

from foundation.database import Database
from ledger.evidence.notes import Signer
from ledger.verify import Unreadable
from payments.checkout import Till
from payments.gateways.payme import PaymeGateway
from payments.gateways.protocol import Gateway
from payments.gateways.stripe import StripeGateway
from service.sandbox import provider_settings
from service.settings import Settings, SettingsMissing


def till(settings: Settings, *, name: str, pool_size: int = 10) -> Till:
    """What payments are taken with, for one process of this name.

    Raises SettingsMissing when there is no way to pay at all.
    """
    found = gateways(settings)
    if not found:
        raise SettingsMissing(
            "No payment provider is configured: set MIZON_STRIPE_SECRET_KEY with"
            " MIZON_STRIPE_WEBHOOK_SECRETS, or MIZON_PAYME_MERCHANT with MIZON_PAYME_KEY,"
            " or MIZON_SANDBOX_URL with MIZON_SANDBOX_SECRET for trying things out."
        )
    database = Database(settings.database_url, name=name, pool_size=pool_size)
    return Till(database, found, settings.base_url)


def signers(settings: Settings) -> tuple[Signer, ...]:
    """The keys that sign heads: none, one, or two while one replaces the other.

    Raises SettingsMissing when what is set is no key, or the keys have several names.
    """
    try:
        found = tuple(Signer.read(text) for text in settings.signing_key.split())
    except Unreadable:
        raise SettingsMissing("MIZON_SIGNING_KEY is not what `./mizon keys new` prints.") from None
    if len({signer.name for signer in found}) > 1:
        raise SettingsMissing("The keys of MIZON_SIGNING_KEY must have one name.")
    return found


def gateways(settings: Settings) -> dict[str, Gateway]:
    """The providers that are configured; the sandbox stands in when it is, never beside real keys.

    Raises SettingsMissing when what is set contradicts itself.
    """
    real = bool(settings.stripe_secret_key or settings.payme_key)
    if settings.sandbox_url:
        if real:
            raise SettingsMissing("MIZON_SANDBOX_URL and real provider keys exclude each other.")
        if len(settings.sandbox_secret) < 16:
            raise SettingsMissing("Set MIZON_SANDBOX_SECRET to 16 or more random characters.")
        return _sandbox_gateways(settings)
    return _real_gateways(settings)


def _sandbox_gateways(settings: Settings) -> dict[str, Gateway]:
    provider = provider_settings(settings)
    return {
        "stripe": StripeGateway(
            provider.stripe_secret_key,
            [provider.stripe_webhook_secret],
            api_url=settings.sandbox_url,
        ),
        "payme": PaymeGateway(
            provider.payme_merchant,
            key=provider.payme_key,
            checkout_url=f"{settings.sandbox_url}/payme",
            registers_url=f"{settings.sandbox_url}/payme/registers",
        ),
    }


def _real_gateways(settings: Settings) -> dict[str, Gateway]:
    found: dict[str, Gateway] = {}
    if settings.stripe_secret_key:
        if not settings.stripe_webhook_secrets:
            raise SettingsMissing("MIZON_STRIPE_SECRET_KEY needs MIZON_STRIPE_WEBHOOK_SECRETS.")
        found["stripe"] = StripeGateway(settings.stripe_secret_key, settings.stripe_webhook_secrets)
    if settings.payme_key:
        if not settings.payme_merchant:
            raise SettingsMissing("MIZON_PAYME_KEY needs MIZON_PAYME_MERCHANT.")
        found["payme"] = PaymeGateway(
            settings.payme_merchant, login=settings.payme_login, key=settings.payme_key
        )
    return found

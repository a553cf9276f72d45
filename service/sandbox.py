"""What the service and the sandbox provider agree on: addresses, and keys that only they two know."""

from foundation.clock import now
from payments.gateways.sandbox.provider import ProviderSettings
from service.settings import Settings

MERCHANT = "5f0000000000000000000001"


def provider_settings(settings: Settings) -> ProviderSettings:
    """What the sandbox provider is told."""
    callbacks = f"{settings.base_url}/callbacks"
    return ProviderSettings(
        base_url=settings.sandbox_url,
        clock=now,
        stripe_secret_key=f"sk_test_{settings.sandbox_key('stripe')[:40]}",
        stripe_webhook_url=f"{callbacks}/stripe",
        stripe_webhook_secret=f"whsec_{settings.sandbox_key('stripe webhook')[:40]}",
        payme_endpoint_url=f"{callbacks}/payme",
        payme_key=settings.sandbox_key("payme")[:36],
        payme_merchant=MERCHANT,
        collection_accounts={"UZS": settings.operator_account},
    )

"""A twin of Stripe, Payme and a bank for whoever has no keys: their protocols, and no real money."""

from payments.gateways.sandbox.app import create_provider
from payments.gateways.sandbox.provider import FeeRule, ProviderSettings

__all__ = ["FeeRule", "ProviderSettings", "create_provider"]

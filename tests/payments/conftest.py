"""A till with a provider in memory, for tests of what happens between us and a provider."""

import pytest

from payments.checkout import Till
from payments.gateways.payme import PaymeGateway
from tests.payments.stub import StubGateway


@pytest.fixture
def provider() -> StubGateway:
    return StubGateway()


@pytest.fixture
def till(db, provider) -> Till:
    payme = PaymeGateway("587f72c72cac0d162c722ae2", key="k" * 36)
    return Till(db, {"stripe": provider, "payme": payme}, "https://mizon.example")

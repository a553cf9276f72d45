"""The Stripe gateway before the provider's twin: states, idempotency, settlements, and no answer."""

from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest
import requests
import stripe

from foundation.clock import now
from foundation.ids import new_id
from ledger.money import UZS
from payments.gateways.protocol import CheckoutRequest, ProviderState, ProviderUnreachable
from payments.gateways.stripe import StripeGateway
from tests.payments.gateways.conftest import (
    STRIPE_KEY,
    listening,
    quiet_twin,
)


@pytest.fixture(scope="module")
def twin(tmp_path_factory) -> Iterator[httpx2.Client]:
    with quiet_twin(tmp_path_factory.mktemp("provider")) as browser:
        yield browser


@pytest.fixture(scope="module")
def gateway(twin: httpx2.Client) -> StripeGateway:
    return StripeGateway(STRIPE_KEY, ["whsec_x"], api_url=str(twin.base_url).rstrip("/"))


def request(**changes) -> CheckoutRequest:
    told = {
        "handle": f"2-{new_id()}",
        "reference": "10100007000000000178",
        "amount": UZS("412000"),
        "description": "Pasport",
        "language": "uz",
        "return_url": "https://mizon.example/payments/2-x",
        "created_at": now(),
    }
    return CheckoutRequest(**(told | changes))


def opened(gateway: StripeGateway, **changes) -> str:
    return gateway.open_checkout(request(**changes)).provider_ref


def pay(twin: httpx2.Client, session: str, outcome: str = "pay") -> None:
    twin.post(f"/c/pay/{session}", data={"outcome": outcome})


def test_a_provider_that_does_not_answer_is_unreachable_whatever_is_asked():
    sock, url = listening()
    sock.close()
    gone = StripeGateway(STRIPE_KEY, [], api_url=url)
    with requests.Session() as session:  # without the SDK's own pauses between tries
        gone._client = stripe.StripeClient(
            STRIPE_KEY,
            base_addresses={"api": url},
            max_network_retries=0,
            http_client=stripe.RequestsClient(session=session, timeout=1),
        )
        for ask in (
            lambda: gone.open_checkout(request()),
            lambda: gone.close_checkout("cs_1"),
            lambda: gone.ask("cs_1"),
            lambda: gone.settlements(since=now()),
        ):
            with pytest.raises(ProviderUnreachable):
                ask()


def test_a_wrong_key_is_unreachable_for_the_payer_and_named_for_us(twin):
    wrong = StripeGateway("sk_test_wrong", [], api_url=str(twin.base_url).rstrip("/"))
    with pytest.raises(ProviderUnreachable) as refusal:
        wrong.ask("cs_1")

    assert refusal.value.facts["status"] == 401


def test_a_session_that_never_was_is_unreachable_and_not_believed_unpaid(gateway):
    with pytest.raises(ProviderUnreachable):
        gateway.ask("cs_test_never")
    with pytest.raises(ProviderUnreachable):
        gateway.close_checkout("cs_test_never")


def test_asking_for_the_same_attempt_again_is_the_same_page(gateway):
    asked = request()

    assert gateway.open_checkout(asked) == gateway.open_checkout(asked)


def test_the_same_attempt_with_another_sum_is_refused(gateway):
    asked = request()
    gateway.open_checkout(asked)
    with pytest.raises(ProviderUnreachable) as refusal:
        gateway.open_checkout(request(handle=asked.handle, amount=UZS("1000")))

    assert refusal.value.facts["status"] == 400


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (None, ProviderState.OPEN),
        ("decline", ProviderState.OPEN),
        ("pay_later", ProviderState.PROCESSING),
        ("pay", ProviderState.PAID),
    ],
)
def test_what_the_payer_did_is_read_from_the_provider(gateway, twin, outcome, state):
    asked = request()
    session = gateway.open_checkout(asked).provider_ref
    if outcome:
        pay(twin, session, outcome)
    answer = gateway.ask(session)

    assert (answer.state, answer.handle, answer.amount) == (state, asked.handle, asked.amount)
    assert bool(answer.payment_ref) == (outcome is not None)


def test_giving_up_what_was_paid_says_that_it_was_paid(gateway, twin):
    paid, left = opened(gateway), opened(gateway)
    pay(twin, paid)

    assert gateway.close_checkout(paid).state is ProviderState.PAID
    assert gateway.close_checkout(left).state is ProviderState.EXPIRED
    assert gateway.close_checkout(left).state is ProviderState.EXPIRED
    assert gateway.ask(left).state is ProviderState.EXPIRED


@pytest.mark.parametrize("language", ["uz", "uz-Cyrl", "ru", "en", "fr"])
def test_every_language_has_a_page_the_provider_knows(gateway, language):
    assert opened(gateway, language=language)


def test_a_payout_lists_each_payment_with_its_fee_and_our_own_name_for_it(gateway, twin):
    before = now() - timedelta(minutes=1)
    twin.post("/settlement", json={"provider": "stripe"})
    asked = [request(amount=UZS(amount)) for amount in ("1000", "2000")]
    for one in asked:
        pay(twin, gateway.open_checkout(one).provider_ref)
    payout = twin.post("/settlement", json={"provider": "stripe"}).json()["payouts"][0]

    (report,) = [
        one for one in gateway.settlements(since=before) if one.payout_id == payout["payout_id"]
    ]
    assert report.net.minor == payout["net_minor"]
    assert sum(item.gross.minor - item.fee.minor for item in report.items) == report.net.minor
    found = {item.handle: (item.kind, item.gross, item.fee.minor > 0) for item in report.items}
    assert found == {one.handle: ("payment", one.amount, True) for one in asked}
    assert gateway.settlements(since=now() + timedelta(days=1)) == []

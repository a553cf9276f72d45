from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from tests.payments.gateways.conftest import World, order, until


def paid(sdk, browser, amount_minor=5_000_000, **form):
    session = sdk.v1.checkout.sessions.create(order(amount_minor))
    answer = browser.post(f"/c/pay/{session.id}", data=form)
    return session, answer


def test_a_wrong_key_is_refused_as_stripe_does(world: World, browser):
    with (
        world.stripe("sk_test_other") as stranger,
        pytest.raises(stripe.AuthenticationError) as refusal,
    ):
        stranger.v1.checkout.sessions.create(order())
    assert refusal.value.http_status == 401


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"success_url": None}, "success_url", "parameter_missing"),
        ({"colour": "green"}, "colour", "parameter_unknown"),
        ({"locale": "uz"}, "locale", None),
        ({"mode": "subscription"}, "mode", None),
        ({"expires_at": 1}, "expires_at", None),
        ({"line_items": [{"quantity": "2.5"}]}, "line_items[0][price_data]", "parameter_missing"),
        ({"metadata": {"k" * 41: "v"}}, None, None),
    ],
)
def test_a_call_that_stripe_would_refuse_is_refused_with_its_parameter(sdk, change, param, code):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        sdk.v1.checkout.sessions.create(order(**change))
    assert refusal.value.http_status == 400
    assert refusal.value.code == code
    assert param is None or refusal.value.param == param


def test_an_unknown_object_and_an_unknown_address_are_404_in_stripes_shape(sdk, browser):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        sdk.v1.checkout.sessions.retrieve("cs_test_none")
    assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")

    answer = browser.get("/v1/unknown", headers={"Authorization": "Bearer sk_test_sandbox"})
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("body", [b"\xff", b"a[b]=1&a=2&a[c]=3", b"a=" + b"x" * 70_000, b"[]=1"])
def test_hostile_parameters_are_refused_and_never_break(browser, body):
    answer = browser.post(
        "/v1/checkout/sessions",
        content=body,
        headers={"Authorization": "Bearer sk_test_sandbox"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_an_idempotency_key_gives_the_first_answer_again_even_after_a_restart(world: World):
    key = {"idempotency_key": "charge-1"}
    with world.running(), world.stripe() as sdk:
        first = sdk.v1.checkout.sessions.create(order(), key)
    with world.running(), world.stripe() as sdk:
        again = sdk.v1.checkout.sessions.create(order(), key)
        assert len(sdk.v1.checkout.sessions.list().data) == 1
    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert first.last_response.headers["Request-Id"].startswith("req_")
    assert first.last_response.headers["Stripe-Version"] == "2026-10-28.endive"


def test_an_idempotency_key_with_other_parameters_is_a_conflict(sdk):
    sdk.v1.checkout.sessions.create(order(), {"idempotency_key": "charge-1"})
    with pytest.raises(stripe.IdempotencyError) as refusal:
        sdk.v1.checkout.sessions.create(order(9_900), {"idempotency_key": "charge-1"})
    assert refusal.value.http_status == 400


def test_an_idempotency_key_is_forgotten_after_a_day(world: World, sdk):
    first = sdk.v1.checkout.sessions.create(order(), {"idempotency_key": "charge-1"})
    world.clock.forward(hours=25)
    second = sdk.v1.checkout.sessions.create(order(), {"idempotency_key": "charge-1"})
    assert second.id != first.id


def test_a_500_after_creating_leaves_one_session_that_the_retry_finds(sdk):
    session = sdk.v1.checkout.sessions.create(order(50_006), {"idempotency_key": "charge-1"})
    assert session.last_response.headers["Idempotent-Replayed"] == "true"
    assert [one.id for one in sdk.v1.checkout.sessions.list().data] == [session.id]


def test_a_session_has_the_fields_that_the_sdk_knows(sdk, world: World):
    session = sdk.v1.checkout.sessions.create(order())
    assert session.id.startswith("cs_test_")
    assert session.url == f"{world.url}/c/pay/{session.id}"
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert (session.amount_total, session.currency, session.livemode) == (5_000_000, "uzs", False)
    assert session.metadata["payment_reference"] == "10100007000000000178"
    assert session.payment_intent is None
    assert set(session.to_dict()) >= set(stripe.checkout.Session.__annotations__) - {"OBJECT_NAME"}


def test_a_payer_who_pays_is_sent_back_and_the_shop_is_told(world: World, sdk, browser):
    session, answer = paid(sdk, browser)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"http://shop.test/back?session={session.id}"

    until(lambda: len(world.shop.webhooks) == 3)
    assert sorted(world.shop.types()) == [
        "charge.succeeded",
        "checkout.session.completed",
        "payment_intent.succeeded",
    ]
    found = sdk.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (found.status, found.payment_status) == ("complete", "paid")
    intent = found.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.status, intent.amount_received) == ("succeeded", 5_000_000)
    assert intent.metadata["payment_reference"] == "10100007000000000178"
    by_intent = sdk.v1.checkout.sessions.list({"payment_intent": intent.id})
    assert [one.id for one in by_intent.data] == [session.id]


def test_the_fee_is_on_the_balance_transaction_of_the_charge(sdk, browser):
    session, _ = paid(sdk, browser)
    intent = sdk.v1.checkout.sessions.retrieve(session.id).payment_intent
    expand = {"expand": ["latest_charge.balance_transaction"]}
    line = sdk.v1.payment_intents.retrieve(intent, expand).latest_charge.balance_transaction
    # 2.9 % of 50 000.00 and 100.00, in tiyin
    assert (line.amount, line.fee, line.net) == (5_000_000, 155_000, 4_845_000)
    assert line.fee_details[0].type == "stripe_fee"


def test_an_event_can_be_fetched_as_it_was_told(world: World, sdk, browser):
    paid(sdk, browser)
    until(lambda: len(world.shop.webhooks) == 3)
    told = world.shop.events()[0]
    assert sdk.v1.events.retrieve(told.id).data.object["id"] == told.data.object["id"]
    assert len(sdk.v1.events.list({"type": "checkout.session.completed"}).data) == 1


def test_many_submits_of_one_page_charge_once(sdk, browser):
    session = sdk.v1.checkout.sessions.create(order())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: browser.post(f"/c/pay/{session.id}"), range(8)))
    assert {answer.status_code for answer in answers} == {303}
    assert len(sdk.v1.charges.list().data) == 1


def test_a_declined_card_takes_no_money_and_may_be_tried_again(world: World, sdk, browser):
    session, answer = paid(sdk, browser, 50_001)
    assert answer.status_code == 402
    assert "Карта отклонена" in answer.text
    until(lambda: "payment_intent.payment_failed" in world.shop.types())
    waiting = sdk.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (waiting.status, waiting.payment_intent.status) == ("open", "requires_payment_method")
    assert waiting.payment_intent.last_payment_error.code == "card_declined"

    assert browser.post(f"/c/pay/{session.id}", data={"outcome": "pay"}).status_code == 303
    done = sdk.v1.checkout.sessions.retrieve(session.id)
    assert (done.payment_status, done.payment_intent) == ("paid", waiting.payment_intent.id)


def test_a_payer_who_goes_back_leaves_the_session_open(sdk, browser):
    session, answer = paid(sdk, browser, outcome="cancel")
    assert answer.headers["location"] == "http://shop.test/cancelled"
    assert sdk.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_a_lost_answer_is_a_502_page_after_charging_and_the_webhook_comes_later(
    world: World, sdk, browser
):
    session, answer = paid(sdk, browser, 50_004)
    assert answer.status_code == 502
    assert sdk.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert world.shop.webhooks == []
    world.clock.forward(seconds=11)
    until(lambda: "checkout.session.completed" in world.shop.types())


def test_duplicates_come_three_times_and_the_last_thing_first(world: World, sdk, browser):
    paid(sdk, browser, behaviour="duplicates")
    until(lambda: len(world.shop.webhooks) == 9)
    types = world.shop.types()
    assert types[0] == "checkout.session.completed"
    assert {types.count(name) for name in types} == {3}
    assert len({event.id for event in world.shop.events()}) == 3


def test_a_webhook_that_never_comes_is_still_an_event(world: World, sdk, browser):
    paid(sdk, browser, 50_005)
    world.clock.forward(days=1)
    assert len(sdk.v1.events.list().data) == 3
    assert browser.get("/healthz").json() == {"status": "ok", "deliveries_waiting": 0}
    assert world.shop.webhooks == []


def test_the_webhook_can_come_before_the_browser(world: World, sdk, browser):
    _, answer = paid(sdk, browser, behaviour="before_redirect")
    assert answer.status_code == 303
    assert "checkout.session.completed" in world.shop.types()


@pytest.mark.parametrize(
    ("outcome", "told", "status"),
    [
        ("pay_later", "checkout.session.async_payment_succeeded", "paid"),
        ("fail_later", "checkout.session.async_payment_failed", "unpaid"),
    ],
)
def test_a_bank_debit_is_complete_but_unpaid_until_the_bank_answers(
    world: World, sdk, browser, outcome, told, status
):
    session, answer = paid(sdk, browser, outcome=outcome)
    assert answer.status_code == 303
    waiting = sdk.v1.checkout.sessions.retrieve(session.id)
    assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
    world.clock.forward(seconds=6)
    until(lambda: told in world.shop.types())
    assert sdk.v1.checkout.sessions.retrieve(session.id).payment_status == status


def test_an_expired_session_can_neither_be_paid_nor_expired_again(world: World, sdk, browser):
    session = sdk.v1.checkout.sessions.create(order())
    assert sdk.v1.checkout.sessions.expire(session.id).status == "expired"
    assert browser.post(f"/c/pay/{session.id}").status_code == 410
    with pytest.raises(stripe.InvalidRequestError):
        sdk.v1.checkout.sessions.expire(session.id)
    until(lambda: world.shop.types() == ["checkout.session.expired"])
    assert sdk.v1.charges.list().data == []


def test_a_session_expires_by_itself(world: World, sdk, browser):
    session = sdk.v1.checkout.sessions.create(order())
    world.clock.forward(hours=24, seconds=1)
    assert browser.post(f"/c/pay/{session.id}").status_code == 410
    until(lambda: world.shop.types() == ["checkout.session.expired"])


def test_refunds_never_exceed_the_charge(world: World, sdk, browser):
    session, _ = paid(sdk, browser)
    intent = str(sdk.v1.checkout.sessions.retrieve(session.id).payment_intent)
    part = sdk.v1.refunds.create({"payment_intent": intent, "amount": 2_000_000})
    with pytest.raises(stripe.InvalidRequestError):
        sdk.v1.refunds.create({"payment_intent": intent, "amount": 3_000_001})
    rest = sdk.v1.refunds.create({"charge": str(part.charge)})
    assert rest.amount == 3_000_000
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        sdk.v1.refunds.create({"charge": str(part.charge)})
    assert refusal.value.code == "charge_already_refunded"
    assert sdk.v1.charges.retrieve(str(part.charge)).refunded
    until(lambda: world.shop.types().count("charge.refunded") == 2)


def test_a_refused_webhook_is_sent_again_with_a_fresh_signature(world: World, sdk, browser):
    world.shop.refusals = 3
    paid(sdk, browser)
    until(lambda: world.shop.refused == 3)
    assert world.shop.webhooks == []
    world.clock.forward(seconds=2)
    until(lambda: len(world.shop.webhooks) == 3)
    until(lambda: browser.get("/healthz").json()["deliveries_waiting"] == 0)


def test_a_webhook_is_given_up_after_three_days(world: World, sdk, browser):
    world.shop.refusals = 1_000
    paid(sdk, browser)
    until(lambda: world.shop.refused >= 3)
    world.clock.forward(days=3)
    until(lambda: browser.get("/healthz").json()["deliveries_waiting"] == 0)
    assert world.shop.webhooks == []


def test_a_restart_keeps_the_session_and_delivers_what_was_not_delivered(world: World):
    world.shop.refusals = 1_000
    with world.running() as browser, world.stripe() as sdk:
        session, _ = paid(sdk, browser)
        until(lambda: world.shop.refused >= 3)
    world.shop.refusals = 0
    world.clock.forward(minutes=2)
    with world.running(), world.stripe() as sdk:
        assert sdk.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
        until(lambda: len(world.shop.webhooks) == 3)


def test_lists_are_paged_newest_first_both_ways(sdk):
    created = [sdk.v1.checkout.sessions.create(order()).id for _ in range(5)]
    newest_first = created[::-1]
    pages = sdk.v1.checkout.sessions.list({"limit": 2})
    assert [one.id for one in pages.auto_paging_iter()] == newest_first
    back = sdk.v1.checkout.sessions.list({"limit": 2, "ending_before": newest_first[4]})
    assert [one.id for one in back.data] == newest_first[2:4]
    assert back.has_more
    with pytest.raises(stripe.InvalidRequestError):
        sdk.v1.checkout.sessions.list({"starting_after": "cs_test_none"})

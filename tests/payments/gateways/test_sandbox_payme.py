from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest

from payments.gateways.sandbox.payme_links import LinkMalformed, read_link
from tests.payments.gateways.conftest import MERCHANT, World, until

REFERENCE = "10100007000000000178"


def link(amount_minor=5_000_000, **fields):
    joined = {
        "m": MERCHANT,
        "ac.reference": REFERENCE,
        "a": amount_minor,
        "l": "uz",
        "c": "http://shop.test/back?t=:transaction&r=:account.reference",
        "ct": 15_000,
        **fields,
    }
    text = ";".join(f"{name}={value}" for name, value in joined.items())
    return "/payme/" + b64encode(text.encode()).decode()


def methods(world: World):
    return [call["method"] for call in world.shop.calls]


def as_time_flies(world: World, true):
    """Let half a minute pass at each look until it is true."""
    until(lambda: true() or world.clock.forward(seconds=30))


def test_the_link_of_paymes_own_example_is_read():
    encoded = "bT01ODdmNzJjNzJjYWMwZDE2MmM3MjJhZTI7YWMub3JkZXJfaWQ9MTk3O2E9NTAw"
    read = read_link(encoded, merchant=MERCHANT)
    assert (read.account, read.amount_minor, read.return_url) == ({"order_id": "197"}, 500, None)


@pytest.mark.parametrize(
    "encoded", ["", "%%%", "x", b64encode(b"m=other;ac.r=1;a=500").decode(), "A" * 5_000]
)
def test_what_is_not_a_link_for_us_is_refused(encoded):
    with pytest.raises(LinkMalformed):
        read_link(encoded, merchant=MERCHANT)


@pytest.mark.parametrize("field", [{"a": 0}, {"a": "1.5"}, {"a": -5}, {"c": "javascript:alert(1)"}])
def test_a_link_with_a_wrong_amount_or_return_address_is_a_400_page(browser, field):
    assert browser.get(link(**field)).status_code == 400
    assert browser.post(link(**field)).status_code == 400


def test_a_payment_is_checked_created_and_performed_with_paymes_signature(world: World, browser):
    answer = browser.post(link())
    assert answer.status_code == 303
    assert methods(world) == ["CheckPerformTransaction", "CreateTransaction", "PerformTransaction"]

    check, create, perform = (call["params"] for call in world.shop.calls)
    assert check == {"amount": 5_000_000, "account": {"reference": REFERENCE}}
    assert len(create["id"]) == 24
    assert int(create["id"], 16) > 0
    assert len(str(create["time"])) == 13
    assert perform == {"id": create["id"]}
    assert answer.headers["location"] == f"http://shop.test/back?t={create['id']}&r={REFERENCE}"

    authorization, content_type = world.shop.sent[0]
    assert b64decode(authorization.removeprefix("Basic ")) == b"Paycom:" + b"k" * 36
    assert content_type == "text/json"


def test_many_submits_of_one_link_are_one_payment(world: World, browser):
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: browser.post(link()), range(6)))
    assert {answer.status_code for answer in answers} == {303}
    assert len(world.shop.calls) == 3


def test_a_lost_answer_is_asked_for_again_with_the_same_params(world: World, browser):
    answer = browser.post(link(50_004))
    assert answer.status_code == 303
    assert methods(world)[1:] == ["CreateTransaction"] * 2 + ["PerformTransaction"] * 2
    _, first, second, *_ = world.shop.calls
    assert first["params"] == second["params"]


@pytest.mark.parametrize(
    "lost",
    [
        (500, b"down"),
        (200, b"not json"),
        (200, {"neither": 1}),
        (200, {"error": {"code": -32400, "message": "busy"}}),
        (404, {"result": {"state": 2}}),
    ],
)
def test_an_answer_outside_the_protocol_is_repeated_by_itself(world: World, browser, lost):
    world.shop.answers["PerformTransaction"] = [lost]
    assert browser.post(link()).status_code == 303
    performs = [c["params"] for c in world.shop.calls if c["method"] == "PerformTransaction"]
    assert len(performs) == 2
    assert performs[0] == performs[1]


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("payments.gateways.sandbox.payme.WAIT_SECONDS", 0)


def test_a_shop_that_is_down_gets_its_payment_when_it_is_back_even_after_a_restart(
    world: World, impatient
):
    with world.running(payme_endpoint_url="http://127.0.0.1:9/payme") as browser:
        answer = browser.post(link())
        assert answer.status_code == 202
        assert "Qayta toʻlamang" in answer.text
    world.clock.forward(minutes=2)
    with world.running():
        until(lambda: "PerformTransaction" in methods(world))


def test_a_shop_that_never_answers_is_cancelled_with_the_reason_timeout(
    world: World, browser, impatient
):
    world.shop.answers["PerformTransaction"] = [(500, b"")] * 10
    assert browser.post(link()).status_code == 202
    as_time_flies(world, lambda: "CancelTransaction" in methods(world))
    assert methods(world).count("PerformTransaction") == 10
    assert world.shop.calls[-1]["params"]["reason"] == 4


def test_a_shop_that_will_not_cancel_what_it_performed_is_paid_out(
    world: World, browser, impatient
):
    world.shop.answers["PerformTransaction"] = [(500, b"")] * 10
    given = {"error": {"code": -31007, "message": "the service was given"}}
    world.shop.answers["CancelTransaction"] = [(200, given)]
    browser.post(link())
    as_time_flies(world, lambda: "CancelTransaction" in methods(world))
    until(lambda: browser.get(link()).status_code == 303)
    [payout] = browser.post("/settlement", json={"provider": "payme"}).json()["payouts"]
    assert payout["gross_minor"] == 5_000_000


@pytest.mark.parametrize(
    ("form", "last", "reason", "status"),
    [
        ({"behaviour": "cancel_after_create"}, "CancelTransaction", 3, 402),
        ({"outcome": "decline"}, "CancelTransaction", 2, 402),
        ({"behaviour": "refund_after_perform"}, "CancelTransaction", 5, 303),
    ],
)
def test_a_transaction_can_be_called_off(world: World, browser, form, last, reason, status):
    assert browser.post(link(), data=form).status_code == status
    assert methods(world)[-1] == last
    assert world.shop.calls[-1]["params"]["reason"] == reason


def test_a_payer_who_goes_back_causes_no_call(world: World, browser):
    answer = browser.post(link(), data={"outcome": "cancel"})
    assert answer.headers["location"] == f"http://shop.test/back?t=&r={REFERENCE}"
    assert world.shop.calls == []


def test_the_shops_refusal_is_shown_in_the_payers_language_and_may_be_tried_again(
    world: World, browser
):
    message = {"uz": "Hisob toʻlangan", "ru": "Счёт оплачен", "en": "Already paid"}
    refusal = {"error": {"code": -31051, "message": message, "data": "reference"}}
    world.shop.answers["CheckPerformTransaction"] = [(200, refusal)]
    answer = browser.post(link(l="ru"))
    assert answer.status_code == 409
    assert "Счёт оплачен (-31051)" in answer.text
    assert methods(world) == ["CheckPerformTransaction"]

    assert browser.post(link(l="ru")).status_code == 303


def test_a_refused_perform_is_cancelled(world: World, browser):
    refusal = {"error": {"code": -31008, "message": "no"}}
    world.shop.answers["PerformTransaction"] = [(200, refusal)]
    assert browser.post(link()).status_code == 409
    assert world.shop.calls[-1]["params"]["reason"] == 3


def test_a_script_can_pass_one_signed_call_through(world: World, browser):
    params = {"id": "a" * 24, "time": 1, "amount": 500, "account": {"reference": REFERENCE}}
    answer = browser.post("/payme/calls", json={"method": "CreateTransaction", "params": params})
    assert answer.status_code == 200
    assert answer.json()["result"]["state"] == 1
    assert world.shop.calls[0]["params"] == params

    world.shop.answers["CreateTransaction"] = [(500, b"")]
    lost = browser.post("/payme/calls", json={"method": "CreateTransaction", "params": params})
    assert lost.status_code == 502

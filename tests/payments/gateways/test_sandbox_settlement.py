import csv
from datetime import timedelta
from fractions import Fraction
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from foundation.clock import business_date
from payments.gateways.sandbox.provider import FeeRule
from tests.payments.gateways.conftest import ACCOUNT, World, order, until
from tests.payments.gateways.test_sandbox_payme import REFERENCE, link

NS = {"c": "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"}


def pay(sdk, browser, *amounts):
    for amount in amounts:
        session = sdk.v1.checkout.sessions.create(order(amount))
        assert browser.post(f"/c/pay/{session.id}", data={"outcome": "pay"}).status_code == 303


def settle(browser, **order):
    answer = browser.post("/settlement", json=order)
    assert answer.status_code == 200
    return answer.json()["payouts"]


def close(browser, **order):
    answer = browser.post("/bank/statements", json=order)
    assert answer.status_code == 201, answer.text
    xml = browser.get(f"/bank/statements/{answer.json()['id']}.xml")
    assert xml.headers["content-type"] == "application/xml"
    return etree.fromstring(xml.content)


def text(root, path):
    return [node.text for node in root.xpath(path, namespaces=NS)]


@pytest.mark.parametrize(
    ("gross", "fee"),
    [(0, 0), (1, 1), (50, 50), (499, 114), (500, 115), (1_500, 144), (10_000, 390)],
)
def test_a_fee_is_rounded_half_up_and_never_above_the_payment(gross, fee):
    assert FeeRule(Fraction(29, 1000), fixed_minor=100, source="test").fee_minor(gross) == fee


@given(gross=st.integers(min_value=0, max_value=10**15))
def test_a_fee_is_within_half_a_unit_of_the_exact_one(gross):
    rule = FeeRule(Fraction(1, 100), fixed_minor=0, source="test")
    assert -Fraction(1, 2) < rule.fee_minor(gross) - Fraction(gross, 100) <= Fraction(1, 2)


def test_a_payout_is_the_sum_of_the_nets_of_its_lines(world: World, sdk, browser):
    pay(sdk, browser, 5_000_000, 1_234_500, 777_700)
    intent = sdk.v1.payment_intents.list().data[0]
    sdk.v1.refunds.create({"payment_intent": intent.id, "amount": 77_700})
    [payout] = settle(browser, provider="stripe")

    found = sdk.v1.payouts.retrieve(payout["payout_id"])
    assert (found.status, found.reconciliation_status, found.automatic) == (
        "paid",
        "completed",
        True,
    )
    pages = sdk.v1.balance_transactions.list({"payout": found.id, "limit": 2})
    lines = list(pages.auto_paging_iter())
    assert sorted(line.type for line in lines) == ["charge", "charge", "charge", "payout", "refund"]
    assert all(line.net == line.amount - line.fee for line in lines)
    assert sum(line.net for line in lines if line.type != "payout") == found.amount
    assert sum(line.net for line in lines) == 0
    assert payout["net_minor"] == payout["gross_minor"] - payout["fee_minor"] == found.amount

    until(lambda: "payout.reconciliation_completed" in world.shop.types())
    assert {"payout.created", "payout.paid"} <= set(world.shop.types())


def test_a_period_is_paid_out_once(sdk, browser):
    pay(sdk, browser, 5_000_000)
    assert len(settle(browser)) == 1
    assert settle(browser) == []
    pay(sdk, browser, 1_000_000)
    [second] = settle(browser)
    assert second["gross_minor"] == 1_000_000


def test_refunds_that_outweigh_the_payments_wait_for_the_next_payout(sdk, browser):
    pay(sdk, browser, 5_000_000)
    settle(browser)
    intent = sdk.v1.payment_intents.list().data[0]
    sdk.v1.refunds.create({"payment_intent": intent.id})
    assert settle(browser) == []
    pay(sdk, browser, 9_000_000)
    [payout] = settle(browser)
    assert (payout["items"], payout["gross_minor"]) == (2, 4_000_000)


def test_a_payme_register_lists_payments_and_refunds_that_sum_to_the_payout(browser):
    browser.post(link())
    browser.post(link(1_234_567))
    browser.post(link(300_000), data={"behaviour": "refund_after_perform"})
    browser.post(link(400_000), data={"behaviour": "cancel_after_create"})
    [payout] = settle(browser, provider="payme")

    [register] = browser.get("/payme/registers").json()["registers"]
    assert register["payout_id"] == payout["payout_id"]
    rows = list(csv.DictReader(StringIO(browser.get(register["url"]).text)))
    assert [row["kind"] for row in rows] == ["payment", "payment", "payment", "refund"]
    assert {row["account_reference"] for row in rows} == {REFERENCE}
    assert sum(int(row["net_minor"]) for row in rows) == payout["net_minor"]
    assert [int(row["fee_minor"]) for row in rows] == [50_000, 12_346, 3_000, 0]
    assert {row["payout_id"] for row in rows} == {payout["payout_id"]}

    later = {"since": "2999-01-01T00:00:00+00:00"}
    assert browser.get("/payme/registers", params=later).json() == {"registers": []}
    assert browser.get("/payme/registers/pm_none.csv").status_code == 404


def test_a_payme_refund_after_the_payout_is_in_the_next_register(browser):
    browser.post(link())
    settle(browser)
    [performed] = browser.get("/payme/registers").json()["registers"]
    rows = csv.DictReader(StringIO(browser.get(performed["url"]).text))
    cancel = {"id": next(rows)["transaction"], "reason": 5}
    browser.post("/payme/calls", json={"method": "CancelTransaction", "params": cancel})
    browser.post(link(9_000_000))
    [second] = settle(browser)
    assert (second["items"], second["gross_minor"]) == (2, 4_000_000)


def test_statements_chain_and_carry_every_entry_once(world: World, sdk, browser):
    pay(sdk, browser, 5_000_000)
    browser.post(link())
    payouts = settle(browser)
    transfer = {
        "amount_minor": 2_500_000,
        "purpose": f"Passport fee {REFERENCE} " + "for a passport " * 20 + "end",
        "payer_name": "A. Karimov & Sons",
        "payer_account": "20208000505703819001",
    }
    assert browser.post("/bank/transfers", json=transfer).status_code == 201
    first = close(browser)
    assert browser.post("/bank/charges", json={"amount_minor": 15_000}).status_code == 201
    second = close(browser)

    assert text(first, "//c:Acct/c:Id/c:Othr/c:Id") == [ACCOUNT]
    assert text(first, "//c:Bal/c:Tp/c:CdOrPrtry/c:Cd") == ["OPBD", "CLBD"]
    opening, closing = text(first, "//c:Bal/c:Amt")
    net = sum(payout["net_minor"] for payout in payouts)
    assert (opening, closing) == ("0.00", f"{(net + 2_500_000) // 100}.00")
    assert text(second, "//c:Bal/c:Amt") == [closing, f"{(net + 2_485_000) // 100}.00"]

    ids = [payout["payout_id"] for payout in payouts]
    assert text(first, "//c:EndToEndId") == [*ids, "NOTPROVIDED"]
    purposes = text(first, "//c:Ustrd")
    assert [ids[0] in purposes[0], ids[1] in purposes[1]] == [True, True]
    assert " ".join(purposes[2:]) == transfer["purpose"]
    assert text(second, "//c:Ntry/c:CdtDbtInd") == ["DBIT"]
    assert text(first, "//c:ElctrncSeqNb") + text(second, "//c:ElctrncSeqNb") == ["1", "2"]

    today = business_date(world.clock())
    assert text(first, "//c:ToDtTm") == [f"{today}T23:59:59+05:00"]
    assert text(second, "//c:FrDtTm") == [f"{today + timedelta(days=1)}T00:00:00+05:00"]
    assert len(browser.get("/bank/statements").json()["statements"]) == 2


def test_a_statement_covers_the_days_since_the_last_one(world: World, browser):
    close(browser)
    today = business_date(world.clock())
    world.clock.forward(days=3)
    second = close(browser)
    assert text(second, "//c:FrDtTm") == [f"{today + timedelta(days=1)}T00:00:00+05:00"]
    assert text(second, "//c:ToDtTm") == [f"{today + timedelta(days=3)}T23:59:59+05:00"]


def test_a_closed_day_cannot_be_closed_again(world: World, browser):
    close(browser)
    today = business_date(world.clock()).isoformat()
    refusal = browser.post("/bank/statements", json={"date": today})
    assert refusal.status_code == 409
    assert refusal.json()["type"] == "day-already-closed"


def test_a_payout_for_tomorrow_is_on_tomorrows_statement(world: World, sdk, browser):
    pay(sdk, browser, 5_000_000)
    tomorrow = business_date(world.clock()) + timedelta(days=1)
    settle(browser, date=tomorrow.isoformat())
    assert text(close(browser), "//c:Ntry") == []
    assert text(close(browser), "//c:BookgDt/c:Dt") == [tomorrow.isoformat()]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/bank/charges", {"amount_minor": 0}, 422),
        ("/bank/charges", {"amount_minor": 1.5}, 422),
        ("/bank/charges", {"amount_minor": 100, "currency": "EUR"}, 422),
        ("/bank/charges", {"amount_minor": 100, "purpose": "a\x00b"}, 422),
        ("/bank/statements", {"currency": "XXX"}, 422),
        ("/settlement", {"provider": "click"}, 422),
    ],
)
def test_a_wrong_order_is_refused(browser, path, body, status):
    assert browser.post(path, json=body).status_code == status


def test_everything_is_the_same_after_a_restart(world: World):
    with world.running() as browser:
        browser.post(link())
        settle(browser)
        first = browser.post("/bank/statements", json={}).json()
        xml = browser.get(f"/bank/statements/{first['id']}.xml").content
    with world.running() as browser:
        assert settle(browser) == []
        assert browser.get(f"/bank/statements/{first['id']}.xml").content == xml
        assert browser.post("/bank/statements", json={}).json()["number"] == 2

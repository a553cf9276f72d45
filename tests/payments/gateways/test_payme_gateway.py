"""Payme's side that we call: the link to its page, and registers as they should and should not be."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI, Response

from ledger.money import UZS
from payments.gateways.payme import PaymeGateway, checkout_link, read_register
from payments.gateways.protocol import (
    CallbackForged,
    CheckoutRequest,
    ProviderUnreachable,
    SettledItem,
)
from tests.payments.gateways.conftest import listening, served

NOON = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
HEAD = "payout_id,arrival,kind,transaction,gross_minor,fee_minor,currency\n"
ROW = "pm_1,2026-11-21T00:00:00+00:00,{},{},{},{},UZS\n"
REGISTER = HEAD + ROW.format("payment", "a", 10_00, 10) + ROW.format("refund", "b", -5_00, 0)


class Office:
    """Where registers are read; `listed` and `text` are what it answers."""

    def __init__(self) -> None:
        self.listed: Any = None
        self.text = REGISTER.encode()
        self.status = 200
        self.url = ""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/registers")
        def registers(since: str) -> Response:
            assert datetime.fromisoformat(since) == NOON
            listed = self.listed
            if listed is None:
                listed = {"registers": [{"url": f"{self.url}/{n}.csv"} for n in ("one", "good")]}
            body = listed if isinstance(listed, bytes) else json.dumps(listed).encode()
            return Response(body, self.status)

        @app.get("/one.csv")
        def one() -> Response:
            return Response(self.text, self.status)

        @app.get("/good.csv")
        def good() -> Response:
            return Response(REGISTER.replace("pm_1", "pm_2"), self.status)

        return app


@pytest.fixture(scope="module")
def building() -> Iterator[Office]:
    office = Office()
    sock, office.url = listening()
    with served(office.app(), sock):
        yield office


@pytest.fixture
def office(building: Office) -> Iterator[Office]:
    yield building
    building.listed, building.text, building.status = None, REGISTER.encode(), 200


def gateway(office: Office) -> PaymeGateway:
    return PaymeGateway("m", key="k", registers_url=f"{office.url}/registers")


@pytest.mark.parametrize(
    "listed",
    [
        b"",
        b"not json",
        b"\xff",
        [1],
        {"registers": None},
        {"registers": {"url": "x"}},
        {"registers": ["x"]},
        {"registers": [{"url": None}]},
        {"registers": [{"url": "file:///etc/passwd"}]},
        {"registers": [{"url": "http://[::1"}]},
        {"registers": [{"url": "http://127.0.0.1:1/x"}]},
        {"no": "registers"},
    ],
    ids=lambda listed: repr(listed)[:40],
)
def test_a_list_of_registers_that_is_none_is_as_good_as_no_answer(office, listed):
    office.listed = listed
    with pytest.raises(ProviderUnreachable):
        gateway(office).settlements(since=NOON)


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        "hello",
        HEAD.replace("fee_minor", "fee") + ROW.format("payment", "a", 1, 0),
        HEAD + ROW.format("fee", "a", 1, 0),
        HEAD + ROW.format("payment", "a", "1.5", 0),
        HEAD + ROW.format("payment", "a", "", 0),
        HEAD + ROW.format("payment", "a", "NaN", 0),
        HEAD + ROW.format("payment", "a", 1, 0).replace("UZS", "ZZZ"),
        HEAD + ROW.format("payment", "a", 1, 0).replace("2026-11-21T", "tomorrow "),
        HEAD + "pm_1\n",
        HEAD + '"' + "x" * 200_000,
        "\ud800".encode("utf-8", "surrogatepass"),
    ],
    ids=lambda text: repr(text)[:40],
)
def test_a_register_that_cannot_be_read_is_left_out_and_its_neighbour_is_read(office, text, caplog):
    office.text = text if isinstance(text, bytes) else text.encode()

    assert [one.payout_id for one in gateway(office).settlements(since=NOON)] == ["pm_2"]
    assert "cannot be read" in caplog.text


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_error_of_payme_is_no_settlement(office, status):
    office.status = status
    with pytest.raises(ProviderUnreachable):
        gateway(office).settlements(since=NOON)


def test_a_register_is_read_with_its_items_and_its_sum(office):
    report, _ = gateway(office).settlements(since=NOON)

    assert (report.payout_id, report.net) == ("pm_1", UZS("4.90"))
    assert report.arrival == datetime(2026, 11, 21, tzinfo=UTC)
    assert report.items == [
        SettledItem("payment", "a", UZS("10"), UZS("0.10")),
        SettledItem("refund", "b", UZS("-5"), UZS("0")),
    ]
    assert read_register(REGISTER) == report


def test_without_a_place_to_read_there_are_no_registers():
    assert PaymeGateway("m", key="k").settlements(since=NOON) == []


def test_payme_is_never_asked_and_never_told_to_stop():
    payme = PaymeGateway("m", key="k")

    assert payme.can_be_asked is False
    assert payme.ask("anything") is None
    with pytest.raises(ProviderUnreachable):
        payme.close_checkout("anything")
    with pytest.raises(CallbackForged):
        payme.read_callback(b"{}", {}, at=NOON)
    with pytest.raises(CallbackForged):
        payme.reread(b"{}")


def test_the_link_is_that_of_paymes_own_example():
    fields = {"m": "587f72c72cac0d162c722ae2", "ac.order_id": "197", "a": "500"}

    assert checkout_link(fields) == (
        "bT01ODdmNzJjNzJjYWMwZDE2MmM3MjJhZTI7YWMub3JkZXJfaWQ9MTk3O2E9NTAw"
    )


@pytest.mark.parametrize(
    ("language", "shown"),
    [("uz", "uz"), ("uz-Cyrl", "uz"), ("ru", "ru"), ("en", "en"), ("fr", "ru")],
)
def test_the_link_carries_the_bill_its_sum_and_the_way_back(language, shown):
    request = CheckoutRequest(
        handle="2-x",
        reference="10100007000000000178",
        amount=UZS("412000"),
        description="Pasport",
        language=language,
        return_url="https://mizon.example/payments/2-x",
        created_at=NOON,
    )
    opened = PaymeGateway("merchant", key="k").open_checkout(request)

    assert opened.provider_ref is None, "Payme tells us by CreateTransaction"
    told = base64.b64decode(opened.url.rpartition("/")[2]).decode().split(";")
    assert told == [
        "m=merchant",
        "ac.reference=10100007000000000178",
        "a=41200000",
        f"l={shown}",
        "c=https://mizon.example/payments/2-x",
        "cr=UZS",
    ]

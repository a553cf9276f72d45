"""Payme's calls as messages: who calls, is it well formed; the answer is always HTTP 200."""

import base64
import json
from typing import Any

import pytest

from payments.callbacks.payme.server import METHODS
from tests.payments.callbacks.payme import KEY, RIGHT, VALID, basic
from tests.superuser import rows


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic =",
        "Basic é",
        RIGHT.replace("Basic", "Bearer"),
        RIGHT.partition(" ")[2],
        RIGHT[:-3],
        basic(KEY),
        basic(f"paycom:{KEY}"),
        basic(f"Paycom:{KEY}x"),
        basic(f"Paycom:{KEY[:-1]}"),
        basic("Paycom:"),
        basic(f"Paycom: {KEY}"),
        basic("Paycom:ключ"),
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Basic " + "A" * 100_000,
    ],
)
def test_step_1_without_the_right_key_every_method_is_refused(asker, authorization):
    for method, params in VALID.items():
        body = json.dumps({"method": method, "params": params, "id": 1}).encode()
        assert asker.raw(body, authorization)["error"]["code"] == -32504, method
    assert asker.raw(b"not json", authorization)["error"]["code"] == -32504


def test_a_changed_key_counts_at_once_and_the_old_one_no_more(payme, bill):
    new_key = "n" * 36
    assert payme.result("ChangePassword", password=new_key) == {"success": True}

    body = json.dumps({"method": "CheckTransaction", "params": {"id": "a"}, "id": 1}).encode()
    assert payme.raw(body)["error"]["code"] == -32504
    assert payme.raw(body, basic(f"Paycom:{new_key}"))["error"]["code"] == -31003
    assert new_key not in repr(rows(payme.database.url, "SELECT * FROM payments.provider_key"))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe\xfd", -32700),
        (b'{"method": "CheckTransaction", "params": {"id": "\xff"}}', -32700),
        (b"[" * 100_000, -32700),
        (b'{"params": ' + b"[" * 1000 + b"]" * 1000 + b"}", (-32700, -32600)),
        (b"9" * 5000, -32700),
        (b"null", -32600),
        (b"[]", -32600),
        (b'"x"', -32600),
        (b"NaN", -32600),
        (b"{}", -32600),
        (b'{"method": null, "params": {}}', -32600),
        (b'{"method": 1, "params": {}}', -32600),
        (b'{"method": ["CheckTransaction"], "params": {}}', -32600),
        (b'{"method": "\\ud800", "params": {}}', -32600),
        (b'{"method": "CheckTransaction"}', -32600),
        (b'{"method": "CheckTransaction", "params": null}', -32600),
        (b'{"method": "CheckTransaction", "params": ["a"]}', -32600),
        (b'{"method": "CheckTransaction", "params": "id=a"}', -32600),
        (b'{"method": "", "params": {}}', -32601),
        (b'{"method": "checktransaction", "params": {}}', -32601),
        (b'{"method": "Refund", "params": null}', -32601),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_body_that_is_no_call_is_told_why(asker, body, code):
    assert asker.raw(body)["error"]["code"] in (code if isinstance(code, tuple) else (code,))


def test_an_unknown_method_is_named_in_the_answer(asker):
    told = asker.raw(b'{"method": "Refund", "params": {}, "id": 5}')

    assert told["error"]["data"] == "Refund"
    assert told["id"] == 5


WRONG: dict[type, tuple[Any, ...]] = {
    int: (None, True, "1", 1.0, 1.5, [], {}, float("nan"), float("inf"), 2**63, -(2**70), 10**400),
    str: (None, True, 1, 1.5, [], {}, "", "x" * 201, "a\x00b", "\ud800", "a\udfff"),
    dict: (None, True, 1, "{}", [], [["reference", "1"]]),
}
CELLS = [
    (method, name, wrong)
    for method, of in METHODS.items()
    for name, kind in of.params.items()
    for wrong in (*WRONG[kind], ...)
]


@pytest.mark.parametrize("method", list(METHODS))
def test_a_parameter_that_is_missing_or_of_a_wrong_type_is_refused(asker, method):
    for of, name, wrong in CELLS:
        if of != method:
            continue
        params = VALID[method] | {name: wrong}
        if wrong is ...:
            del params[name]
        told = asker.call(method, **params)["error"]
        huge = name == "amount" and type(wrong) is int
        assert told["code"] == (-31001 if huge else -32600), (name, wrong, told)
        assert told["data"] == (None if huge else name)


@pytest.mark.parametrize("number", ["500.0", "5e2", "41200000.0", "4.12e7", "-0.0", "1E400"])
def test_an_amount_written_as_a_fraction_is_refused_even_when_it_is_whole(asker, bill, number):
    body = (
        '{"method": "CreateTransaction", "id": 1, "params": {"id": "a", "time": 1795158000000,'
        f' "amount": {number}, "account": {{"reference": "{bill.reference}"}}}}}}'
    )
    assert asker.raw(body.encode())["error"]["code"] == -32600


@pytest.mark.parametrize(
    "id", ["1.5", "NaN", "[1]", "{}", '"\\ud800"', "null", "1e999", '"\\u0000"']
)
def test_an_id_that_cannot_be_sent_back_is_answered_without_one(asker, id):
    told = asker.raw(f'{{"method": "Refund", "params": {{}}, "id": {id}}}'.encode())

    assert told["error"]["code"] == -32601
    assert told["id"] is None


@pytest.mark.parametrize("id", ["0", "-1", '"a"', '"ўзбек"', "12345678901234567890"])
def test_the_calls_own_id_comes_back(asker, id):
    told = asker.raw(f'{{"method": "Refund", "params": {{}}, "id": {id}}}'.encode())

    assert told["id"] == json.loads(id)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_http_method_is_answered_200_and_minus_32300(shut_door, method):
    told = shut_door.request(method, "/callbacks/payme")

    assert (told.status_code, told.json()["error"]["code"]) == (200, -32300)


def test_while_the_database_is_away_the_answer_is_200_and_minus_32400(shut_door):
    body = json.dumps({"method": "CheckTransaction", "params": {"id": "a"}, "id": 9})
    told = shut_door.post("/callbacks/payme", content=body, headers={"Authorization": RIGHT})

    assert (told.status_code, told.json()["error"]["code"], told.json()["id"]) == (200, -32400, 9)


def test_a_body_without_end_is_answered_200(shut_door):
    told = shut_door.post("/callbacks/payme", content=b"[" * 600_000)

    assert (told.status_code, told.json()["error"]["code"]) == (200, -32700)


@pytest.mark.parametrize("content_type", ["text/json", "application/json", "text/plain", ""])
def test_a_call_is_taken_whatever_its_content_type(desk, content_type):
    body = json.dumps({"method": "CheckTransaction", "params": {"id": "a"}, "id": 9})
    headers = {"Authorization": RIGHT, "Content-Type": content_type}
    told = desk.client.post("/callbacks/payme", content=body, headers=headers)

    assert (told.status_code, told.json()["error"]["code"]) == (200, -31003)

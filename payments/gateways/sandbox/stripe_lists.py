"""Reading Stripe's objects: one of them, a page of them, and ids expanded into the objects they name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from payments.gateways.sandbox import stripe_objects
from payments.gateways.sandbox.provider import Provider
from payments.gateways.sandbox.store import Record
from payments.gateways.sandbox.stripe_params import ListParams, RetrieveParams
from payments.gateways.sandbox.stripe_protocol import (
    ResourceMissing,
    StripeCall,
    StripeRefusal,
    read_params,
)

DEEPEST_EXPANSION: Final = 4
# What an id names, told by how it begins.
KINDS: Final = {
    "cs_test_": "session",
    "pi_": "payment_intent",
    "ch_": "charge",
    "txn_": "balance_transaction",
    "re_": "refund",
    "po_": "payout",
    "evt_": "event",
}

Filter = Callable[[Provider, Record, str], bool]


def _in_payout(provider: Provider, record: Record, payout: str) -> bool:
    settled = provider.store.find("settled", record["id"])
    return settled is not None and settled["payout"] == payout


def _same(name: str) -> Filter:
    return lambda _provider, record, value: bool(record[name] == value)


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object under an address of the API, and what its list can be filtered by."""

    path: str
    kind: str
    type_name: str
    filters: Mapping[str, Filter] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the list is."""
        return f"/v1/{self.path}"


def _resource(path: str, kind: str, *names: str, **special: Filter) -> Resource:
    filters = {name: _same(name) for name in names} | special
    return Resource(path, kind, kind.replace("session", "checkout.session"), filters)


RESOURCES: Final = (
    _resource("checkout/sessions", "session", "payment_intent", "status"),
    _resource("payment_intents", "payment_intent"),
    _resource("charges", "charge", "payment_intent"),
    _resource("refunds", "refund", "charge", "payment_intent"),
    _resource(
        "balance_transactions",
        "balance_transaction",
        "type",
        "source",
        "currency",
        payout=_in_payout,
    ),
    _resource("payouts", "payout", "status"),
    _resource("events", "event", "type"),
)


def retrieve(provider: Provider, resource: Resource, id: str, call: StripeCall) -> Record:
    """One object, expanded as asked. Raises ResourceMissing and StripeRefusal."""
    params = read_params(call, RetrieveParams)
    return expand(provider, find(provider, resource, id), params.expand)


def find(provider: Provider, resource: Resource, id: str) -> Record:
    """One object as it stands. Raises ResourceMissing."""
    record = provider.store.find(resource.kind, id)
    if record is None:
        raise ResourceMissing(
            f"No such {resource.type_name}: '{id}'", code="resource_missing", param="id"
        )
    return record


def page(provider: Provider, resource: Resource, call: StripeCall) -> Record:
    """One page of a list, the newest first. Raises ResourceMissing and StripeRefusal."""
    wanted = {name: call.params.pop(name) for name in resource.filters if name in call.params}
    params = read_params(call, ListParams)
    records = [
        record
        for record in reversed(provider.store.all(resource.kind))
        if _created_within(record, params.created)
        and all(resource.filters[name](provider, record, value) for name, value in wanted.items())
    ]
    shown, has_more = _cut(records, params)
    paths = [path.removeprefix("data.") for path in params.expand]
    expanded = [expand(provider, record, paths) for record in shown]
    return stripe_objects.list_of(expanded, url=resource.url, has_more=has_more)


def expand(provider: Provider, record: Record, paths: Sequence[str]) -> Record:
    """Put the object in place of its id along each path: "latest_charge.balance_transaction"."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > DEEPEST_EXPANSION:
            raise StripeRefusal(
                "You cannot expand more than 4 levels of a property.", param="expand"
            )
        record = _expanded(provider, record, parts)
    return record


def _expanded(provider: Provider, record: Record, parts: Sequence[str]) -> Record:
    head, *rest = parts
    if head == "line_items" and record["object"] == "checkout.session":
        return {**record, head: _line_items(provider, record)}
    value: Any = record.get(head)
    if isinstance(value, str):
        value = _named_by(provider, value)
    if value is None and head in record:
        return record
    if not isinstance(value, Mapping):
        raise StripeRefusal(f"This property cannot be expanded ({head}).", param="expand")
    return {**record, head: _expanded(provider, value, rest) if rest else value}


def _named_by(provider: Provider, id: str) -> Record | None:
    kinds = [kind for prefix, kind in KINDS.items() if id.startswith(prefix)]
    return provider.store.find(kinds[0], id) if kinds else None


def _line_items(provider: Provider, session: Record) -> Record:
    order = provider.store.find("order", session["id"]) or {"lines": []}
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return stripe_objects.list_of(order["lines"], url=url, has_more=False)


def _created_within(record: Record, asked: int | Mapping[Any, int] | None) -> bool:
    if asked is None:
        return True
    created = int(record["created"])
    if isinstance(asked, int):
        return created == asked
    return asked.get("gt", created - 1) < created < asked.get("lt", created + 1) and asked.get(
        "gte", created
    ) <= created <= asked.get("lte", created)


def _cut(records: Sequence[Record], params: ListParams) -> tuple[Sequence[Record], bool]:
    """The page after or before an object; an unknown object is refused, as Stripe does."""
    places = {record["id"]: place for place, record in enumerate(records)}
    for name in (params.starting_after, params.ending_before):
        if name is not None and name not in places:
            raise ResourceMissing(f"No such object: '{name}'", code="resource_missing")
    if params.ending_before is not None:
        before = records[: places[params.ending_before]]
        return before[-params.limit :], len(before) > params.limit
    after = records[places[params.starting_after] + 1 :] if params.starting_after else records
    return after[: params.limit], len(after) > params.limit

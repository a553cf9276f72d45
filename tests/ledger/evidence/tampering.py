"""What can be done to a piece of JSON: changing any one thing in it."""

import copy


def changes(record, at=()):
    """Every place in the record, with something else standing there."""
    items = record.items() if isinstance(record, dict) else enumerate(record)
    for place, value in items:
        if isinstance(value, dict | list):
            yield from changes(value, (*at, place))
        elif isinstance(value, int):
            yield (*at, place), value + 1
        elif isinstance(value, str) and "\n" not in value:
            yield (*at, place), value[:-2] + ("A" if value[-2:-1] != "A" else "B") + value[-1:]
        elif value is None:
            yield (*at, place), 1


def put(record, place, value):
    """The record with this value at that place."""
    made = copy.deepcopy(record)
    inside = made
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] = value
    return made

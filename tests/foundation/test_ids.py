"""Identifiers: new ones sort by time, derived ones never change."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from foundation.ids import derive_id, new_id

PARENT = UUID("01930000-0000-7000-8000-000000000001")


def test_ids_made_one_after_the_other_sort_in_that_order_even_within_a_millisecond():
    made = [new_id() for _ in range(2000)]

    assert made[-1].int >> 80 <= (made[0].int >> 80) + 1000, "the test was too slow to say anything"
    assert made == sorted(made)


def test_ids_of_many_threads_are_all_different():
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id(), range(4000)))

    assert len(set(made)) == 4000


def test_a_new_id_says_that_it_is_of_version_7_and_of_the_standards_variant():
    made = new_id()

    assert made.version == 7
    assert made.variant == "specified in RFC 4122"


def test_an_id_carries_the_time_it_was_made_at(monkeypatch):
    monkeypatch.setattr("foundation.ids.time.time_ns", lambda: 1_795_158_000_123_456_789)

    assert new_id().int >> 80 == 1_795_158_000_123


def test_a_derived_id_is_the_same_today_and_after_a_crash():
    assert derive_id(PARENT, "settled") == UUID("59a8277d-1be0-5325-97e8-b1a9486e44fe")


def test_another_purpose_or_another_parent_is_another_id():
    assert derive_id(PARENT, "settled") != derive_id(PARENT, "reversed")
    assert derive_id(PARENT, "settled") != derive_id(new_id(), "settled")

"""Life cycles: what may follow what, and nothing else."""

from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.states import IllegalMove, Lifecycle
from payments.bills import LIFECYCLE as BILLS
from payments.bills import BillState
from payments.charges import LIFECYCLE as CHARGES
from payments.charges import ChargeState


class Door(StrEnum):
    OPEN = "open"
    SHUT = "shut"
    BRICKED_UP = "bricked_up"


DOORS = Lifecycle[Door](
    {
        "close": ({Door.OPEN}, Door.SHUT),
        "open": ({Door.SHUT}, Door.OPEN),
        "brick_up": ({Door.OPEN, Door.SHUT}, Door.BRICKED_UP),
    }
)


def test_a_move_that_the_state_forbids_is_refused_with_its_name_and_the_state():
    with pytest.raises(IllegalMove) as refusal:
        DOORS.after("open", Door.BRICKED_UP)

    assert refusal.value.status == 409
    assert refusal.value.facts == {"event": "open", "state": "bricked_up"}


def test_an_event_nobody_has_named_is_a_mistake_of_ours_and_not_a_refusal():
    with pytest.raises(KeyError):
        DOORS.after("paint", Door.OPEN)


def test_what_is_allowed_is_exactly_what_can_follow():
    for event in DOORS.moves:
        for state in Door:
            if DOORS.allows(event, state):
                assert DOORS.after(event, state) in Door
            else:
                with pytest.raises(IllegalMove):
                    DOORS.after(event, state)


@pytest.mark.parametrize(("lifecycle", "states"), [(BILLS, BillState), (CHARGES, ChargeState)])
def test_every_state_of_a_record_can_be_reached(lifecycle, states):
    reached = {next(iter(states))}
    for _ in states:
        reached |= {
            target for origins, target in lifecycle.moves.values() if reached & set(origins)
        }
    assert reached == set(states)


@settings(max_examples=50)
@given(events=st.lists(st.sampled_from(sorted(CHARGES.moves)), max_size=12))
def test_a_charge_is_never_open_again_once_money_has_come_or_it_was_given_up(events):
    state, over = ChargeState.CREATED, False
    for event in events:
        if not CHARGES.allows(event, state):
            continue
        state = CHARGES.after(event, state)
        assert not (over and state in {ChargeState.CREATED, ChargeState.PENDING})
        over = over or state not in {ChargeState.CREATED, ChargeState.PENDING}


def test_money_is_taken_from_every_state_in_which_none_has_come():
    unpaid = set(ChargeState) - {ChargeState.SETTLED, ChargeState.REVERSED}

    assert {state for state in ChargeState if CHARGES.allows("settle", state)} == unpaid

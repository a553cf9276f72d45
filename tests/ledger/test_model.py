"""Hypothesis plays journals against the database and the model, and shrinks what it finds."""

import os
from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from ledger.books import prove
from tests.ledger.twin import Scribe, Twin, teach_kinds

SCALE = int(os.environ.get("MIZON_DRILL", "1"))
STORIES = settings(
    max_examples=30 * SCALE,
    stateful_step_count=20,
    derandomize=SCALE == 1,  # the suite plays the same stories every time, a drill new ones
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
# Drawn by Hypothesis, so that a story that fails is told again in fewer and smaller words.
CHANCES = st.randoms(use_true_random=False)


def test_whatever_is_asked_the_database_answers_and_writes_what_the_model_does(empty, empty_url):
    teach_kinds(empty_url)
    books = count(1)

    class Story(RuleBasedStateMachine):
        """One book a story; both must agree after every step."""

        def __init__(self) -> None:
            super().__init__()
            self.twin = Twin(empty, empty_url, next(books))
            self.scribe = Scribe(self.twin, None)

        @rule(chance=CHANCES, journals=st.integers(1, 6))
        def post_in_one_call(self, chance, journals):
            self.scribe.chance = chance
            self.twin.post(self.scribe.batch(journals))

        @rule(chance=CHANCES, journals=st.integers(1, 3))
        def post_one_by_one(self, chance, journals):
            self.scribe.chance = chance
            self.twin.post(self.scribe.batch(journals, most_lines=1), at_once=False)

        @rule(chance=CHANCES)
        def something_else_happens(self, chance):
            self.scribe.chance = chance
            self.scribe.meanwhile()

        def teardown(self) -> None:
            self.twin.compare()
            self.twin.close(None, None)

    run_state_machine_as_test(Story, settings=STORIES)
    with empty.transaction() as session:
        assert [check for check in prove(session) if not check.holds] == []

"""`mizon bench ledger`: the shape of its answer, never its figures: those are the machine's."""

import json

import pytest

from service.bench.alternating import open_bench
from service.bench.callers import Call, CallsFailed, Psycopg, find_callers
from service.bench.ledger import NoSuchMeasurement, choose, measure
from service.bench.lines import GROUPS, all_lines
from service.bench.ours import Batch, JournalRefused, post_many
from service.bench.report import as_json, as_text
from service.bench.samples import Bound, Line, Samples, rows
from service.bench.scale import Progress, Scale
from service.bench.world import fresh_world

TINY = Scale(
    seconds=0.01,
    rounds=1,
    accounts=64,
    transfers=1,
    batches_without_full_pages=1,
    sustained=1,
    reads=2,
)


@pytest.fixture(scope="module")
def world(server):
    with fresh_world(server, TINY.accounts) as made:
        yield made


def test_a_measurement_that_does_not_exist_is_named():
    with pytest.raises(NoSuchMeasurement) as refusal:
        choose(["batch", "speed"], long=False)
    assert refusal.value.facts["name"] == "speed"
    assert "batch" in refusal.value.facts["known"]


def test_a_refused_journal_ends_the_measurement(world):
    batch = Batch.of(world.books[0], [1, 2], [2, 3])
    with world.connect() as connection, pytest.raises(JournalRefused):
        post_many(connection, batch, amount=0)


def test_calls_that_fail_end_the_measurement(world):
    call = Call("SELECT 1 / (:debit - :debit)", 1, 2, hot=False)
    for callers in (find_callers(), Psycopg()):
        with pytest.raises(CallsFailed):
            callers.rate(world.url, call, clients=1, seconds=1)


def test_psycopg_calls_where_there_is_no_pgbench(world):
    book = world.books[0]
    call = Call(book.call, book.first, book.last, hot=True)
    assert Psycopg().rate(world.url, call, clients=3, seconds=1) > 0


def test_nothing_measured_is_left_on_the_server(server, admin):
    asked = "SELECT datname FROM pg_database WHERE starts_with(datname, 'bench')"
    with admin.connect() as connection:
        before = connection.exec_driver_sql(asked).scalars().all()
        with fresh_world(server, 2):
            pass
        assert connection.exec_driver_sql(asked).scalars().all() == before


def test_ratios_are_taken_round_by_round():
    samples = Samples()
    for our, floor in ((10, 20), (90, 100), (8, 10)):
        samples.add("ours", {"rate": our})
        samples.add("F(1) uniform", {"rate": floor})
    line = Line("single", "ours", floor="F(1) uniform", target=(Bound(">=", 0.8),))

    (row,) = rows([line], samples)

    assert (row.figure, row.floor, row.ratio, row.spread) == (10, 20, 0.8, (0.5, 0.9))
    assert (row.target, row.met) == (">= 0.8 F(1)", True)


def test_a_target_may_be_met_by_the_figure_or_by_the_ratio():
    target = (Bound("<=", 2.5, of_ratio=False), Bound(">=", 35))
    for seconds, rate, met in ((2, 20, True), (3, 400, True), (3, 20, False)):
        samples = Samples()
        samples.add("proof", {"seconds": seconds, "rate": rate})
        samples.add("F(8) uniform", {"rate": 10})
        line = Line("prove", "proof", "s", figure="seconds", floor="F(8) uniform", target=target)
        (row,) = rows([line], samples)
        assert (row.figure, row.met) == (seconds, met)
        assert row.target == "<= 2.5 s or >= 35 F(8)"


def test_every_line_is_in_a_group_and_every_floor_is_measured_under_its_name():
    lines = all_lines()
    assert {line.group for line in lines} == set(GROUPS)
    assert len({line.name for line in lines}) == len(lines)
    measured = {line.source for line in lines}
    for line in lines:
        assert not line.floor or line.floor in measured or line.floor.startswith("A(8192) ")


def test_every_floor_is_measured_just_before_what_stands_beside_it(world):
    with open_bench(world, TINY) as bench:
        order = [probe.name for probe in bench.probes()]
    lines = [line for line in all_lines() if line.floor in order]
    assert {"single", "lane", "batch", "books"} < {line.group for line in lines}
    for line in lines:
        if line.group != "prove":
            assert 0 < order.index(line.source) - order.index(line.floor) <= 3
    assert order == list(dict.fromkeys(order))


def test_a_tiny_run_answers_every_line(server):
    found = measure(server, TINY, GROUPS, Progress())

    assert [row.name for row in found] == [line.name for line in all_lines()]
    for row in json.loads(as_json(found)):
        assert list(row) == ["name", "figure", "unit", "floor", "ratio", "target", "met"]
        assert row["figure"] > 0
        assert (row["floor"] is None) == (row["ratio"] is None)
        assert (row["target"] is None) == (row["met"] is None)
    table = as_text(found, {"processors": "2"}, ["a note"]).splitlines()
    assert table[0] == "processors 2"
    assert table[2].split() == ["ratio", "spread", "target", "figure", "unit", "floor", "what"]
    assert table[-1].endswith("targets met.")

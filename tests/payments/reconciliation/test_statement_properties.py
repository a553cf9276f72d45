"""What holds for every file: exact sums, equal readings, no exception, constant memory."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from payments.reconciliation.statements import Verdict
from tests.payments.reconciliation.camt import (
    amount,
    balance,
    check,
    details,
    document,
    entry,
    moving,
    opened,
    statement,
)

AMOUNTS = st.lists(st.integers(-(10**14), 10**14).map(lambda minor: f"{Decimal(minor) / 100:.2f}"))
ENCODINGS = st.sampled_from(["UTF-8", "UTF-16", "ISO-8859-1"])


@given(amounts=AMOUNTS, opening=st.integers(-(10**14), 10**14))
def test_sums_are_exact(amounts: list[str], opening: int) -> None:
    start = f"{Decimal(opening) / 100:.2f}"

    report = check(document(moving(*amounts, opening=start)))

    assert report.verdict == Verdict.ACCEPTED
    booked = report.statements[0].as_json()["booked"]
    assert Decimal(booked.get("EUR", "0")) == sum(map(Decimal, amounts))


@given(amounts=AMOUNTS.filter(bool), off=st.integers(-100, 100).filter(bool))
def test_the_smallest_difference_is_seen(amounts: list[str], off: int) -> None:
    right = moving(*amounts)
    closing = Decimal("100.00") + sum(map(Decimal, amounts))
    wrong = right.replace(
        balance("CLBD", f"{closing:f}"), balance("CLBD", f"{closing + Decimal(off) / 100:f}")
    )

    assert check(document(wrong)).verdict == Verdict.QUARANTINED


@given(amounts=AMOUNTS, encoding=ENCODINGS, cut=st.integers(0, 10**6))
@settings(deadline=None)
def test_a_file_cut_at_any_byte_is_never_accepted_and_never_raises(
    amounts: list[str], encoding: str, cut: int
) -> None:
    content = document(moving(*amounts)).decode().replace("UTF-8", encoding).encode(encoding)

    assert check(content[: cut % len(content)]).verdict == Verdict.REFUSED


@given(noise=st.binary(max_size=40), at=st.integers(0, 10**6), length=st.integers(0, 40))
@settings(deadline=None, max_examples=300)
def test_noise_never_raises_and_reads_the_same_twice(noise: bytes, at: int, length: int) -> None:
    content = document(moving("5.00", "-3.00"), moving("1.00", opening="102.00", id="S2"))
    at %= len(content)
    noisy = content[:at] + noise + content[at + length :]

    file = opened(noisy)

    assert check(noisy) == file.report
    assert list(file.lines()) == list(file.lines())


GROWTH_OF_A_LARGE_FILE = """
import resource, sys
from payments.reconciliation.statements import open_statement_file
from tests.payments.reconciliation.camt import check, document, moving

def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

assert check(document(moving("5.00"))).verdict == "accepted"
before = used()
with open(sys.argv[1], "rb") as stream:
    file = open_statement_file(stream, "large.xml")
    lines = sum(1 for _ in file.lines())
print(file.report.verdict, file.report.statements[0].details, lines, used() - before)
"""


def test_fifty_thousand_entries_stay_small_in_memory(tmp_path: Path) -> None:
    one = entry("1.00", inside=details(amount("1.00") + "<RmtInf><Ustrd>bill</Ustrd></RmtInf>"))
    large = tmp_path / "large.xml"
    large.write_bytes(document(statement(one * 50_000, opening="0", closing="50000")))

    run = subprocess.run(
        [sys.executable, "-c", GROWTH_OF_A_LARGE_FILE, large],
        capture_output=True,
        text=True,
        check=True,
    )

    verdict, details_read, lines, kilobytes = run.stdout.split()
    assert (verdict, details_read, lines) == ("accepted", "50000", "50000")
    assert int(kilobytes) < 20_000

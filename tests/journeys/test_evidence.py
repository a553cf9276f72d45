"""A stranger checks: what is not there, a receipt, heads, pairs and tiles; offline, with one file."""

import base64
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger.evidence.notes import Signer
from ledger.evidence.tree import root
from ledger.verify import EMPTY_ROOT
from service.demo.town_hall import environment
from service.settings import ROOT
from tests.journeys.books import attempts
from tests.journeys.people import Citizen, Page

pytestmark = pytest.mark.xdist_group("town")

PATIENCE_SECONDS = 30
LINK = "Download the proof"


@pytest.fixture
def stranger(citizen, town, tmp_path):
    return Stranger(citizen, Signer.read(town.settings.signing_key).public_text, tmp_path)


class Stranger:
    """Has the public key from elsewhere, the verifier from the page, and nothing else."""

    def __init__(self, visitor: Citizen, key: str, folder: Path) -> None:
        self.visitor, self.key, self.folder = visitor, key, folder
        self.get("/evidence/verify.py", "verify.py")

    def get(self, address: str, name: str) -> Path:
        answer = self.visitor.http.get(address)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
        path = self.folder / name
        path.write_bytes(answer.content)
        return path

    def verify(self, *files: Path, key: str = "") -> tuple[int, str]:
        command = [sys.executable, "verify.py", "--key", key or self.key, *files]
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, env={}
        )
        return done.returncode, done.stdout + done.stderr


def proof_link(page: Page) -> str:
    return "".join(page.tree.xpath("//a[starts-with(normalize-space(), $words)]/@href", words=LINK))


def signed_receipt(citizen: Citizen, payment: str) -> Page:
    """The receipt, once its page offers the proof."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not proof_link(page := citizen.outcome(payment)) and time.monotonic() < give_up:
        time.sleep(0.5)
    return page


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/evidence/heads/77.txt", 404),
        ("/evidence/heads/0.txt", 422),
        ("/evidence/heads/2147483648.txt", 422),
        ("/evidence/heads/national.txt?size=99999999", 404),
        ("/evidence/heads/2.txt?size=-1", 422),
        ("/evidence/heads/2.txt?size=18446744073709551616", 422),
        ("/evidence/consistency/2?from=1", 422),
        ("/evidence/consistency/2?from=0&to=0", 404),
        ("/evidence/consistency/../2?from=0&to=0", 404),
        ("/evidence/tile/2/0/999", 404),
        ("/evidence/tile/2/0/x999/x999/x999/x999/x999/999", 404),
        ("/evidence/tile/2/0/x999/x999/x999/x999/x999/x999/x999/999", 404),
        ("/evidence/tile/2/8/000", 422),
        ("/evidence/tile/2/0/000.p/0", 404),
        ("/evidence/tile/2/0/000.p/256", 404),
        ("/evidence/tile/2/0/-01", 404),
        ("/evidence/national.jsonl?from=-1", 422),
        ("/evidence?after=99999999999", 422),
        ("/payments/2-00000000-0000-0000-0000-000000000000/proof", 404),
        ("/payments/nonsense/proof", 404),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(citizen, address, status):
    page = citizen.open(address)
    assert page.status == status
    assert page.heading


def test_an_unpaid_attempt_has_no_proof(citizen, new_bill, desk):
    bill = new_bill()
    citizen.start(bill)
    (attempt,) = attempts(desk.database, bill.reference)
    assert citizen.open(f"/payments/{attempt.handle}").status == 200
    assert citizen.open(f"/payments/{attempt.handle}/proof").status == 404


def test_a_payer_proves_a_payment_to_a_stranger(citizen, stranger, new_bill):
    bill = new_bill()
    payment = citizen.pay(bill)
    page = signed_receipt(citizen, payment)
    assert "This payment is sealed in the agency's book: nobody can change it unseen." in page.text
    file = stranger.get(proof_link(page), "receipt.json")

    code, told = stranger.verify(file)
    assert (code, told.splitlines()[0]) == (0, f"{file}: holds")
    assert bill.reference in told
    assert f'"amount_minor": {bill.amount_minor * 70 // 100}' in told
    closed = stranger.get(page.address("Download one that does not lead here"), "closed.json")
    code, told = stranger.verify(closed)
    assert (code, bill.reference in told) == (0, False)
    charge = proof_link(page).split("/")[2].partition("-")[2]
    assert (charge in file.read_text("utf-8"), charge in closed.read_text("utf-8")) == (True, False)
    assert stranger.verify(file, key=Signer.new("ledger.namuna.example").public_text)[0] == 1
    forged = json.loads(file.read_text("utf-8"))
    forged["leaf"]["transfers"][0]["amount_minor"] += 1
    file.write_text(json.dumps(forged), "utf-8")
    assert stranger.verify(file)[0] == 1


def test_the_page_leads_to_keys_heads_and_pairs_that_hold(citizen, stranger, new_bill):
    kept = []
    for number in range(2):
        signed_receipt(citizen, citizen.pay(new_bill()))
        kept.append(stranger.get("/evidence/heads/2.txt", f"head{number}.txt"))
    page = citizen.open("/evidence")
    assert page.heading == "Check our books yourself"
    assert stranger.key in page.text
    assert stranger.key in stranger.get("/evidence/keys.txt", "keys.txt").read_text("utf-8")
    old, new = (int(head.read_text("utf-8").split("\n")[1]) for head in kept)
    files = [
        *kept,
        stranger.get("/evidence/national.txt", "national.txt"),
        stranger.get(f"/evidence/heads/2.txt?size={old}", "old.txt"),
        stranger.get(f"/evidence/consistency/2?from={old}&to={new}", "pair.json"),
        *(
            stranger.get(address, f"page{number}.json")
            for number, address in enumerate(
                page.tree.xpath("//a[contains(@href, '/consistency/')]/@href")
            )
        ),
    ]
    assert len(files) >= 7
    assert old < new
    code, told = stranger.verify(*files)
    assert (code, told.count(": holds")) == (0, len(files))
    assert kept[0].read_bytes() == (stranger.folder / "old.txt").read_bytes()


def test_a_monitor_can_rebuild_the_national_log_from_what_is_public(citizen, stranger, new_bill):
    signed_receipt(citizen, citizen.pay(new_bill()))
    head = stranger.get("/evidence/national.txt", "national.txt").read_text("utf-8").split("\n")
    size, expected = int(head[1]), base64.b64decode(head[2])
    lines = stranger.get("/evidence/national.jsonl", "national.jsonl").read_text("utf-8")
    leaves = [json.loads(line) for line in lines.splitlines()][:size]
    assert [leaf["leaf"] for leaf in leaves] == list(range(size))
    entries = b"".join(
        hashlib.sha256(
            b"\x00\x02"
            + leaf["org_id"].to_bytes(4, "big")
            + leaf["size"].to_bytes(8, "big")
            + base64.b64decode(leaf["root"])
        ).digest()
        for leaf in leaves
    )
    tile = stranger.get(f"/evidence/tile/national/0/000.p/{min(size, 255)}", "tile").read_bytes()
    assert entries.startswith(tile)
    assert expected != EMPTY_ROOT
    tiles = {(0, number): entries[number * 8192 :][:8192] for number in range(size // 256 + 1)}
    assert size >= 256 or root(lambda *place: tiles[place], size) == expected


def test_what_is_named_by_its_size_may_be_kept_for_ever_and_the_newest_may_not(citizen):
    head = citizen.http.get("/evidence/national.txt")
    size = head.text.split("\n")[1]
    for_ever = citizen.http.get(f"/evidence/national.txt?size={size}")
    assert "immutable" in for_ever.headers["cache-control"]
    assert head.headers["cache-control"] == "no-store"
    assert head.headers["content-type"] == "text/plain; charset=utf-8"


def test_the_commands_write_a_dump_and_compare_a_head(citizen, stranger, town, new_bill):
    signed_receipt(citizen, citizen.pay(new_bill()))
    head = stranger.get("/evidence/heads/2.txt", "head.txt")

    def mizon(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "service", *words]
        return subprocess.run(
            command,
            cwd=ROOT,
            env=environment(town.settings) | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    dump = mizon("dump", "--book", "2")
    assert dump.returncode == 0, dump.stderr
    (stranger.folder / "dump.jsonl").write_text(dump.stdout, "utf-8")
    code, told = stranger.verify(Path("dump.jsonl"))
    assert code == 0, told
    assert "debit balances" in told

    compared = mizon("heads", "compare", str(head), "--key", stranger.key)
    assert (compared.returncode, compared.stderr) == (0, "")
    assert mizon("verify", str(head), "--key", stranger.key).returncode == 0
    assert mizon("dump", "--book", "77").returncode == 2

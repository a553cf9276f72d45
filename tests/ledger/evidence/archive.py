"""Books that are kept in a real database, sealed and signed; and a stranger who verifies what they show."""

import io
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from foundation.database import Database
from ledger.books import prove
from ledger.chart import JournalKind
from ledger.evidence.dump import write_dump
from ledger.evidence.heads import publish_heads
from ledger.evidence.notes import Signer
from ledger.evidence.proofs import consistency, receipt_proof
from ledger.evidence.sealing import seal_books
from ledger.journals import Transfer, capture, hold, release, reverse
from ledger.money import UZS
from ledger.verify import run
from tests.ledger.desk import CLEARING, CREDIT, INCOME, NOON, Desk
from tests.ledger.evidence.town import NAME, SIGNER


@dataclass
class Archive:
    """A bookkeeper at `desk`, a sealer, a signer, and a folder for what strangers are given."""

    database: Database
    folder: Path
    desk: Desk
    signer: Signer = SIGNER

    def seal(self) -> int:
        """Seal all that waits."""
        return sum(iter(lambda: seal_books(self.database), 0))

    def publish(self, *signers: Signer, every_seconds: int = 0) -> int:
        with self.database.transaction() as session:
            return publish_heads(session, signers or [self.signer], every_seconds=every_seconds)

    def settle(self) -> None:
        """Seal and sign."""
        self.seal()
        self.publish()

    def pay(self, times: int = 1, org_id: int = 1) -> list[UUID]:
        """Payments, each in a call of its own; their journals."""
        payments = [Transfer(CLEARING, INCOME, UZS(str(n + 1))) for n in range(times)]
        return [
            self.desk.post(self.desk.journal(each, org_id=org_id))[0].journal for each in payments
        ]

    def receipt(self, journal: UUID, *, org_id: int = 1, documents: bool = True) -> dict:
        with self.database.transaction() as session:
            return receipt_proof(session, org_id, journal, documents=documents)

    def pair(self, log: int, old: int, new: int) -> dict:
        with self.database.transaction() as session:
            return consistency(session, log, old, new)

    def dump(self, org_id: int = 1, *, documents: bool = False) -> str:
        out = io.StringIO()
        with self.database.transaction() as session:
            write_dump(session, org_id, out, documents=documents)
        return out.getvalue()

    def judge(self, evidence: dict | str, *keys: str) -> int:
        """What a stranger's verifier says to it, with these keys."""
        path = self.folder / f"{uuid4()}.json"
        path.write_text(evidence if isinstance(evidence, str) else json.dumps(evidence), "utf-8")
        return run([str(path)], keys or [self.signer.public_text])

    def broken(self) -> dict[str, dict]:
        """The rules that do not hold, each with its first difference."""
        with self.database.transaction() as session:
            return {c.name: c.difference for c in prove(session) if not c.holds}

    def every_shape(self) -> None:
        """Journals of every shape that the writer has, posted and refused, single and together."""
        desk = self.desk
        desk.credited("1000")
        held, later = uuid4(), uuid4()
        move = Transfer(CREDIT, CLEARING, UZS("1"))
        first = desk.post(desk.journal(move, doc=None))[0].first_id
        desk.does(hold(held, CREDIT, CLEARING, UZS("400"), expires_at=NOON + timedelta(days=9_999)))
        desk.does(hold(later, CREDIT, CLEARING, UZS("50")), doc=None)
        desk.does(capture(held, CREDIT, CLEARING, UZS("150")))
        desk.does(capture(held, CREDIT, CLEARING, UZS("200"), final=True), move)
        desk.does(release(later, CREDIT, CLEARING, UZS("20")))
        desk.does(release(later, CREDIT, CLEARING, UZS("0")), move, move)
        desk.does(reverse(first, CLEARING, CREDIT, UZS("0.40")))
        desk.does(Transfer(CREDIT, CLEARING, UZS("9999999")), doc={"why": "too much, жуда"})
        desk.does(kind=JournalKind.PERIOD_CLOSED, doc={"days": "quiet"})
        desk.does()
        desk.does(Transfer(CLEARING, INCOME, UZS("10000000000000.00")))
        desk.post(
            *(
                desk.journal(*[Transfer(CLEARING, INCOME, UZS(f"{n}.{n:02}"))] * n, doc={"n": n})
                for n in range(1, 30)
            ),
            desk.journal(Transfer(CREDIT, CLEARING, UZS("5000")), doc=None),
            desk.journal(move),
        )


def signer(name: str = NAME) -> Signer:
    """A fresh key of this name."""
    return Signer.new(name)

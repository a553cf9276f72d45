"""Read the entries of a camt.053 with their details: who paid, which references, what for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from ledger.money import Money
from payments.reconciliation.statements.contents import (
    Detail,
    Entry,
    EntryStatus,
    Party,
    StatementLine,
    Unreadable,
)
from payments.reconciliation.statements.reasons import Finding, Reason, StatementFileRefused
from payments.reconciliation.statements.safe_xml import Fields, Record, first
from payments.reconciliation.statements.values import (
    ValueUnreadable,
    clean,
    date_or_none,
    optional_date,
    shown,
    sign_of,
    signed_amount,
    unsigned_amount,
)

MAX_DETAILS = 100_000
NO_DETAIL = Detail(
    amount=None,
    end_to_end_id="",
    instruction_id="",
    transaction_id="",
    bank_reference="",
    counterparty=Party(),
    purpose="",
    references=(),
)
NO_REFERENCE = {"", "NOTPROVIDED", "NOT PROVIDED", "NOREF"}

STATUS = ("Sts/Cd", "Sts")
STATUSES = {status.value: status for status in EntryStatus}
BATCH_ID = ("NtryDtls/Btch/PmtInfId", "NtryDtls/Btch/MsgId", "Btch/PmtInfId", "Btch/MsgId")
DETAIL_AMOUNT = ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt")
PURPOSE = ("RmtInf/Ustrd", "RmtInf/Strd/AddtlRmtInf", "AddtlTxInf")
REFERENCES = ("RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Strd/CdtrRefInf/CdtrRef")


@dataclass(frozen=True, slots=True)
class PartyPaths:
    """Where a detail names its debtor ("Dbtr") or creditor ("Cdtr"), in all versions."""

    name: tuple[str, ...]
    account: tuple[str, ...]
    bank: tuple[str, ...]
    tax_id: tuple[str, ...]

    @classmethod
    def of(cls, side: str) -> Self:
        """From 001.08 a party is in Pty (or Agt, a bank); the ultimate party names a bare one."""
        party, agent = f"RltdPties/{side}", f"RltdAgts/{side}Agt/FinInstnId"
        names = (party, f"{party}/Pty", f"{party}/Agt/FinInstnId")
        ultimate = (f"RltdPties/Ultmt{side}", f"RltdPties/Ultmt{side}/Pty")
        accounts = ("IBAN", "Othr/Id", "BBAN", "PrtryAcct/Id")
        ids = [f"{at}Id/{kind}" for at in ("", "Pty/") for kind in ("OrgId", "PrvtId")]
        return cls(
            name=tuple(f"{path}/Nm" for path in (*names, *ultimate)),
            account=tuple(f"{party}Acct/Id/{kind}" for kind in accounts),
            bank=tuple(f"{agent}/{kind}" for kind in ("ClrSysMmbId/MmbId", "BICFI", "BIC")),
            tax_id=tuple(f"{party}/{path}/Othr/Id" for path in ids),
        )


DEBTOR, CREDITOR = PartyPaths.of("Dbtr"), PartyPaths.of("Cdtr")


class EntryReader:
    """Numbers the entries of one statement; a detail waits here for the entry that it ends in."""

    def __init__(self) -> None:
        self._seq = 0
        self._detail_count = 0
        self._details: list[Detail] = []
        self._notes: list[Finding] = []

    def count_detail(self) -> None:
        """Count one detail. Raises StatementFileRefused when an entry has too many."""
        self._detail_count += 1
        if self._detail_count > MAX_DETAILS:
            facts = f"more than {MAX_DETAILS} details in one entry"
            raise StatementFileRefused(Reason.TOO_LARGE, facts)

    def detail(self, record: Record) -> None:
        """Count and keep one detail. Raises StatementFileRefused when an entry has too many."""
        self.count_detail()
        try:
            amount = _detail_amount(record)
        except ValueUnreadable as error:
            amount = None
            self._notes.append(Finding(Reason.DETAIL_UNREADABLE, str(error.finding)))
        self._details.append(_detail(record, amount))

    def figures(self, record: Record) -> Iterator[Entry | Unreadable]:
        """The entry that ends here; Unreadable names what is wrong with it."""
        self._seq += 1
        count, self._detail_count = self._detail_count, 0
        try:
            yield _entry(self._seq, record.fields, count)
        except ValueUnreadable as error:
            yield Unreadable(self._of_entry(error.finding), "entry", details=count)
            return
        for path in ("BookgDt", "ValDt"):
            try:
                optional_date(record.fields, path)
            except ValueUnreadable as error:
                yield Unreadable(self._of_entry(error.finding), "date")

    def line(self, record: Record) -> Iterator[StatementLine | Unreadable]:
        """The same with its texts and details."""
        details, notes = tuple(self._details), tuple(self._notes)
        self._details, self._notes = [], []
        for part in self.figures(record):
            if isinstance(part, Entry):
                yield _line(part, record.fields, details, notes)
            else:
                yield part

    def _of_entry(self, finding: Finding) -> Finding:
        return Finding(finding.reason, f"entry {self._seq} {finding.facts}".strip())


def _entry(seq: int, fields: Fields, detail_count: int) -> Entry:
    return Entry(
        seq=seq,
        amount=signed_amount(fields),
        status=_status(fields),
        booking_date=date_or_none(fields, "BookgDt"),
        value_date=date_or_none(fields, "ValDt"),
        detail_count=detail_count,
    )


def _line(
    entry: Entry, fields: Fields, details: tuple[Detail, ...], notes: tuple[Finding, ...]
) -> StatementLine:
    only = details[0] if len(details) == 1 else NO_DETAIL
    information = clean(first(fields, "AddtlNtryInf"))
    said_already = information in only.purpose
    return StatementLine(
        seq=entry.seq,
        amount=entry.amount,
        status=entry.status,
        booking_date=entry.booking_date,
        value_date=entry.value_date,
        detail_count=entry.detail_count,
        is_reversal=_is_reversal(fields),
        bank_reference=_reference(fields, "AcctSvcrRef") or only.bank_reference,
        entry_reference=_reference(fields, "NtryRef"),
        batch_id=_reference(fields, *BATCH_ID),
        end_to_end_id=only.end_to_end_id,
        counterparty=only.counterparty,
        purpose=only.purpose if said_already else f"{only.purpose} {information}".strip(),
        references=only.references,
        details=details,
        notes=(*notes, *_sum_note(entry.amount, details)),
    )


def _status(fields: Fields) -> EntryStatus:
    """A code as text (to 001.06) or in Cd (later); without one nobody knows whether money moved."""
    texts = [text for path in STATUS for text in fields.get(path, [])]
    if len(texts) == 1 and texts[0] in STATUSES:
        return STATUSES[texts[0]]
    raise ValueUnreadable(Reason.STATUS_UNKNOWN, shown(", ".join(texts)))


def _is_reversal(fields: Fields) -> bool:
    return first(fields, "RvslInd") in {"true", "1"}


def _sum_note(amount: Money, details: tuple[Detail, ...]) -> list[Finding]:
    """Details that add up to another amount than their entry. A break for the matcher, no verdict.

    Not judged where a detail has no amount or one in another currency.
    """
    amounts = [detail.amount for detail in details if detail.amount is not None]
    same_currency = all(part.currency == amount.currency for part in amounts)
    if not amounts or len(amounts) != len(details) or not same_currency:
        return []
    total = Money(sum(part.minor for part in amounts), amount.currency)
    if total == amount:
        return []
    return [Finding(Reason.DETAILS_DO_NOT_SUM, f"{len(details)} details {total}, entry {amount}")]


def _detail(record: Record, amount: Money | None) -> Detail:
    fields = record.fields
    return Detail(
        amount=amount,
        end_to_end_id=_reference(fields, "Refs/EndToEndId"),
        instruction_id=_reference(fields, "Refs/InstrId"),
        transaction_id=_reference(fields, "Refs/TxId"),
        bank_reference=_reference(fields, "Refs/AcctSvcrRef"),
        counterparty=_counterparty(record),
        purpose=clean(" ".join(text for path in PURPOSE for text in fields.get(path, []))),
        references=tuple(clean(text) for path in REFERENCES for text in fields.get(path, [])),
    )


def _detail_amount(record: Record) -> Money | None:
    """The detail's amount with its own sign, else its entry's. Raises ValueUnreadable."""
    path = next((path for path in DETAIL_AMOUNT if path in record.fields), None)
    if path is None:
        return None
    money = unsigned_amount(record.fields, path)
    signed = record.fields if "CdtDbtInd" in record.fields else record.parent
    return Money(money.minor * sign_of(signed), money.currency)


def _counterparty(record: Record) -> Party:
    """The debtor of money that came in, the creditor of money that went out.

    A reversal keeps the parties of the payment that it takes back, so they are on the other side.
    """
    signed = record.fields if "CdtDbtInd" in record.fields else record.parent
    came_in = (first(signed, "CdtDbtInd") == "CRDT") != _is_reversal(record.parent)
    paths = DEBTOR if came_in else CREDITOR
    return Party(
        name=clean(first(record.fields, *paths.name)),
        account=clean(first(record.fields, *paths.account)).replace(" ", ""),
        bank=clean(first(record.fields, *paths.bank)),
        tax_id=clean(first(record.fields, *paths.tax_id)),
    )


def _reference(fields: Fields, *paths: str) -> str:
    text = clean(first(fields, *paths))
    return "" if text.upper() in NO_REFERENCE else text

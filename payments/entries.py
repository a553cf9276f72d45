"""The accounting entries of payments: one function an entry, each a line of docs/accounting.md."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol
from uuid import UUID

from ledger.accounts import AccountKey
from ledger.between import due_from, due_to
from ledger.chart import (
    BANK,
    PAYER_CREDIT,
    PROVIDER_CLEARING,
    PROVIDER_FEES,
    REVENUE,
    UNIDENTIFIED,
    JournalKind,
)
from ledger.journals import Journal, Transfer, journal_key
from ledger.money import Money

BANK_TRANSFER = "bank"

# What follows a payment or the bank's statement is put right there: nobody takes it back by hand.
KINDS = frozenset(
    {
        JournalKind.PAYMENT_CONFIRMED,
        JournalKind.PAYMENT_CREDITED,
        JournalKind.PAYMENT_REVERSED,
        JournalKind.PAYOUT_SETTLED,
        JournalKind.PAYOUT_RECEIVED,
        JournalKind.BANK_TRANSFER_RECEIVED,
        JournalKind.UNIDENTIFIED_RECEIVED,
    }
)


class Paid(Protocol):
    """What an entry needs to know of a charge."""

    org_id: int
    id: UUID
    provider: str


def payment_confirmed(
    charge: Paid,
    parts: Sequence[tuple[str, Money]],
    *,
    effective: date,
    reference: str,
    banked_by: int | None = None,
) -> Journal:
    """Debit 1210 provider clearing, credit 4010 by split.

    Debit 1330 instead where the money reached the bank account of another organisation, `banked_by`.
    """
    transfers = [
        Transfer(
            _received_in(charge, part.currency, banked_by),
            AccountKey(REVENUE, payee, part.currency),
            part,
        )
        for payee, part in parts
        if part.minor
    ]
    return _of_charge(
        charge, "settled", JournalKind.PAYMENT_CONFIRMED, effective, transfers, reference
    )


def payment_credited(
    charge: Paid, amount: Money, *, effective: date, reference: str, banked_by: int | None = None
) -> Journal:
    """Debit 1210 (or 1330), credit 2320: money that arrived for a bill that was not owed any more."""
    transfers = [
        Transfer(
            _received_in(charge, amount.currency, banked_by),
            AccountKey(PAYER_CREDIT, "", amount.currency),
            amount,
        )
    ]
    return _of_charge(
        charge, "settled", JournalKind.PAYMENT_CREDITED, effective, transfers, reference
    )


def payment_reversed(charge: Paid, settled: Journal, *, effective: date, reference: str) -> Journal:
    """The confirmed entry with its sides exchanged: the provider gave the money back itself."""
    transfers = [Transfer(move.credit, move.debit, move.amount) for move in settled.lines]
    return _of_charge(
        charge, "reversed", JournalKind.PAYMENT_REVERSED, effective, transfers, reference
    )


def bank_received_for_agency(
    operator_org: int, agency_org: int, line: UUID, amount: Money, *, account: str, effective: date
) -> Journal:
    """Operator's book: debit 1110 bank, credit 2220 due to the agency whose bill was paid."""
    transfer = Transfer(
        AccountKey(BANK, account, amount.currency), due_to(agency_org, amount.currency), amount
    )
    return Journal(
        operator_org,
        "statement_line",
        f"{line}:received",
        JournalKind.BANK_TRANSFER_RECEIVED,
        effective,
        [transfer],
        {"correlation": str(line)},
    )


def unidentified_received(
    operator_org: int, line: UUID, amount: Money, *, account: str, effective: date
) -> Journal:
    """Operator's book: debit 1110 bank, credit 2310 until a person knows whose it is."""
    transfer = Transfer(
        AccountKey(BANK, account, amount.currency),
        AccountKey(UNIDENTIFIED, "", amount.currency),
        amount,
    )
    return Journal(
        operator_org,
        "statement_line",
        f"{line}:unidentified",
        JournalKind.UNIDENTIFIED_RECEIVED,
        effective,
        [transfer],
        {"correlation": str(line)},
    )


def payout_settled(
    agency_org: int,
    provider: str,
    payout_id: str,
    *,
    gross: Money,
    fee: Money,
    effective: date,
    banked_by: int,
) -> Journal:
    """Agency's book: debit 1330 net and 5110 fee, credit 1210 what the provider owed us.

    `gross` is payments less refunds; when refunds outweigh payments the sides are exchanged.
    """
    currency = gross.currency
    clearing = AccountKey(PROVIDER_CLEARING, provider, currency)
    net = Transfer(due_from(banked_by, currency), clearing, gross - fee)
    cost = Transfer(AccountKey(PROVIDER_FEES, provider, currency), clearing, fee)
    return Journal(
        agency_org,
        "payout",
        f"{provider}:{payout_id}",
        JournalKind.PAYOUT_SETTLED,
        effective,
        _positive([net, cost]),
        {"correlation": f"{provider}:{payout_id}"},
    )


def payout_received(
    operator_org: int,
    provider: str,
    payout_id: str,
    net_by_agency: Sequence[tuple[int, Money]],
    *,
    account: str,
    effective: date,
    was_unidentified: bool = False,
) -> Journal:
    """Operator's book: debit 1110 what the bank shows, credit 2220 each agency's net.

    Debit 2310 instead when the bank showed the payout before its provider announced it.
    """
    transfers = [
        Transfer(
            AccountKey(UNIDENTIFIED, "", net.currency)
            if was_unidentified
            else AccountKey(BANK, account, net.currency),
            due_to(agency, net.currency),
            net,
        )
        for agency, net in net_by_agency
    ]
    return Journal(
        operator_org,
        "payout",
        f"{provider}:{payout_id}",
        JournalKind.PAYOUT_RECEIVED,
        effective,
        _positive(transfers),
        {"correlation": f"{provider}:{payout_id}"},
    )


def _received_in(charge: Paid, currency: str, banked_by: int | None) -> AccountKey:
    if banked_by is not None:
        return due_from(banked_by, currency)
    return AccountKey(PROVIDER_CLEARING, charge.provider, currency)


def settled_by(charge: Paid) -> UUID:
    """The key of the journal by which a charge is settled, in the charge's own book."""
    return journal_key("charge", f"{charge.id}:settled")


def _of_charge(
    charge: Paid,
    step: str,
    kind: JournalKind,
    effective: date,
    transfers: list[Transfer],
    reference: str,
) -> Journal:
    doc = {"reference": reference, "correlation": str(charge.id)}
    return Journal(charge.org_id, "charge", f"{charge.id}:{step}", kind, effective, transfers, doc)


def _positive(transfers: list[Transfer]) -> list[Transfer]:
    """Turn transfers of negative amounts around and drop empty ones."""
    return [
        move
        if move.amount.minor > 0
        else Transfer(move.credit, move.debit, Money(-move.amount.minor, move.amount.currency))
        for move in transfers
        if move.amount.minor
    ]

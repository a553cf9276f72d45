"""An account in every state, for readers and for keepers of the books; a hold; journals taken back."""

from datetime import date, timedelta
from uuid import UUID

from ledger.balances import Standing
from ledger.limits import LimitsCross
from ledger.money import UZS, Money
from ledger.reversals import ReversalExceeds
from portal.forms import Mistake
from portal.languages import Language, pick
from portal.pages.staff.accounts import (
    AccountEntry,
    AccountPage,
    HoldPage,
    HoldRow,
    HoldStep,
    LimitForm,
    LimitRow,
    StateForm,
    Story,
)
from portal.pages.staff.frame import Account, Pages
from portal.pages.staff.journals import JournalLineRow, JournalPage
from tests.portal.samples.world import (
    AGENCY,
    BANK,
    BIG,
    CLEARING,
    LATER,
    NOON,
    OFFICER,
    REFERENCE,
    REVENUE,
    Sample,
    mistake,
    sample,
)

KEY = "01993f2e-8c1d-7a52-b1f4-5d3c9a0b7e21"
HERE, JOURNAL, HOLD = (
    f"/staff/books/1/{page}" for page in ("accounts/3", f"journals/{KEY}", f"holds/{KEY}")
)
NOTHING = UZS("0")
LAW = "2027-yil uchun Davlat byudjeti toʻgʻrisidagi qonun, 4-ilova"
QUIET = Standing(NOTHING, NOTHING, NOTHING, NOTHING, None, None, 0)
BUSY = Standing(BIG, UZS("50000.00"), BIG, BIG - UZS("50000.00"), NOTHING, BIG + BIG, 1_205)


def account_view(language: Language, **more: object) -> Sample:
    told = {
        "staff": OFFICER,
        "book": pick(AGENCY, language),
        "book_url": "/staff/books/1/trial-balance",
        "url": HERE,
        "ledger_url": "/staff/books/1/general-ledger?account=3",
        "account": CLEARING,
        "side": "debit",
        "state": "open",
        "now": QUIET,
        "entries": (),
    }
    return "staff/account.html", AccountPage(**(told | more))


def entry(seq: int, kind: str, other: Account, debit: str, credit: str) -> AccountEntry:
    return AccountEntry(
        seq=seq,
        effective=date(2026, 3, 12),
        kind=kind,
        url=JOURNAL,
        other=other,
        debit=UZS(debit) if debit else None,
        credit=UZS(credit) if credit else None,
        balance=UZS("-400067890.12"),
    )


def limit(state: str, days: int, most: Money | None) -> LimitRow:
    least = NOTHING if most else None
    return LimitRow(NOON + timedelta(days=days), least, most, LAW, "karima", state)


ENTRIES = (
    entry(1_205, "payout_settled", BANK, "", "834500000.00"),
    entry(1_204, "payment_confirmed", REVENUE, "1250000.00", ""),
)
HOLDS = (
    HoldRow(HOLD, REVENUE, BIG, UZS("50000.00"), "out", LATER),
    HoldRow(HOLD, BANK, BIG, BIG, "in", None),
)
LIMITS = (
    limit("planned", 90, BIG + BIG),
    limit("in_force", -1, BIG),
    limit("replaced", -70, None),
)
STORY = (
    Story("limit_set", "karima", NOON, LAW),
    Story("freeze", "karima", NOON, "Sud ajrimi 2-1001/45"),
    Story("unfreeze", "karima", LATER, ""),
)


@sample("staff-account")
def account(language: Language) -> Sample:
    pages = Pages(older=f"{HERE}?before=1204")
    return account_view(language, now=BUSY, entries=ENTRIES, pages=pages)


@sample("staff-account-empty")
def account_empty(language: Language) -> Sample:
    return account_view(language)


@sample("staff-account-kept")
def account_kept(language: Language) -> Sample:
    due = Account("1330", "1", HERE)
    return account_view(
        language,
        account=due,
        now=BUSY,
        entries=ENTRIES,
        holds=HOLDS,
        limits=LIMITS,
        story=STORY,
        counterpart=pick(AGENCY, language),
        moves=("freeze", "wind_down"),
        can_keep=True,
    )


@sample("staff-account-closed")
def account_closed(language: Language) -> Sample:
    return account_view(language, state="closed", can_keep=True)


@sample("staff-account-mistyped")
def account_mistyped(language: Language) -> Sample:
    found = (
        mistake(LimitForm, "least", "wrong"),
        Mistake.of(LimitsCross(), "most"),
        mistake(LimitForm, "source"),
        mistake(StateForm, "event"),
        mistake(StateForm, "reason"),
    )
    moves = ("unfreeze", "wind_down")
    typed = {"least": "koʻp", "most": "-1", "starts_on": "2026-03-12", "reason": "yoʻq"}
    return account_view(
        language, state="frozen", moves=moves, can_keep=True, typed=typed, mistakes=found
    )


def hold_view(language: Language, state: str, *steps: HoldStep) -> Sample:
    view = HoldPage(
        staff=OFFICER,
        book=pick(AGENCY, language),
        key=KEY,
        debit=REVENUE,
        credit=CLEARING,
        state=state,
        amount=BIG,
        captured=UZS("50000.00"),
        released=NOTHING,
        left=BIG - UZS("50000.00"),
        expires_at=LATER if state == "expired" else None,
        steps=steps,
    )
    return "staff/hold.html", view


PLACED = HoldStep("placed", BIG, NOON, None)
TAKEN = HoldStep("captured", UZS("50000.00"), NOON, JOURNAL)


@sample("staff-hold")
def hold(language: Language) -> Sample:
    return hold_view(language, "open", PLACED, TAKEN)


@sample("staff-hold-expired")
def hold_expired(language: Language) -> Sample:
    rest = HoldStep("expired", BIG - UZS("50000.00"), LATER, None)
    return hold_view(language, "expired", PLACED, TAKEN, rest)


def journal_view(language: Language, kind: str, *lines: JournalLineRow, **more: object) -> Sample:
    told = {
        "staff": OFFICER,
        "book": pick(AGENCY, language),
        "url": JOURNAL,
        "kind": kind,
        "effective": date(2026, 3, 12),
        "meant_for": None,
        "posted_at": NOON,
        "lines": lines,
    }
    return "staff/journal.html", JournalPage(**(told | more))


LINE = JournalLineRow(1, CLEARING, REVENUE, BIG, UZS("50000.00"))
FACTS = (
    ("reason", "Notoʻgʻri xizmatga yozilgan"),
    ("by", "staff:karima"),
    ("reference", REFERENCE),
    ("correlation", KEY),
)


@sample("staff-journal")
def journal(language: Language) -> Sample:
    return journal_view(language, "payment_confirmed", LINE, facts=FACTS, follows_payments=True)


@sample("staff-journal-of-a-closed-day")
def journal_carried(language: Language) -> Sample:
    back = JournalLineRow(1, REVENUE, CLEARING, BIG, NOTHING, takes_back=JOURNAL)
    return journal_view(language, "reversal", back, facts=FACTS, meant_for=date(2026, 2, 28))


@sample("staff-journal-to-take-back")
def journal_reversible(language: Language) -> Sample:
    form_id = str(UUID(int=7))
    left = BIG - UZS("50000.00")
    return journal_view(language, "currency_exchanged", LINE, LINE, form_id=form_id, left=left)


@sample("staff-journal-mistyped")
def journal_mistyped(language: Language) -> Sample:
    refusal = ReversalExceeds(asked=BIG, left=UZS("50000.00"))
    found = (Mistake.of(refusal, "amount"), mistake(StateForm, "reason"))
    typed = {"amount": "1 234 567 890,12", "reason": "xato"}
    return journal_view(
        language,
        "currency_exchanged",
        LINE,
        form_id=str(UUID(int=7)),
        left=UZS("50000.00"),
        typed=typed,
        mistakes=found,
    )

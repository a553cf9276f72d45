"""A book to report on: postings on chosen days, in names that hostile people would choose."""

from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import text

from foundation.database import Database
from ledger.accounts import Account, AccountKey, account_id, find_account
from ledger.chart import BANK, PAYER_CREDIT, PROVIDER_CLEARING, REVENUE, JournalKind
from ledger.journals import Journal, Posting, Transfer, capture, hold, reverse
from ledger.money import UZS, Money
from ledger.posting import post
from ledger.reports.reading import Days

OCTOBER, NOVEMBER = date(2026, 10, 31), date(2026, 11, 1)
NEXT_DAY = date(2026, 11, 2)
MONTH = Days(NOVEMBER, date(2026, 11, 30))
ALL_TIME = Days(date(2000, 1, 1), date(2100, 1, 1))
HOSTILE = (
    '=HYPERLINK("http://evil.example","x")',
    'a "quote" \\ and a backslash',
    "; date:2026-99-99, type:E [2020/13/45]",
    "two  spaces:colon",
    "line\nbreak\x07\u202eturned",
    "Ғазна ўқғҳ",
    "stripe",
    "Stripe",
    "x" * 300,
)


def clearing(name: str = "stripe", currency: str = "UZS") -> AccountKey:
    return AccountKey(PROVIDER_CLEARING, name, currency)


def revenue(name: str = "local", currency: str = "UZS") -> AccountKey:
    return AccountKey(REVENUE, name, currency)


CREDIT = AccountKey(PAYER_CREDIT, "", "UZS")
BANK_ACCOUNT = AccountKey(BANK, "20208000900000000001", "UZS")


def posted(books: Database, key: str, day: date, *lines: Transfer, org_id: int = 1) -> Posting:
    """One journal; its document carries what must stay out of every report."""
    kind = JournalKind.PAYMENT_CONFIRMED
    doc = {"payer": "Aziza Karimova", "reference": "10100007000000000178"}
    with books.transaction() as session:
        return post(session, [Journal(org_id, "charge", key, kind, day, lines, doc)])[0]


def received(amount: str, to: str = "local", through: str = "stripe") -> Transfer:
    return Transfer(clearing(through), revenue(to), UZS(amount))


def written_until_now(books: Database) -> datetime:
    with books.transaction() as session:
        at: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return at


def account(books: Database, key: AccountKey, org_id: int = 1) -> Account:
    with books.transaction() as session:
        return find_account(session, org_id, account_id(session, org_id, key))


def build(books: Database) -> None:
    """Two months in every shape: several currencies, a split, a hold, a capture, a refusal, a reversal."""
    for number, name in enumerate(HOSTILE):
        lines = (received("10.07", to=name, through=name), received("0.01", through=name))
        posted(books, f"a{number}", OCTOBER, *lines)
        posted(books, f"b{number}", NOVEMBER, *lines)
    for currency, minor in (("EUR", 12_50), ("JPY", 1_500), ("KWD", 1_234)):
        line = Transfer(
            clearing(currency=currency), revenue(currency=currency), Money(minor, currency)
        )
        posted(books, currency, NEXT_DAY, line)
    posted(books, "refused", NOVEMBER, Transfer(CREDIT, clearing(), UZS("1")))
    part, whole = UUID(int=1), UUID(int=2)
    until = datetime(2099, 1, 1, tzinfo=UTC)
    posted(books, "hold", NOVEMBER, hold(part, BANK_ACCOUNT, revenue(), UZS("3"), expires_at=until))
    posted(books, "capture", NEXT_DAY, capture(part, BANK_ACCOUNT, revenue(), UZS("1")))
    posted(books, "held", NOVEMBER, hold(whole, BANK_ACCOUNT, CREDIT, UZS("2")))
    original = posted(books, "c", NOVEMBER, received("500.00")).first_id
    back = reverse(original, revenue(), clearing(), UZS("200.00"))
    posted(books, "d", NEXT_DAY, back)

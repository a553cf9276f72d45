"""What the samples share: a bill, an agency, an hour; and the list into which each puts itself."""

from collections.abc import Callable
from datetime import UTC, datetime

from ledger.money import UZS, Money
from portal.forms import Mistake
from portal.languages import Language, pick
from portal.pages.staff.frame import Account, Staff
from portal.pages.staff.reconciliation import Flow, Stage

REFERENCE = "10100007000000000178"
CHARGE = "7-01993f2e-8c1d-7a52-b1f4-5d3c9a0b7e21"
NOON = datetime(2026, 3, 12, 7, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 12, 7, 4, tzinfo=UTC)
BIG = Money(1_234_567_890_12, "UZS")

AGENCY = {
    "uz": "Yashnobod tumani Davlat xizmatlari markazi",
    "ru": "Центр государственных услуг Яшнабадского района",
    "en": "Public Service Centre of Yashnobod district",
}
SERVICE = {
    "uz": "Yuridik shaxsni davlat roʻyxatidan oʻtkazish",
    "ru": "Государственная регистрация юридического лица",
    "en": "State registration of a company",
}
LAW = {
    "uz": "Vazirlar Mahkamasining 2017-yil 9-fevraldagi 66-son qarori",
    "ru": "Постановление Кабинета Министров № 66 от 9 февраля 2017 года",
    "en": "Cabinet resolution No. 66 of 9 February 2017",
}

Sample = tuple[str, object]
SAMPLES: dict[str, Callable[[Language], Sample]] = {}


def sample(name: str) -> Callable[[Callable[[Language], Sample]], Callable[[Language], Sample]]:
    def keep(build: Callable[[Language], Sample]) -> Callable[[Language], Sample]:
        SAMPLES[name] = build
        return build

    return keep


def the_bill(language: Language) -> dict[str, str]:
    return {
        "agency": pick(AGENCY, language),
        "service": pick(SERVICE, language),
        "bill_reference": REFERENCE,
    }


def mistake(form: type, field: str, kind: str = "missing") -> Mistake:
    return Mistake(field, form.sentences[field][kind])


OFFICER = Staff(
    "Dilnoza Rahimova",
    "finance_officer",
    1,
    ("home", "reconciliation", "breaks", "bills", "books", "proof", "jobs"),
)
CLERK = Staff("Otabek Joʻrayev", "agency_clerk", 7, ("bills",))
FLOW = Flow(
    received=Stage(1_204, BIG),
    settled=Stage(1_187, Money(1_134_567_890_12, "UZS")),
    banked=Stage(1_043, Money(834_500_000_00, "UZS")),
)
NOTHING = Stage(0, UZS("0"))
CLEARING = Account("1210", "payme", "/staff/books/1/accounts/3")
REVENUE = Account("4010", "registration", "/staff/books/1/accounts/5")
BANK = Account("1110", "23402000300100001010", "/staff/books/1/accounts/1")

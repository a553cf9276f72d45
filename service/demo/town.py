"""The demo town: an operator, two agencies with services, open bills, and three members of staff.

Names, fees and legal bases are invented; amounts are those a person would meet.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from foundation.clock import business_date, now
from foundation.database import Database
from foundation.ids import derive_id
from identity.actor import Actor
from identity.parties import Organisation
from identity.roles import Role
from identity.users import StaffMember, add_staff_member, grant_role
from ledger.accounts import open_book
from ledger.money import Money
from ledger.periods.moves import add_period, end_of_month, make_periods
from payments.bills import Bill, bills_of, issue_bill
from payments.reconciliation.bank_accounts import BankAccount
from payments.registry.services import Service, ServiceVersion

OPERATOR, SERVICES_AGENCY, TRAFFIC_POLICE = 1, 2, 3
_TOWN = UUID("6d697a6f-6e20-746f-776e-000000000001")

NAMES: dict[int, tuple[str, str, str, dict[str, str]]] = {
    OPERATOR: (
        "0001",
        "operator",
        "201122919",
        {
            "uz": "Mizon toʻlovlar operatori",
            "uz-Cyrl": "Мизон тўловлар оператори",
            "ru": "Оператор платежей «Мизон»",
            "en": "Mizon payments operator",
        },
    ),
    SERVICES_AGENCY: (
        "2020",
        "agency",
        "305126226",
        {
            "uz": "Namuna shahri davlat xizmatlari markazi",
            "uz-Cyrl": "Намуна шаҳри давлат хизматлари маркази",
            "ru": "Центр государственных услуг города Намуна",
            "en": "Namuna town public services centre",
        },
    ),
    TRAFFIC_POLICE: (
        "3030",
        "agency",
        "302345678",
        {
            "uz": "Namuna shahri yoʻl harakati xavfsizligi xizmati",
            "uz-Cyrl": "Намуна шаҳри йўл ҳаракати хавфсизлиги хизмати",
            "ru": "Служба безопасности дорожного движения города Намуна",
            "en": "Namuna town road safety service",
        },
    ),
}
LAW = {
    "uz": "Namuna shahri tarifi, 3-band (namoyish uchun)",
    "uz-Cyrl": "Намуна шаҳри тарифи, 3-банд (намойиш учун)",
    "ru": "Тариф города Намуна, пункт 3 (для показа)",
    "en": "Namuna town tariff, item 3 (for demonstration)",
}


@dataclass(frozen=True)
class Offer:
    """A service of the town: its name, its fee and who receives it, by weight."""

    org_id: int
    code: str
    fee_minor: int
    shares: tuple[tuple[str, int], ...]
    uz: str
    cyrl: str
    ru: str
    en: str


REPUBLICAN, LOCAL = "republican-budget", "local-budget"
OFFERS = (
    Offer(
        SERVICES_AGENCY,
        "0001",
        412_000_00,
        ((REPUBLICAN, 70), (LOCAL, 30)),
        "Biometrik pasport berish",
        "Биометрик паспорт бериш",
        "Выдача биометрического паспорта",
        "Issue of a biometric passport",
    ),
    Offer(
        SERVICES_AGENCY,
        "0002",
        20_600_00,
        ((LOCAL, 1),),
        "Yashash joyi boʻyicha maʼlumotnoma",
        "Яшаш жойи бўйича маълумотнома",
        "Справка о месте жительства",
        "Certificate of residence",
    ),
    Offer(
        TRAFFIC_POLICE,
        "0001",
        206_000_00,
        ((REPUBLICAN, 2), (LOCAL, 1)),
        "Haydovchilik guvohnomasi",
        "Ҳайдовчилик гувоҳномаси",
        "Водительское удостоверение",
        "Driving licence",
    ),
    Offer(
        TRAFFIC_POLICE,
        "0002",
        123_600_00,
        ((REPUBLICAN, 1),),
        "Yoʻl harakati qoidasini buzganlik uchun jarima",
        "Йўл ҳаракати қоидасини бузганлик учун жарима",
        "Штраф за нарушение правил дорожного движения",
        "Fine for breaking a traffic rule",
    ),
)
PAYERS = (
    "Aziza Karimova",
    "Jasur Toʻxtayev",
    "Dilnoza Rahimova",
    "Sherzod Yoʻldoshev",
    "Malika Ergasheva",
    "Bobur Alimov",
    "Gulnora Saidova",
    "Otabek Nazarov",
)


@dataclass(frozen=True)
class SignIn:
    """A member of the town's staff."""

    role: str
    login: str
    password: str


@dataclass(frozen=True)
class Town:
    """What was built: who may sign in, and what can be paid."""

    staff: tuple[SignIn, ...]
    bills: tuple[Bill, ...]


def build_town(database: Database, account: str, *, bills: int, secret: str = "") -> Town:
    """Build what is missing of the town; building it again changes nothing.

    `account` is the operator's bank account. Passwords are derived from `secret`, so that a demo
    that is started again has the same ones; without a secret they are new, and told once.
    """
    staff = (
        SignIn("finance_officer", "finance", _password(secret, "finance")),
        SignIn("chief_accountant", "chief", _password(secret, "chief")),
        SignIn("agency_clerk", "clerk", _password(secret, "clerk")),
    )
    with database.transaction() as session:
        founded = session.get(Organisation, OPERATOR) is None
        if founded:
            _found_organisations(session, account)
            _hire(session, staff)
    with database.transaction() as session:
        open_bills = [
            bill for bill in bills_of(session, None, limit=10_000) if bill.state == "open"
        ]
        open_bills += [_issue(session, number) for number in range(len(open_bills), bills)]
    newest_first = sorted(open_bills, key=lambda bill: (bill.issued_at, bill.reference))
    return Town(staff if founded or secret else (), tuple(newest_first))


def _found_organisations(session: Session, account: str) -> None:
    for org_id, (code, kind, stir, name) in NAMES.items():
        session.add(Organisation(org_id=org_id, code=code, kind=kind, stir=stir, name=name))
        open_book(session, org_id)
        _make_periods(session, org_id)
    session.flush()
    session.add(BankAccount(org_id=OPERATOR, account=account, currency="UZS", mfo="00014"))
    for offer in OFFERS:
        name = {"uz": offer.uz, "uz-Cyrl": offer.cyrl, "ru": offer.ru, "en": offer.en}
        session.add(Service(org_id=offer.org_id, code=offer.code, name=name))
    session.flush()
    for offer in OFFERS:
        session.add(
            ServiceVersion(
                org_id=offer.org_id,
                service_code=offer.code,
                version=1,
                valid_from=date(2020, 1, 1),
                fee_minor=offer.fee_minor,
                currency="UZS",
                days_to_pay=30,
                legal_basis=LAW,
                split=[{"payee": payee, "weight": weight} for payee, weight in offer.shares],
            )
        )


def _make_periods(session: Session, org_id: int) -> None:
    """Two months that are over, so that there is something to close; then this one and the next."""
    first_day = (business_date(now()).replace(day=1) - timedelta(days=40)).replace(day=1)
    add_period(session, org_id, first_day, end_of_month(first_day))
    make_periods(session, org_id, at=now())


def _hire(session: Session, staff: tuple[SignIn, ...]) -> None:
    names = {
        "finance": "Nodira Usmonova",
        "chief": "Gulchehra Ismoilova",
        "clerk": "Rustam Qodirov",
    }
    member: dict[str, StaffMember] = {}
    for sign_in in staff:
        member[sign_in.login] = add_staff_member(
            session,
            id=derive_id(_TOWN, sign_in.login),
            login=sign_in.login,
            name=names[sign_in.login],
            password=sign_in.password,
            at=now(),
        )
    grant_role(session, member["finance"], Role.FINANCE_OFFICER, org_id=OPERATOR)
    grant_role(session, member["chief"], Role.CHIEF_ACCOUNTANT, org_id=OPERATOR)
    for org_id in (SERVICES_AGENCY, TRAFFIC_POLICE):
        grant_role(session, member["clerk"], Role.AGENCY_CLERK, org_id=org_id)


def _issue(session: Session, number: int) -> Bill:
    offer = OFFERS[number % len(OFFERS)]
    clerk = Actor("staff", "clerk", grants=frozenset({(Role.AGENCY_CLERK, offer.org_id)}))
    return issue_bill(
        session,
        offer.org_id,
        id=derive_id(_TOWN, f"{now().isoformat()} bill {number}"),
        service_code=offer.code,
        payer_name=PAYERS[number % len(PAYERS)],
        by=clerk,
        at=now(),
        amount=_amount(offer, number),
    )


def _amount(offer: Offer, number: int) -> Money:
    """The fee; every second round of bills has another sum, so that no two matches look alike."""
    return Money(offer.fee_minor + number // len(OFFERS) * 1_000_00, "UZS")


def _password(secret: str, login: str) -> str:
    key = secret or now().isoformat()
    words = hmac.new(key.encode(), login.encode(), hashlib.sha256).hexdigest()
    return "-".join(words[place : place + 4] for place in range(0, 16, 4))

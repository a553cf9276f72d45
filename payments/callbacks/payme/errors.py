"""The errors of Payme's Merchant API, with their messages in its three languages.

Source: Payme developer pages, "Merchant API", general and per-method errors.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(eq=False)  # an exception, so neither frozen (it is given a traceback) nor compared
class PaymeError(Exception):
    """An answer of the kind `error`; account errors name the field in `data`."""

    code: int
    uz: str
    ru: str
    en: str
    data: str | None = None

    def about(self, data: str) -> "PaymeError":
        """The same error, naming what it is about."""
        return PaymeError(self.code, self.uz, self.ru, self.en, data)

    def as_json(self) -> dict[str, Any]:
        """The `error` member of the answer."""
        message = {"uz": self.uz, "ru": self.ru, "en": self.en}
        return {"code": self.code, "message": message, "data": self.data}


NOT_POST = PaymeError(-32300, "Faqat POST soʻrovi", "Только запрос POST", "POST requests only")
NOT_JSON = PaymeError(-32700, "JSON xato", "Ошибка разбора JSON", "The JSON cannot be parsed")
BAD_REQUEST = PaymeError(
    -32600, "Soʻrov maydonlari notoʻgʻri", "Неверные поля запроса", "Fields are missing or wrong"
)
BAD_PARAMS = PaymeError(-32602, "Parametrlar notoʻgʻri", "Неверные параметры", "Wrong parameters")
UNKNOWN_METHOD = PaymeError(-32601, "Metod topilmadi", "Метод не найден", "No such method")
NO_PRIVILEGE = PaymeError(
    -32504, "Huquq yetarli emas", "Недостаточно привилегий", "Insufficient privilege"
)
SYSTEM_FAILURE = PaymeError(
    -32400,
    "Tizim xatosi, qaytadan urining",
    "Системная ошибка, повторите",
    "System error, try again",
)
FISCAL_UNKNOWN = PaymeError(-32001, "Chek topilmadi", "Чек не найден", "No such receipt")
WRONG_AMOUNT = PaymeError(
    -31001, "Summa notoʻgʻri", "Неверная сумма", "The amount is not what is owed"
)
NO_TRANSACTION = PaymeError(
    -31003, "Tranzaksiya topilmadi", "Транзакция не найдена", "No such transaction"
)
CANNOT_CANCEL = PaymeError(
    -31007, "Bekor qilib boʻlmaydi", "Отменить невозможно", "The payment cannot be cancelled"
)
WRONG_STATE = PaymeError(
    -31008, "Amalni bajarib boʻlmaydi", "Невозможно выполнить операцию", "The state forbids this"
)
UNKNOWN_REFERENCE = PaymeError(
    -31050, "Toʻlov raqami topilmadi", "Номер для оплаты не найден", "No bill has this reference"
)
ALREADY_PAID = PaymeError(
    -31051, "Hisob-varaq toʻlangan", "Счёт уже оплачен", "The bill is already paid"
)
BUSY = PaymeError(
    -31052,
    "Bu hisob-varaq hozir toʻlanmoqda",
    "Этот счёт сейчас оплачивается",
    "A payment of this bill is under way",
)
EXPIRED = PaymeError(
    -31053, "Hisob-varaq muddati oʻtgan", "Срок счёта истёк", "The bill has expired"
)
CANCELLED = PaymeError(
    -31054, "Hisob-varaq bekor qilingan", "Счёт отменён", "The bill has been cancelled"
)
NOT_NOW = PaymeError(
    -31055,
    "Idora hozir toʻlov qabul qilmaydi, keyinroq urining",
    "Ведомство сейчас не принимает платежи, повторите позже",
    "The agency takes no payments now, try later",
)

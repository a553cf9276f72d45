"""The currencies of ISO 4217: alphabetic code -> (numeric code, exponent).

Source: ISO 4217 list one (SIX Financial Information, maintenance agency).
"""

CURRENCIES: dict[str, tuple[int, int]] = {
    "EUR": (978, 2),
    "USD": (840, 2),
    "UZS": (860, 2),
}

CODES: dict[int, str] = {numeric: code for code, (numeric, _) in CURRENCIES.items()}

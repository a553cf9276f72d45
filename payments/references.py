"""Payment references: 20 digits that carry the agency, the service and their own check digits.

agency 4 + service 4 + serial 10 + check 2; the check digits are those of ISO 7064 MOD 97-10, so
every mistyped digit and every swap of neighbours is noticed. Numeric, so that keypads, cash desks
and bank purposes can carry them.
"""

import re
import secrets

from stdnum.iso7064 import mod_97_10

from foundation.errors import Refused

LENGTH = 20
# People and banks write references with spaces, dashes and dots between groups.
_SEPARATORS = re.compile(r"[\s\u00a0\u2007\u202f.\-\u2010-\u2015]+")
# Looked for at every place, so that a year or a house number before a reference does not hide it.
_IN_TEXT = re.compile(r"(?<![0-9])(?=((?:[0-9][\s\-\u2010-\u2015]?){19}[0-9])(?![0-9]))")


class ReferenceMalformed(Refused):
    """A payment reference has 20 digits, and these digits do not belong together."""


def compact(reference: str) -> str:
    """The reference without spaces and dashes."""
    return _SEPARATORS.sub("", reference)


def validate(reference: str) -> str:
    """The 20 digits of a reference as typed. Raises ReferenceMalformed with the reason."""
    digits = compact(reference)
    if not (digits.isascii() and digits.isdigit()):
        raise ReferenceMalformed(reference=reference[:40], reason="digits-only")
    if len(digits) != LENGTH:
        raise ReferenceMalformed(reference=digits[:40], reason="length", length=len(digits))
    if not mod_97_10.is_valid(digits):
        raise ReferenceMalformed(reference=digits, reason="check-digits")
    return digits


def make_reference(agency: str, service: str) -> str:
    """A new reference; the serial is random, so nobody can guess a neighbour's bill."""
    return with_check_digits(f"{agency}{service}{secrets.randbelow(10**10):010d}")


def with_check_digits(body: str) -> str:
    """Add the check digits: "101000070000000001" becomes "10100007000000000178"."""
    return body + mod_97_10.calc_check_digits(body)


def show(reference: str) -> str:
    """In groups of four, as printed: "1010 0007 0000 0000 0178"."""
    return " ".join(reference[start : start + 4] for start in range(0, len(reference), 4))


def find_in(text: str) -> list[str]:
    """Every valid reference inside a text such as a payment's purpose, in order, each once."""
    found = (compact(match.group(1)) for match in _IN_TEXT.finditer(text))
    return list(dict.fromkeys(digits for digits in found if mod_97_10.is_valid(digits)))

"""Charges: one attempt to pay a bill each.

`attempts` opens and ends them, `settlement` settles and reverses them with their journal, bill and receipt,
`records` keeps and finds them.
"""

from payments.charges.attempts import BillBusy, close_charge, mark_sent, open_charge
from payments.charges.records import (
    CLOSED_UNPAID,
    LIFECYCLE,
    OPEN_STATES,
    Applied,
    Charge,
    ChargeNotFound,
    ChargeState,
    Handle,
    charges_of,
    current_charge,
    find_charge,
    lock_charge,
)
from payments.charges.settlement import reverse_charge, settle_charge, settlement_entry

__all__ = [
    "CLOSED_UNPAID",
    "LIFECYCLE",
    "OPEN_STATES",
    "Applied",
    "BillBusy",
    "Charge",
    "ChargeNotFound",
    "ChargeState",
    "Handle",
    "charges_of",
    "close_charge",
    "current_charge",
    "find_charge",
    "lock_charge",
    "mark_sent",
    "open_charge",
    "reverse_charge",
    "settle_charge",
    "settlement_entry",
]

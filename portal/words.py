"""The words for every code that a page shows: states, outcomes, reasons, kinds.

A view carries the code, the template says the word; so routes need no language. Some words stand in a
tag, whose tone gives it a colour and a shape of its own: a state is never told by colour alone.
"""

from ledger.rules import RULES as BOOKS
from payments.reconciliation.proof import RULES as PAYMENTS
from payments.reconciliation.statements.reasons import Reason
from portal.languages import gettext, msg

WORDS: dict[str, dict[str, str]] = {
    "bill_state": {
        "open": msg("Not paid"),
        "busy": msg("Payment under way"),
        "paid": msg("Paid"),
        "expired": msg("Expired"),
        "cancelled": msg("Cancelled"),
    },
    "charge_state": {
        "created": msg("Started"),
        "pending": msg("At the provider"),
        "settled": msg("Paid"),
        "credited": msg("Kept as credit"),
        "declined": msg("Declined"),
        "cancelled": msg("Cancelled"),
        "expired": msg("Expired"),
        "reversed": msg("Reversed"),
        "unknown": msg("We are checking"),
    },
    "provider": {
        "payme": msg("Uzcard or Humo card (Payme)"),
        "stripe": msg("International card (Stripe)"),
        "bank": msg("Bank transfer"),
    },
    "provider_next": {
        "payme": msg("You go to the Payme page and confirm by SMS code."),
        "stripe": msg("Visa or Mastercard. You enter your card on the Stripe page."),
        "bank": msg("You pay from your bank. Put the payment reference in the purpose."),
    },
    "step": {
        "sent": msg("Sent"),
        "provider": msg("Payment provider"),
        "agency": msg("Agency"),
        "receipt": msg("Receipt"),
    },
    "place": {
        "done": msg("done"),
        "now": msg("now"),
        "next": msg("not yet"),
    },
    "payment_event": {
        "created": msg("Payment started"),
        "sent": msg("Sent to the payment provider"),
        "called": msg("Message from the provider"),
        "found_by_asking": msg("Outcome learned by asking the provider"),
        "settled": msg("Provider confirmed the payment"),
        "declined": msg("Provider declined the payment"),
        "cancelled": msg("Payment cancelled"),
        "expired": msg("Time to pay ran out"),
        "posted": msg("Entered in the books"),
        "receipt": msg("Receipt issued"),
        "credited": msg("Kept as your credit"),
        "reversed": msg("Payment reversed"),
        "paid_out": msg("Paid out by the provider"),
        "banked": msg("Seen on the bank statement"),
    },
    "sealing": {
        "waiting": msg(
            "This payment is not sealed yet. Wait some seconds and open this page again."
        ),
        "sealed": msg(
            "This payment is sealed. Its proof comes within seconds: open this page again."
        ),
        "signed": msg("This payment is sealed in the agency's book: nobody can change it unseen."),
        "unsigned": msg(
            "This payment is sealed. Nothing is signed here, so there is no proof to download."
        ),
    },
    "where": {
        "citizen": msg("Citizen"),
        "provider": msg("Provider"),
        "ledger": msg("Books"),
        "bank": msg("Bank"),
        "staff": msg("Staff"),
    },
    "credit_reason": {
        "paid": msg("This bill had already been paid."),
        "expired": msg("The time to pay this bill had passed."),
        "cancelled": msg("This bill had been cancelled."),
        "amount": msg("The sum was not the one on the bill."),
    },
    "role": {
        "finance_officer": msg("Finance officer"),
        "chief_accountant": msg("Chief accountant"),
        "agency_clerk": msg("Agency clerk"),
    },
    "section": {
        "home": msg("Home"),
        "reconciliation": msg("Reconciliation"),
        "breaks": msg("Differences"),
        "bills": msg("Bills"),
        "books": msg("Books"),
        "proof": msg("Proof"),
        "jobs": msg("Jobs"),
    },
    "stage": {
        "received": msg("Received"),
        "settled": msg("Settled"),
        "banked": msg("Banked"),
    },
    "break_type": {
        "paid_twice": msg("Bill paid twice"),
        "late": msg("Paid too late"),
        "amount": msg("Amounts differ"),
        "unidentified": msg("Unidentified receipt"),
        "debit_unexplained": msg("Unexplained debit"),
        "payout_differs": msg("Payout differs from its report"),
        "missing_in_ledger": msg("Not in our books"),
        "state": msg("Provider says paid, we do not"),
        "callback": msg("Message we could not work on"),
    },
    "break_state": {
        "open": msg("Open"),
        "resolved": msg("Resolved"),
    },
    "break_event": {
        "opened": msg("Found"),
        "resolved": msg("Resolved"),
    },
    "fact": {
        "amount": msg("Amount"),
        "asked": msg("Asked for"),
        "bill_state": msg("State of the bill"),
        "booking_date": msg("Booked on"),
        "charge": msg("Payment"),
        "detail": msg("Detail"),
        "error": msg("Error"),
        "event": msg("Kind of message"),
        "handle": msg("Payment"),
        "items": msg("Sum of its items"),
        "payout": msg("Provider's payout"),
        "provider": msg("Payment provider"),
        "purpose": msg("Purpose"),
        "reference": msg("Payment reference"),
        "resolution": msg("How it was resolved"),
        "statement_line": msg("Statement line"),
        "callback": msg("Message from the provider"),
        "why": msg("Why"),
    },
    "outcome": {
        "done": msg("Done"),
        "failed": msg("Failed"),
        "running": msg("Running"),
        "never": msg("Not run yet"),
    },
    "verdict": {
        "accepted": msg("Accepted"),
        "quarantined": msg("Quarantined"),
        "refused": msg("Refused"),
    },
    "line_state": {
        "matched": msg("Matched"),
        "unmatched": msg("Unmatched"),
        "suspense": msg("Held as unidentified"),
        "break": msg("Difference"),
        "batch": msg("Batch, counted by its parts"),
        "shown": msg("Only shown"),
    },
    "why": {
        "no_key": msg("It names neither a bill nor a payout"),
        "several_keys": msg("It names more than one bill or payout"),
        "payout_amount_differs": msg("Its amount is not the payout's"),
        "payout_seen_before": msg("This payout came before"),
        "debit": msg("Money went out, and we did not send it"),
        "not_posted": msg("The books refused it"),
    },
    "proof_result": {
        "holds": msg("Holds"),
        "fails": msg("Does not hold"),
    },
    "book_proof": {
        "agrees": msg("Agrees"),
        "differs": msg("Does not agree"),
    },
    "proof": {rule.name: rule.sentence for rule in (*BOOKS, *PAYMENTS)},
    "chart": {
        "1110": msg("Bank account"),
        "1210": msg("Payment provider clearing"),
        "1330": msg("Due from an organisation"),
        "1920": msg("Counter value of a currency position"),
        "2220": msg("Due to an organisation"),
        "2310": msg("Unidentified receipts"),
        "2320": msg("Payers' credit"),
        "2910": msg("Currency position"),
        "4010": msg("Fees collected"),
        "4910": msg("Exchange gains"),
        "5110": msg("Payment providers' fees"),
        "5910": msg("Exchange losses"),
    },
    "journal_kind": {
        "payment_confirmed": msg("Payment confirmed"),
        "payment_credited": msg("Payment kept as credit"),
        "payment_reversed": msg("Payment reversed"),
        "payout_settled": msg("Payout settled by the provider"),
        "payout_received": msg("Payout received at the bank"),
        "bank_transfer_received": msg("Bank transfer received"),
        "unidentified_received": msg("Unidentified receipt"),
        "period_closed": msg("Period closed"),
        "period_reopened": msg("Period reopened"),
        "adjustment": msg("Adjustment"),
        "reversal": msg("Reversal"),
        "currency_exchanged": msg("Currency exchanged"),
        "currency_revalued": msg("Currency revalued"),
    },
    "journal_fact": {
        "reason": msg("Why"),
        "by": msg("By"),
        "reference": msg("Payment reference"),
        "correlation": msg("Belongs to"),
        "quoted": msg("Rate"),
        "quoted_by": msg("Source of the rate"),
        "source": msg("Comes from"),
        "key": msg("Its key"),
    },
    "period_state": {
        "open": msg("Open"),
        "soft": msg("Closed softly"),
        "closed": msg("Closed"),
    },
    "period_move": {
        "close_softly": msg("Close it softly"),
        "open_again": msg("Open it again"),
        "close": msg("Close it and seal its trial balance"),
    },
    "account_state": {
        "open": msg("Open"),
        "frozen": msg("Frozen"),
        "closing": msg("Being closed"),
        "closed": msg("Closed"),
    },
    "account_event": {
        "freeze": msg("Frozen"),
        "unfreeze": msg("Unfrozen"),
        "wind_down": msg("Closing begun"),
        "reopen": msg("Opened again"),
        "close": msg("Closed"),
        "limit_set": msg("Limit set"),
    },
    "account_move": {
        "freeze": msg("Freeze it"),
        "unfreeze": msg("Unfreeze it"),
        "wind_down": msg("Begin to close it"),
        "reopen": msg("Open it again"),
        "close": msg("Close it for good"),
    },
    "limit_state": {
        "planned": msg("Planned"),
        "in_force": msg("In force"),
        "replaced": msg("Replaced"),
    },
    "hold_state": {
        "open": msg("Open"),
        "done": msg("Done"),
        "expired": msg("Expired"),
    },
    "hold_way": {
        "out": msg("Out"),
        "in": msg("In"),
    },
    "hold_event": {
        "placed": msg("Placed"),
        "captured": msg("Captured"),
        "released": msg("Released"),
        "expired": msg("Expired"),
    },
    "side": {
        "debit": msg("Debit"),
        "credit": msg("Credit"),
    },
    "gate_reason": {reason.code: reason.explanation for reason in Reason},
    "job": {
        "expire_bills": msg("Mark bills whose time has passed"),
        "cancel_timed_out_payme": msg("Cancel Payme payments after 12 hours"),
        "resolve_open_charges": msg("Ask providers about open payments"),
        "reconcile": msg("Reconcile"),
        "prove_books": msg("Prove the books"),
        "prepare_partitions": msg("Make room for new entries"),
        "make_periods": msg("Make the periods of the books"),
        "tidy_holds": msg("Tidy holds whose time has passed"),
        "measure_lane": msg("Measure the shared commits"),
    },
}

TONES: dict[str, dict[str, str]] = {
    "bill_state": {"open": "info", "busy": "wait", "paid": "good"},
    "charge_state": {
        "created": "wait",
        "pending": "wait",
        "settled": "good",
        "credited": "warn",
        "declined": "bad",
        "reversed": "warn",
        "unknown": "wait",
    },
    "break_state": {"open": "warn", "resolved": "good"},
    "outcome": {"done": "good", "failed": "bad", "running": "wait"},
    "verdict": {"accepted": "good", "quarantined": "warn", "refused": "bad"},
    "line_state": {"matched": "good", "unmatched": "wait", "suspense": "warn", "break": "warn"},
    "proof_result": {"holds": "good", "fails": "bad"},
    "book_proof": {"agrees": "good", "differs": "bad"},
    "account_state": {"open": "good", "frozen": "warn", "closing": "wait"},
    "period_state": {"open": "info", "soft": "wait", "closed": "good"},
    "limit_state": {"planned": "wait", "in_force": "good"},
    "hold_state": {"open": "wait", "done": "good"},
}


def word(kind: str, code: str) -> str:
    """The word for a code in the language now spoken; a code without a word shows as it is."""
    return gettext(WORDS[kind][code]) if code in WORDS[kind] else code.replace("_", " ")


def tone(kind: str, code: str) -> str:
    """How a tag with this word looks: good, bad, warn, wait, info or off."""
    return TONES[kind].get(code, "off")

"""From a request to a page: read the form, call one operation, fill the view."""

from fastapi import APIRouter

from portal import assets
from portal.routes import bills, evidence, payments, proof
from portal.routes.staff import accounts, books, breaks, desk, journals, reconciliation, sign_in
from portal.routes.staff import bills as staff_bills
from portal.routes.staff import payments as staff_payments
from portal.routes.staff import periods as staff_periods
from portal.routes.staff import proof as staff_proof

router = APIRouter(include_in_schema=False)
for family in (
    assets,
    bills,
    payments,
    evidence,
    proof,
    sign_in,
    desk,
    reconciliation,
    breaks,
    staff_bills,
    staff_payments,
    books,
    accounts,
    journals,
    staff_proof,
    staff_periods,
):
    router.include_router(family.router)

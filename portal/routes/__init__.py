"""From a request to a page: read the form, call one operation, fill the view."""

from fastapi import APIRouter

from portal import assets
from portal.routes import bills, payments
from portal.routes.staff import bills as staff_bills
from portal.routes.staff import books, breaks, desk, reconciliation, sign_in
from portal.routes.staff import payments as staff_payments

router = APIRouter(include_in_schema=False)
for family in (
    assets,
    bills,
    payments,
    sign_in,
    desk,
    reconciliation,
    breaks,
    staff_bills,
    staff_payments,
    books,
):
    router.include_router(family.router)

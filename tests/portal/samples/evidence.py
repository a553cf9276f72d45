"""The public page of evidence, and receipts by how far their evidence is."""

from portal.languages import Language, pick
from portal.pages.evidence import EvidencePage, Head, Key
from tests.portal.samples.citizens import receipt_view
from tests.portal.samples.world import AGENCY, CHARGE, LATER, NOON, Sample, sample

VKEY = "ledger.mizon.example+d39ecdc2+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
OLD_VKEY = "ledger.mizon.example+0a1b2c3d+AfzzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4OhB7x"


@sample("evidence")
def evidence(language: Language) -> Sample:
    name = pick(AGENCY, language)
    view = EvidencePage(
        keys=(Key(VKEY, LATER, in_use=True), Key(OLD_VKEY, NOON, in_use=False)),
        heads=(
            Head("national", "", 1_204_331, LATER, 1_204_230),
            Head("7", name, 987_654_321, LATER, 987_654_000),
            Head("8", name, 3, NOON, None),
        ),
        more_url="/evidence?after=8",
    )
    return "evidence.html", view


@sample("evidence-unsigned")
def evidence_unsigned(_: Language) -> Sample:
    return "evidence.html", EvidencePage()


@sample("receipt-signed")
def receipt_signed(language: Language) -> Sample:
    return receipt_view(language, "valid", sealing="signed", proof_url=f"/payments/{CHARGE}/proof")


@sample("receipt-unsigned")
def receipt_unsigned(language: Language) -> Sample:
    return receipt_view(language, "valid", sealing="unsigned")

"""A view for every template in every state that it can show, with long names and large sums."""

from collections.abc import Mapping

from portal.languages import Language
from tests.portal.samples import accounts, books, citizens, evidence, money, periods, proof, records
from tests.portal.samples.world import SAMPLES, Sample

# Each puts its samples on the list as it is imported.
FAMILIES = (accounts, books, citizens, evidence, money, periods, proof, records)


def build(name: str, language: Language) -> Sample:
    return SAMPLES[name](language)


def templates_shown() -> Mapping[str, str]:
    return {build(name, Language.EN)[0]: name for name in SAMPLES}

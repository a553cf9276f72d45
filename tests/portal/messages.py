"""Every sentence that the portal can say, gathered from where it is written."""

import pkgutil
from importlib import import_module
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir

import foundation
import identity
import ledger
import payments
import portal
import procurement
from foundation.errors import Refusal
from portal.words import WORDS

PACKAGES = (foundation, identity, ledger, payments, procurement, portal)
ROOT = Path(portal.__file__).parent
METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {
    "templates/**.html": {
        "trimmed": "false",
        "extensions": "jinja2.ext.i18n,jinja2.ext.do",
        "silent": "false",
    }
}
KEYWORDS = {"_": None, "msg": None, "gettext": None, "ngettext": (1, 2)}


def written() -> Catalog:
    """The sentences of templates and Python, each with its plural where it has one."""
    catalog = Catalog()
    found = extract_from_dir(
        ROOT, METHODS, OPTIONS, keywords=KEYWORDS, comment_tags=(), strip_comment_tags=False
    )
    for file, line, message, *_ in found:
        catalog.add(message, locations=[(file, line)])
    for kind in WORDS.values():
        for sentence in kind.values():
            catalog.add(sentence)
    import_all()
    for refusal in refusals(Refusal):
        catalog.add(refusal.sentence())
    return catalog


def import_all() -> None:
    """Import every module that may refuse something to a person at a page."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            import_module(module.name)


def refusals(family: type[Refusal]) -> list[type[Refusal]]:
    """Every refusal of the packages that pages stand on; the providers' twin speaks to machines."""
    found = family.__subclasses__()
    deeper = [below for refusal in found for below in refusals(refusal)]
    return [refusal for refusal in found if is_shown(refusal.__module__)] + deeper


def is_shown(module: str) -> bool:
    """Whether what this module refuses can reach a page."""
    packages = tuple(f"{package.__name__}." for package in PACKAGES)
    return module.startswith(packages) and not module.startswith("payments.gateways.sandbox")

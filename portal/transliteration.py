"""Uzbek Latin to Uzbek Cyrillic, by table.

The alphabet of 1995 maps almost letter by letter. What it does not say (a soft sign, a hard sign, a
word that stays Latin) stands as a stem in `locales/uz_Cyrl/stems.txt`. Placeholders such as
%(amount)s and markup pass through untouched.
"""

import re
from functools import cache
from pathlib import Path

STEMS = Path(__file__).parent / "locales" / "uz_Cyrl" / "stems.txt"
OKINA, TUTUQ = "ʻ", "ʼ"  # of oʻ and gʻ; the tutuq belgisi
APOSTROPHES = str.maketrans(dict.fromkeys("'`‘’ʹ", TUTUQ))

DIGRAPHS = {
    f"yo{OKINA}": "йў",
    f"o{OKINA}": "ў",
    f"g{OKINA}": "ғ",
    f"s{TUTUQ}h": "сҳ",
    "nsiya": "нция",
    "sh": "ш",
    "ch": "ч",
    # ц lives in loan words alone: operatsiya, protsent; but ketsa and aytsin are ket+sa, ayt+sin.
    "tsiya": "ция",
    "tsio": "цио",
    "tse": "це",
    "yo": "ё",
    "yu": "ю",
    "ya": "я",
    "ye": "е",
    TUTUQ: "ъ",
}
LETTERS = DIGRAPHS | dict(
    zip("abcdefghijklmnopqrstuvwxyz", "абсдефгҳижклмнопқрстуввхйз", strict=True)
)
UNTOUCHED = re.compile(r"(%\(\w+\)[sd]|%%|\{\w*\}|<[^<>]*>|&\w+;|https?://\S+)")
WORD = re.compile(rf"[A-Za-z{OKINA}{TUTUQ}]+")
LETTER = re.compile("|".join(sorted(LETTERS, key=len, reverse=True)), re.IGNORECASE)
VOWELS = "aeiou"


def to_cyrillic(text: str) -> str:
    """The text in Uzbek Cyrillic: "toʻlov muddati" becomes "тўлов муддати"."""
    parts = UNTOUCHED.split(straighten(text))
    return "".join(
        part if index % 2 else WORD.sub(lambda found: word_in_cyrillic(found[0]), part)
        for index, part in enumerate(parts)
    )


def straighten(text: str) -> str:
    """Any apostrophe people type becomes U+02BB after o and g, and U+02BC elsewhere."""
    marked = text.translate(APOSTROPHES)
    return re.sub(rf"(?<=[OoGg])[{TUTUQ}{OKINA}]", OKINA, marked)


def word_in_cyrillic(word: str) -> str:
    """One word: a known stem first, the rest by letters."""
    for stem, cyrillic in stems():
        if word.startswith(stem) or word.lower().startswith(stem):
            known, rest = word[: len(stem)], word[len(stem) :]
            # A soft sign at the end of a stem goes before any suffix: апрель, апрелда.
            root = cyrillic.removesuffix("ь") if rest else cyrillic
            return in_case_of(known, root) + letters_in_cyrillic(rest, stem)
    return letters_in_cyrillic(word, "")


def letters_in_cyrillic(letters: str, before: str) -> str:
    """Letter by letter; e is э at the start of a word and after a vowel, where ye would be е."""

    def one(found: re.Match[str]) -> str:
        letter, previous = found[0], (before + letters[: found.start()])[-1:].lower()
        starts = not previous or previous in VOWELS
        cyrillic = "э" if letter.lower() == "e" and starts else LETTERS[letter.lower()]
        return in_case_of(letter, cyrillic)

    return LETTER.sub(one, letters)


def in_case_of(latin: str, cyrillic: str) -> str:
    """The Cyrillic letters in the case of the Latin ones: SH and Sh are both Ш, Nsiya is Нция."""
    if len(latin) > 1 and latin.isupper():
        return cyrillic.upper()
    return cyrillic[:1].upper() + cyrillic[1:] if latin[:1].isupper() else cyrillic


@cache
def stems() -> list[tuple[str, str]]:
    """The stems that the table alone gets wrong, longest first: ("parol", "пароль")."""
    lines = STEMS.read_text(encoding="utf-8").splitlines()
    pairs = [line.split() for line in lines if line and not line.startswith("#")]
    return sorted(((latin, cyrillic) for latin, cyrillic in pairs), key=lambda pair: -len(pair[0]))

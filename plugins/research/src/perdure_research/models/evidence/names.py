"""The names in a sentence: of persons, places, firms, products, and addresses."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from perdure_research.models.evidence.clauses import COMMON

_CAPITAL: Final = "A-Z\u00c0-\u00d6\u00d8-\u00de\u0391-\u03a9\u0410-\u042f"
_NAME: Final = re.compile(
    rf"(?<![\w'\u2019])(?:[{_CAPITAL}][\w'\u2019]*(?:\+\+|#)?|[a-z]+[{_CAPITAL}]\w*|\w*\d\w*[^\W\d_]\w*)"
)
_ADDRESS: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://\S+|www\.\S+|\S+@\S+\.\w+"
    r"|\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|dev|info|example|test|co|ai|app|me|ru|cn|de|uk)\b"
    r"(?:/\S*)?",
    re.IGNORECASE,
)
_POSSESSIVE: Final = re.compile(r"['\u2019]s?\Z")
_ACRONYM: Final = 4  # letters
_TITLES: Final = frozenset({"Mr", "Mrs", "Ms", "Dr", "Prof"})


def names_of(text: str, is_ordinary: Callable[[str], bool]) -> Iterator[str]:
    """Yield the names in a text, its first word among them if that is no ordinary word.

    Args:
        text: A sentence.
        is_ordinary: Says whether a word in lower case is one of the language.
    """
    opening = re.search(r"\w", text)
    for match in _NAME.finditer(text):
        name = _POSSESSIVE.sub("", match[0])
        if name in _TITLES or not name:
            continue
        begins = opening is not None and match.start() == opening.start()
        begins = (
            begins or re.search(r"[.!?:\u201c\u201e\"(]\s*\Z", text[: match.start()]) is not None
        )
        plain = name.casefold()
        if begins and name[1:].islower() and (plain in COMMON or is_ordinary(plain)):
            continue
        if name == "I" or (name == "A" and begins):
            continue
        yield name


def addresses_of(text: str) -> Iterator[str]:
    """Yield the web and mail addresses in a text."""
    for match in _ADDRESS.finditer(text):
        yield match[0].rstrip(".,;:!?)'\"")


def without_addresses(text: str) -> str:
    """Return a text to be shown that has no web or mail address in it."""
    return _ADDRESS.sub("(an address)", text)


def has_name(text: str, name: str) -> bool:
    """Say whether a text has a name, as a whole word.

    What is written in capitals only is not found in small letters: US is not us.
    """
    return bool(places_of_name(text, name))


def places_of_name(text: str, name: str) -> list[int]:
    """Return where a name begins in a text."""
    is_exact = len(name) <= _ACRONYM and name.isupper()
    form = rf"(?<![^\W_]){re.escape(name)}(?![^\W_])(?!\+\+|#)"
    found = re.finditer(form, text, 0 if is_exact else re.IGNORECASE)
    return [match.start() for match in found]

"""Texts for people, and what no text and no data may hold that are to be stored."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, JsonValue

LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# Half of what the parser takes that reads stored JSON, which has levels of its own around it.
MAX_NESTING: Final = 100
MAX_LISTED_CHARACTERS: Final = 1_000


def escape_surrogates(text: str) -> str:
    r"""Return a text with each half surrogate pair as an escape, such as ``caf\udce9.csv``.

    No JSON, database or terminal takes them, and Python makes them of file names that are no UTF-8.
    """
    return text.encode(errors="backslashreplace").decode()


def join_surrogates(text: str) -> str:
    """Return a text with each pair of halves as its character, and a lone half as U+FFFD.

    A server that cuts a text anywhere writes one character as two JSON strings.
    """
    if text.isascii() or LONE_SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def join_all_surrogates(data: JsonValue) -> JsonValue:
    """Do the same with every text and key in data."""
    if isinstance(data, str):
        return join_surrogates(data)
    if isinstance(data, dict):
        return {join_surrogates(key): join_all_surrogates(item) for key, item in data.items()}
    if isinstance(data, list):
        return [join_all_surrogates(item) for item in data]
    return data


def refuse_surrogates(text: object) -> object:
    """Return a text, or what is none, as it is.

    Raises:
        ValueError: It holds half a surrogate pair.
    """
    if isinstance(text, str) and LONE_SURROGATE.search(text):
        raise ValueError(
            f"{escape_surrogates(text[:60])!r} holds half a surrogate pair, which is no character:"
            " leave it out, or give a file whose name is no UTF-8 another"
        )
    return text


def find_surrogates(data: JsonValue, place: str) -> str | None:
    """Return where in data a text or a key holds half a surrogate pair, such as ``data['a'][0]``.

    Args:
        data: The data.
        place: What they are called.
    """
    if isinstance(data, str):
        return place if not data.isascii() and LONE_SURROGATE.search(data) else None
    items: list[tuple[str | int, JsonValue]] = []
    if isinstance(data, dict):
        if any(LONE_SURROGATE.search(key) for key in data):
            return f"a key of {place}"
        items = list(data.items())
    elif isinstance(data, list):
        items = list(enumerate(data))
    for key, item in items:
        if isinstance(item, str | dict | list) and (
            found := find_surrogates(item, f"{place}[{key!r}]")
        ):
            return found
    return None


def is_nested_too_deeply(data: JsonValue) -> bool:
    """Return whether lists and objects lie in each other on more than 100 levels.

    What nests deeper can be written as JSON and not read again: with it, every list that it is in.
    """
    level: list[JsonValue] = [data]
    for _ in range(MAX_NESTING + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def beginning(text: str, length: int | None = None) -> str:
    """Return a text, or of a long one the beginning with how long it is in all.

    The result has 1,000 characters at most, so that it is its own beginning.

    Args:
        text: The text, or more than 1,000 characters of it.
        length: How many characters it has, where ``text`` is not all of it.
    """
    length = len(text) if length is None else length
    if length <= MAX_LISTED_CHARACTERS:
        return text
    note = f"… ({length:,} characters in all)"
    return text[: MAX_LISTED_CHARACTERS - len(note)] + note


Text = Annotated[str, AfterValidator(escape_surrogates)]

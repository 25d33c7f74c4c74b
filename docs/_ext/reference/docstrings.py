"""Reading Google docstrings: their opening words, and what they say of each attribute."""

import re
from textwrap import dedent
from typing import Final

_SECTION: Final = re.compile(r"^(Args|Attributes|Returns|Raises|Example|Yields):$", re.MULTILINE)
_ENTRY: Final = re.compile(r"^(\w+): ", re.MULTILINE)


def opening(docstring: str | None) -> str:
    """Return what stands before the first section."""
    return _SECTION.split(dedent(docstring or ""), maxsplit=1)[0].strip()


def attributes(docstring: str | None) -> dict[str, str]:
    """Return what the section ``Attributes`` says of each, on one line each."""
    parts = _SECTION.split(dedent(docstring or ""))
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        if name == "Attributes":
            entries = _ENTRY.split(dedent(body.strip("\n")))[1:]
            pairs = zip(entries[::2], entries[1::2], strict=True)
            return {entry: " ".join(text.split()) for entry, text in pairs}
    return {}

"""Writing the items of lists as Markdown, with the numbers that they show."""

import re
from typing import Final, NamedTuple

from perdure_document.facts import Block
from perdure_document.formatting import escaped

_NUMBER: Final = re.compile(r"(\d{1,9})([.)])")
_INDENT: Final = "    "
# Markdown counts on within a list, whatever the numbers are: a comment begins another one.
_ANOTHER_LIST: Final = "<!-- -->"


class _Open(NamedTuple):
    """A list that is open: the level of its items, and the last one's number and delimiter."""

    level: int
    number: int = 0
    delimiter: str = ""


class MarkdownList:
    """Items that follow each other."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._open: list[_Open] = []

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, block: Block) -> None:
        """Add an item, set in below the one it belongs to, however deep it says that it is."""
        while self._open and self._open[-1].level > block.level:
            self._open.pop()
        if not self._open or self._open[-1].level < block.level:
            self._open.append(_Open(block.level))
        before = self._open[-1]
        text = block.markdown or escaped(block.text)
        indent = _INDENT * (len(self._open) - 1)
        if shown := _NUMBER.fullmatch(block.number):
            number, delimiter = int(shown[1]), shown[2]
        elif block.ordered and not block.number:
            number, delimiter = before.number + 1, "."
        else:
            # Markdown knows no other numbers: a letter, a Roman number or 2.1 stand in the text.
            number, delimiter = 0, ""
            text = f"{escaped(block.number)} {text}" if block.number else text
        if before.delimiter == delimiter != "" and number != before.number + 1:
            self._lines += ["", f"{indent}{_ANOTHER_LIST}", ""]
        mark = block.number if shown else f"{number}." if delimiter else "-"
        self._open[-1] = _Open(block.level, number, delimiter)
        self._lines.append(f"{indent}{mark} {text}".rstrip())

    def text(self) -> str:
        """Return the items as Markdown, and begin anew."""
        text = "\n".join(self._lines)
        self._lines, self._open = [], []
        return text

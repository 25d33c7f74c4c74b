"""Word by word: what was put in and taken out between two texts."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, Literal

from perdure_document.facts import Fact

Operation = Literal["same", "inserted", "deleted"]

# A number with its separators, a word with its apostrophes and hyphens, one sign of a script that
# is written without blanks, blanks, or any other sign.
_TOKEN: Final = re.compile(
    r"\d+(?:[.,'\u2019:/-]\d+)*%?"
    r"|[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
    r"|[^\W\d_](?:[^\W_\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|['\u2019-](?=\w))*"
    r"|\s+|."
)
_EXACT_UP_TO: Final = 4000


class Piece(Fact):
    """A run of text that both versions have, or one of them.

    Attributes:
        operation: ``same``, ``inserted`` (the newer has it) or ``deleted`` (the older has it).
        text: The text.
    """

    operation: Operation
    text: str


def tokens_of(text: str) -> list[str]:
    """Split a text into words, numbers, signs and blanks; joined they are the text again."""
    return [found[0] for found in _TOKEN.finditer(text.replace("\n", " ⏎ "))]


def words_of(text: str) -> Counter[str]:
    """Count the words and numbers of a text."""
    return Counter(token for token in tokens_of(text) if token[0].isalnum())


def similarity(one: Counter[str], other: Counter[str]) -> float:
    """Return how alike two bags of words are, from 0 to 1 (Dice's coefficient)."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def diff_words(old: str, new: str) -> tuple[Piece, ...]:
    """Return the pieces of two texts, in reading order.

    Those that are not ``inserted`` make the older text, those not ``deleted`` the newer.
    """
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    return tuple(_merged(_operations(before, after)))


def _operations(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[Operation, str]]:
    autojunk = max(len(before), len(after)) > _EXACT_UP_TO
    matcher = SequenceMatcher(None, before, after, autojunk=autojunk)
    deleted, inserted = "", ""
    codes = matcher.get_opcodes()
    for number, (code, start, end, new_start, new_end) in enumerate(codes):
        if code == "equal":
            text = "".join(before[start:end])
            # A blank alone between two changes would cut a changed phrase to pieces.
            if (deleted or inserted) and not text.strip() and number + 1 < len(codes):
                deleted, inserted = deleted + text, inserted + text
                continue
            yield from _changed(deleted, inserted)
            deleted = inserted = ""
            yield "same", text
        else:
            deleted += "".join(before[start:end])
            inserted += "".join(after[new_start:new_end])
    yield from _changed(deleted, inserted)


def _changed(deleted: str, inserted: str) -> Iterator[tuple[Operation, str]]:
    """Yield a change; blanks that end both sides alike stay outside."""
    kept = ""
    while deleted and inserted and deleted[-1] == inserted[-1] and deleted[-1].isspace():
        kept = deleted[-1] + kept
        deleted, inserted = deleted[:-1], inserted[:-1]
    yield "deleted", deleted
    yield "inserted", inserted
    yield "same", kept


def _merged(operations: Iterator[tuple[Operation, str]]) -> Iterator[Piece]:
    held: tuple[Operation, str] | None = None
    for operation, text in operations:
        if not text:
            continue
        if held is not None and held[0] == operation:
            held = (operation, held[1] + text)
            continue
        if held is not None:
            yield Piece(operation=held[0], text=held[1])
        held = (operation, text)
    if held is not None:
        yield Piece(operation=held[0], text=held[1])

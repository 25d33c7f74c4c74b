"""Whether what a model cites stands where it says."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from perdure.agents import AnswerRefused
from perdure_code.facts import Fact
from perdure_code.models.editing.edited_repository import EditedRepository, PathRefused, plain_path

MOST_LINES: Final = 200
_LONGEST_QUOTE: Final = 2_000
_SHORTEST_QUOTE: Final = 8  # characters, unless it is the whole line
_IDENTIFIER: Final = re.compile(
    r"`([^`\n]+)`|\b([A-Za-z]\w*_\w+|_+[A-Za-z]\w*|[a-z]+[A-Z]\w*|[A-Z][a-z0-9]+[A-Z]\w*|\w+\(\))"
)
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SHORTEST_WORD: Final = 3
_COMMON: Final = frozenset(
    re.findall(
        r"\w+",
        "and are but class code def else for from function has have import into its line not return"
        " that the then thi true false none this self use used uses when where which with what",
    )
)
_NUMBER: Final = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w])")


class Citation(Fact):
    """A place in a file.

    Attributes:
        path: The file, relative to the repository.
        first: Its first line, from 1.
        last: Its last line.
        quote: The text of these lines, or the part of it that was quoted; as it stands there.
    """

    path: str
    first: int
    last: int
    quote: str = ""


def quoted_place(repository: EditedRepository, path: str, line: int, quote: str) -> Citation:
    """Return the place of a quote that is said to begin on a line.

    The words must stand there one for one; white space at the ends of lines does not count. A
    quote that stands a little beside its line, and nowhere else, is put where it stands.

    Raises:
        AnswerRefused: It stands elsewhere, in several places or nowhere; says so.
    """
    plain, lines = _lines(repository, path)
    wanted = [one.strip() for one in quote.strip().splitlines()]
    if not "".join(wanted) or len(quote) > _LONGEST_QUOTE:
        raise AnswerRefused(f"its quote of {path[:80]}:{line} is empty or too long")
    begins = [begin for begin in range(1, len(lines) + 1) if _stands(lines, begin, wanted)]
    if line in begins:
        begin = line
    elif len(begins) == 1:
        begin = begins[0]
    else:
        where = "stands there in no place" if not begins else "does not stand on that line"
        raise AnswerRefused(f"its quote {quote.strip()[:60]!r} of {path[:80]}:{line} {where}")
    shown = "\n".join(text.rstrip() for text in lines[begin - 1 : begin - 1 + len(wanted)])
    return Citation(path=plain, first=begin, last=begin + len(wanted) - 1, quote=shown)


def cited_lines(repository: EditedRepository, path: str, first: int, last: int) -> Citation:
    """Return a range of lines that exists, with its text.

    Raises:
        AnswerRefused: There is no such file, it has no such lines, or the range is too long.
    """
    plain, lines = _lines(repository, path)
    if not 1 <= first <= last <= len(lines):
        raise AnswerRefused(f"{path} has {len(lines)} lines: there are no lines {first} to {last}")
    if last - first >= MOST_LINES:
        raise AnswerRefused(f"it cites {last - first + 1} lines of {path} at once")
    return Citation(path=plain, first=first, last=last, quote="\n".join(lines[first - 1 : last]))


def refuse_foreign_names(text: str, citations: Sequence[Citation]) -> None:
    """Refuse a claim with a name of code, or a number, that is not in what it cites.

    One that has no word of what it cites is refused too.

    Args:
        text: The claim.
        citations: What it cites.

    Raises:
        AnswerRefused: It has one; says which.
    """
    known = "\n".join(f"{one.path} {one.first} {one.last}\n{one.quote}" for one in citations)
    words = set(_WORD.findall(known))
    for name in _names(text):
        if name not in words:
            raise AnswerRefused(f"{name!r} is not in what it cites")
    if not _plain_words(text) & _plain_words(known):
        raise AnswerRefused("it uses no word of what it cites")
    for number in _NUMBER.findall(text):
        if re.search(rf"(?<![\w.]){re.escape(number)}(?!\w)", known) is None:
            raise AnswerRefused(f"the number {number} is not in what it cites")


def _names(text: str) -> Iterator[str]:
    """Yield the names of code in a sentence: what is marked as code, or can be nothing else."""
    for match in _IDENTIFIER.finditer(text):
        yield from _WORD.findall(match[1] or match[2])


def _plain_words(text: str) -> set[str]:
    """Return the words of a text, those within names too, as far as they say something."""
    words = {word.casefold() for word in _PART.findall(text)}
    return {word.rstrip("s") for word in words if len(word) >= _SHORTEST_WORD} - _COMMON


def _stands(lines: list[str], begin: int, wanted: list[str]) -> bool:
    """Say whether a quote begins on a line; its first and last line may be quoted in part."""
    there = [line.strip() for line in lines[begin - 1 : begin - 1 + len(wanted)]]
    if len(there) < len(wanted):
        return False
    if len(wanted) == 1:
        whole = wanted[0] == there[0]
        return whole or (wanted[0] in there[0] and len(wanted[0]) >= _SHORTEST_QUOTE)
    return (
        there[0].endswith(wanted[0])
        and there[-1].startswith(wanted[-1])
        and there[1:-1] == wanted[1:-1]
    )


def _lines(repository: EditedRepository, path: str) -> tuple[str, list[str]]:
    """Return a path as it is written in the repository, and the file's lines."""
    try:
        return plain_path(path), repository.lines(path)
    except PathRefused as refusal:
        raise AnswerRefused(str(refusal)) from refusal

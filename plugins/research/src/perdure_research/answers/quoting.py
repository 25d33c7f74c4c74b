# ruff: noqa: RUF001 -- letters and marks of many scripts are meant here
"""Quotations word for word from archived texts, and the words in which they are shown."""

import re
from typing import Final

from perdure_research.answers.claims import Citation
from perdure_research.answers.matching.match import Match
from perdure_research.answers.questions.question import Question
from perdure_research.answers.statements import Statement
from perdure_research.answers.values.value import asked_cell
from perdure_research.sources.source import SourceText

_LONGEST_QUOTE: Final = 700
_LINE_BREAK: Final = re.compile(r"[ \t]*\n[ \t>]*")
_MARKS: Final = re.compile(r"\*\*|__|`|(?<!\w)[*_](?=\w)|(?<=[\w.!?])[*_](?!\w)")
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


def cite(match: Match) -> Citation:
    """Return the quotation of a statement, with the sentences before it that it leans on."""
    one = match.statement
    start, text = one.start, one.text
    for earlier in one.before[: match.context]:
        if one.block_start <= earlier.start and one.end - earlier.start <= _LONGEST_QUOTE:
            start = earlier.start
    if start != one.start:
        text = one.block_text[start - one.block_start : one.end - one.block_start]
    return Citation(source=one.source.id, quote=text, start=start, end=one.end)


def is_verified(citation: Citation, text: SourceText) -> bool:
    """Say whether a quotation stands word for word where it says, in its source's archived text."""
    return bool(citation.quote) and text.text[citation.start : citation.end] == citation.quote


def in_words(text: str) -> str:
    """Return a quotation on one line and without Markdown's marks, as it is read aloud."""
    one_line = _LINE_BREAK.sub(" ", text).strip()
    return " ".join(_MARKS.sub("", _LINK.sub(r"\1", one_line)).split())


def wording(question: Question, match: Match, citation: Citation) -> str:
    """Return how a claim that is a quotation is written.

    Of a row, that is its first cell, and the cell that is asked for with its column's name; of a
    list, its items with commas between.
    """
    one = match.statement
    if one.shape == "row":
        return _of_row(question, one)
    if one.shape == "list":
        lines = [in_words(line).lstrip("-*+• ") for line in citation.quote.splitlines()]
        lines = [line for line in lines if line]
        first = lines[0] if lines and lines[0].endswith((":", "：")) else ""
        items = lines[1:] if first else lines
        return f"{first} {', '.join(items)}".strip()
    return in_words(citation.quote)


def _of_row(question: Question, one: Statement) -> str:
    cells, columns = one.cells, one.columns
    asked = asked_cell(question, one)
    if len(cells) == 2 and (not columns or asked):
        return f"{in_words(cells[0])}: {in_words(cells[1])}"
    if len(columns) == len(cells) and asked and asked in cells[1:]:
        column = columns[cells.index(asked, 1)]
        return f"{in_words(cells[0])}: {in_words(column)} {in_words(asked)}"
    if len(columns) == len(cells):
        pairs = zip(columns, cells, strict=True)
        return "; ".join(f"{in_words(name)}: {in_words(cell)}" for name, cell in pairs if cell)
    return "; ".join(in_words(cell) for cell in cells if cell)

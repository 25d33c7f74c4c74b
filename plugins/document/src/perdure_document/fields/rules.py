"""Proposing values by rules: a label, and the value that it announces; no model is asked."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from perdure_document.fields.labels import CONCEPTS, concept_of, is_barred, labels_of
from perdure_document.fields.lines import Line
from perdure_document.fields.schema import WantedField
from perdure_document.fields.values import Value, Values

# What may stand between a label and its value.
_GAP: Final = re.compile(
    r"[\s:.#=|\u2013\u2014-]*(?:\(?(?:eur|usd|gbp|chf|\d{1,2}(?:[.,]\d+)?\s?%|of|is|am|on|from|vom|@|at|zu|au|al"
    r"|du|del|der|the|in|den|le|\u20ac|\$|incl\.? vat|inkl\.? mwst\.?)\)?"
    r"[\s:.#=|\u2013\u2014-]*){0,3}",
    re.IGNORECASE,
)
_PUNCTUATION_OR_RATE: Final = re.compile(
    r"[\s:.#=|\u2013\u2014-]*(?:\(?\d{1,2}(?:[.,]\d+)?\s?%\)?)?[\s:.#=|\u2013\u2014-]*"
)
_BEFORE: Final = 40
_NEXT_LINE_SHARE: Final = 0.6
_ITEMS: Final = re.compile(
    r"item|description|article|artikel|pos\b|position|qty|quantity|menge|anzahl|product|produkt"
    r"|désignation|concepto|beschreibung|unit|hours",
    re.IGNORECASE,
)


class Candidate(NamedTuple):
    """A value that may be a field's.

    Attributes:
        line: The line that holds it.
        value: It.
        label: The line that announces it.
        announced: The label, as it is written; empty when nothing announces it.
        rank: How telling it is: 0 is best.
        doubt: Why it may be something else.
    """

    line: Line
    value: Value
    label: Line
    announced: str
    rank: int
    doubt: str = ""


class Rules:
    """Proposes values for fields of one document."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.values = Values(lines)
        self._lines = lines
        self._cells = {(line.block, line.row, line.column): line for line in lines if line.is_cell}
        self._rows: dict[tuple[int, int], list[Line]] = {}
        for line in lines:
            if line.is_cell:
                self._rows.setdefault((line.block, line.row), []).append(line)
        self._heights: dict[int, int] = {}
        for block, row in self._rows:
            self._heights[block] = max(self._heights.get(block, 0), row + 1)

    def candidates(self, field: WantedField) -> list[Candidate]:
        """Return what a field may be, by its labels; the most telling labels first."""
        found: list[Candidate] = []
        for rank, label in enumerate(labels_of(field)):
            for number, line in enumerate(self._lines):
                for match in label.finditer(line.text):
                    if self._is_another(field, line.text, match, rank):
                        continue
                    following = self._lines[number + 1] if number + 1 < len(self._lines) else None
                    found += self._announced(field, line, match, rank, following)
        return found

    def unannounced(self, field: WantedField) -> list[Candidate]:
        """Return all values of a kind that is told by its form, whatever announces them."""
        return [
            Candidate(line, value, line, "", 9)
            for line in self._lines
            for value in self.values.find(field.kind, line.text)
        ]

    def _is_another(self, field: WantedField, text: str, match: "re.Match[str]", rank: int) -> bool:
        """Say whether a label is part of another one, such as "date" in "due date"."""
        before = re.split(r"[:;|,\d]", text[max(0, match.start() - _BEFORE) : match.start()])[-1]
        after = re.split(r"[:;|,\d]", text[match.end() : match.end() + _BEFORE])[0]
        if is_barred(field, f"{before}{match[0]}{after}"):
            return True
        own = concept_of(field)
        if own is not None and rank and re.search(r"[^\W\d_]", before):
            # A word such as "date" says little: "print date" is something else.
            return True
        for concept in CONCEPTS:
            if own is not None and concept.name == own.name:
                continue
            for label in concept.stated[:1]:
                for other in label.finditer(text):
                    longer = other.end() - other.start() > match.end() - match.start()
                    if longer and other.start() <= match.start() and match.end() <= other.end():
                        return own is None or (own.name, concept.name) != ("total", "amount due")
        return False

    def _announced(
        self,
        field: WantedField,
        line: Line,
        match: "re.Match[str]",
        rank: int,
        following: Line | None,
    ) -> Iterator[Candidate]:
        rest = line.text[match.end() :]
        same = list(self._behind(field, line, match, rank))
        if same:
            yield from same
            return
        if not (_GAP if line.is_cell else _PUNCTUATION_OR_RATE).fullmatch(rest):
            return
        if line.is_cell:
            yield from self._in_table(field, line, match, rank)
        elif following is not None and not following.is_cell:
            for value in self.values.find(field.kind, following.text):
                text = following.text.strip()
                if value.end - value.start >= _NEXT_LINE_SHARE * len(text):
                    yield Candidate(following, value, line, match[0], rank)

    def _behind(
        self, field: WantedField, line: Line, match: "re.Match[str]", rank: int
    ) -> Iterator[Candidate]:
        """Yield the values that stand behind a label in its own line."""
        rest = line.text[match.end() :]
        if field.kind == "text":
            colon = re.match(r"\s*[:=]\s*", rest)
            if colon is None:
                return
            for value in self.values.find("text", rest[colon.end() :]):
                shift = match.end() + colon.end()
                yield Candidate(line, _shifted(value, shift), line, match[0], rank)
            return
        found = [
            value for value in self.values.find(field.kind, line.text) if value.start >= match.end()
        ]
        if not found:
            return
        first = found[0]
        if not _GAP.fullmatch(line.text[match.end() : first.start]):
            return
        yield Candidate(line, first, line, match[0], rank, self._second_doubt(field, line, found))
        if field.kind == "amount":
            # Tax names what it is a share of before the amount itself.
            for value in found[1:]:
                gap = line.text[found[0].end : value.start]
                if re.fullmatch(r"[\s:=|\u2013\u2014-]*(?:of|on|auf|von|from)?[\s:=|-]*", gap):
                    yield Candidate(line, value, line, match[0], rank)

    def _second_doubt(self, field: WantedField, line: Line, found: Sequence[Value]) -> str:
        if field.kind == "date" and len(found) > 1:
            gap = line.text[found[0].end : found[1].start]
            if re.fullmatch(r"\s*(?:-|\u2013|to|bis|until|through|au|al|or)\s*", gap):
                return "it is part of a period"
        return ""

    def _in_table(
        self, field: WantedField, cell: Line, match: "re.Match[str]", rank: int
    ) -> Iterator[Candidate]:
        """Yield the values in the cells to the right, or in the one cell below."""
        right = [one for one in self._rows[cell.block, cell.row] if one.column > cell.column]
        for one in right:
            values = list(self.values.find(field.kind, one.text))
            if field.kind != "text" and not values:
                if field.kind in {"amount", "number", "integer"} and _is_blank_or_unit(one.text):
                    continue
                break
            if field.kind == "text" and any(
                label.search(one.text) for concept in CONCEPTS for label in concept.stated[:1]
            ):
                break
            for value in values:
                yield Candidate(one, value, cell, match[0], rank)
            if field.kind != "amount":
                return
        below = self._cells.get((cell.block, cell.row + 1, cell.column))
        if cell.row == 0 and self._heights.get(cell.block) == 2 and below is not None:
            header = " ".join(one.text for one in self._rows[cell.block, 0])
            doubt = "it stands in a table of items" if _ITEMS.search(header) else ""
            for value in self.values.find(field.kind, below.text):
                yield Candidate(below, value, cell, match[0], rank, doubt)


def _shifted(value: Value, by: int) -> Value:
    return value._replace(start=value.start + by, end=value.end + by)


def _is_blank_or_unit(text: str) -> bool:
    return not re.search(r"[^\W\d_]{4,}", text)

"""The one check of every proposed value, whoever proposes it: its quote must be in the file."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from pydantic import JsonValue

from perdure_document.facts import Document, Fact
from perdure_document.fields.filled import Evidence, FilledField
from perdure_document.fields.lines import Line, lines_of
from perdure_document.fields.quotes import flat, same_text, text_form
from perdure_document.fields.schema import WantedField
from perdure_document.fields.values import Value, Values
from perdure_document.fields.yes_and_no import yes_or_no

LONGEST_QUOTE: Final = 600
_MOST: Final = 100
_SHORT_LABEL: Final = 80
_SENTENCE_END: Final = re.compile(r"[.!?;]\s")


class Proposal(Fact):
    """A value that somebody proposes for a field: rules, or a model.

    Attributes:
        path: The field.
        value: The value.
        quote: The words of the file that are said to hold it.
    """

    path: str
    value: JsonValue
    quote: str


class Checked(NamedTuple):
    """What the check of a proposal found.

    Attributes:
        evidence: Where the value stands; ``None`` when it is refused.
        refusal: Why it is refused; empty when it is not.
        doubt: Why the words may say something else even so; empty when they are plain.
        around: The words beside the value, which may say what it is: its sentence, the cells to its
            left, the head of its column; the line above and the heading where it stands alone.
    """

    evidence: Evidence | None
    refusal: str = ""
    doubt: str = ""
    around: str = ""


class EvidenceCheck:
    """Checks proposed values against one file."""

    def __init__(self, document: Document) -> None:
        """Take the file's lines, and its customs of writing numbers and dates.

        Args:
            document: The file.
        """
        self._document = document
        self._lines = [line for line in lines_of(document) if flat(line.text)]
        flats = [flat(line.text) for line in self._lines]
        self._text = " ".join(flats)
        self._starts: list[int] = []
        start = 0
        for one in flats:
            self._starts.append(start)
            start += len(one) + 1
        self._values = Values(self._lines)

    def has(self, quote: str) -> bool:
        """Say whether a quote stands in the file word for word, blanks and cells' edges apart."""
        return bool(flat(quote)) and flat(quote) in self._text

    def first_line(self, quote: str) -> Line:
        """Return the line in which a quote that is in the file begins first."""
        return self._lines[next(self._places(flat(quote)))[0]]

    def check(
        self,
        proposal: Proposal,
        field: WantedField,
        names: Callable[[str], bool] | None = None,
    ) -> Checked:
        """Return the evidence for a proposed value, or why it is refused.

        The quote must stand in the file word for word, blanks and edges of cells apart, and the
        value must be what the quote says: for dates, numbers and codes as they are recognised, for
        texts word for word.

        Args:
            proposal: The value and its quote.
            field: The field that it is for.
            names: Says whether words beside a value name the field: where the value stands several
                times, one that they name is taken; without it the first.
        """
        if refusal := self._refusal(proposal):
            return Checked(None, refusal)
        if field.kind == "boolean":
            return self._said_yes_or_no(proposal)
        says_not = f"its quote {_shown(proposal)!r} does not say it"
        if not self._says(field, proposal.quote, proposal.value):
            return Checked(None, says_not)
        first: Checked | None = None
        for found in islice(self._found_at(proposal, field), None if names is None else _MOST):
            if names is None or names(found.around):
                return found
            first = first or found
        return first or Checked(None, says_not)

    def checked(self, filled: FilledField, field: WantedField) -> FilledField:
        """Return a filled field whose evidence was found in the file, or else an absent one."""
        items = filled.value if field.many and isinstance(filled.value, list) else [filled.value]
        for value, evidence in zip(items, filled.evidence, strict=False):
            written = self._at(evidence)
            quote = Proposal(path=field.path, value=value, quote=written)
            if not written or self.check(quote, field).evidence is None:
                return FilledField(
                    path=filled.path,
                    status="absent",
                    required=filled.required,
                    why="what was found does not stand in the file as it was read",
                )
        return filled

    def _refusal(self, proposal: Proposal) -> str:
        """Say why a quote is none of the file's; empty when it is one."""
        if not flat(proposal.quote):
            return "it comes without a quote"
        if len(proposal.quote) > LONGEST_QUOTE:
            return f"its quote {_shown(proposal)!r}… is too long to say one thing"
        if not self.has(proposal.quote):
            return f"its quote {_shown(proposal)!r} is not in the file"
        return ""

    def _at(self, evidence: Evidence) -> str:
        """Return the words of the file to which evidence points."""
        position = evidence.position
        block = self._document.blocks[position.block]
        if position.row is None or position.column is None:
            return block.text[position.start : position.end]
        return block.rows[position.row][position.column][position.start : position.end]

    def _found_at(self, proposal: Proposal, field: WantedField) -> Iterator[Checked]:
        """Yield where the lines that hold a quote say a proposed value."""
        for numbers in self._places(flat(proposal.quote)):
            for number in numbers:
                for value in self._said(field, self._lines[number].text, proposal.value):
                    if _same(proposal.value, value.readings):
                        yield self._found(field, number, value)
            if field.kind == "text" and len(numbers) > 1:
                yield from self._found_over_lines(numbers, proposal)

    def _places(self, wanted: str) -> Iterator[range]:
        """Yield the numbers of the lines over which a flat quote stands, place by place."""
        start = self._text.find(wanted)
        while start >= 0:
            first = bisect_right(self._starts, start) - 1
            last = bisect_right(self._starts, start + len(wanted) - 1) - 1
            yield range(first, last + 1)
            start = self._text.find(wanted, start + 1)

    def _says(self, field: WantedField, text: str, value: JsonValue) -> bool:
        return any(
            _same(value, one.readings)
            # A text may go on over lines; every other value stands in one.
            for one in self._said(field, " ".join(text.replace("|", " | ").split()), value)
        )

    def _said(self, field: WantedField, text: str, value: JsonValue) -> Iterator[Value]:
        """Yield what a text says that may be a field's value."""
        if field.kind in {"text", "other"}:
            if isinstance(value, str) and (form := text_form(value)) is not None:
                for match in form.finditer(text):
                    yield Value(*match.span(), (value,))
        else:
            yield from self._values.find(field.kind, text)

    def _said_yes_or_no(self, proposal: Proposal) -> Checked:
        """Return the evidence for yes or no, which the quote says as a whole."""
        numbers = next(self._places(flat(proposal.quote)))
        whole = " ".join(self._lines[number].text for number in numbers)
        said = yes_or_no(proposal.quote)
        if not isinstance(proposal.value, bool) or said is (not proposal.value):
            return Checked(None, f"its quote {_shown(proposal)!r} does not say it")
        doubt = ""
        if said is None or yes_or_no(whole) is not said:
            doubt = "its quote says neither yes nor no plainly"
        line = self._lines[numbers[0]]
        evidence = line.evidence(0, len(line.text))
        evidence = evidence.model_copy(update={"quote": " ".join(proposal.quote.split())})
        left = self._around(numbers[0], Value(0, len(line.text), ()))
        return Checked(evidence, "", doubt, f"{whole} | {left}")

    def _found(self, field: WantedField, number: int, value: Value) -> Checked:
        line = self._lines[number]
        doubt = value.doubt
        if not doubt and len({str(one) for one in value.readings}) > 1:
            doubt = "its quote may be read in several ways"
        if not doubt and field.kind == "amount" and not (value.plain or line.is_cell):
            doubt = "its quote has neither cents nor a currency"
        evidence = line.evidence(value.start, value.end)
        return Checked(evidence, "", doubt, self._around(number, value))

    def _found_over_lines(self, numbers: range, proposal: Proposal) -> Iterator[Checked]:
        """Yield the evidence for a text that begins in one line and goes on in the next."""
        first_word = flat(str(proposal.value)).split(" ")[0]
        for number in numbers:
            line = self._lines[number]
            start = line.text.casefold().find(first_word)
            if 0 <= start < len(line.text):
                evidence = line.evidence(start, len(line.text))
                quote = " ".join(proposal.quote.split())
                around = self._around(number, Value(start, len(line.text), ()))
                yield Checked(evidence.model_copy(update={"quote": quote}), "", "", around)

    def _around(self, number: int, value: Value) -> str:
        line = self._lines[number]
        before = _SENTENCE_END.split(line.text[: value.start])[-1]
        after = _SENTENCE_END.split(line.text[value.end :])[0]
        told = [before, after]
        alone = not any(map(str.isalpha, "".join(told)))
        if line.is_cell:
            block = self._document.blocks[line.block]
            told += block.rows[line.row][: line.column]
            if line.row >= block.header_rows > 0:
                told += [row[line.column] for row in block.rows[: block.header_rows]]
        elif alone:
            above = self._lines[number - 1] if number else None
            if above is not None and len(above.text) <= _SHORT_LABEL:
                told.append(above.text)
            told.append(line.place.heading or "")
        return " | ".join(filter(None, told))


def _same(value: JsonValue, readings: tuple[JsonValue, ...]) -> bool:
    if isinstance(value, str):
        return any(isinstance(one, str) and same_text(value, one) for one in readings)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and value in readings


def _shown(proposal: Proposal) -> str:
    return " ".join(proposal.quote.split())[:80]

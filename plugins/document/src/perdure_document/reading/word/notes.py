"""The marks of footnotes and endnotes, in the order in which the text refers to them."""

from collections import defaultdict
from typing import Final, Literal, NamedTuple

from lxml import etree

from perdure_document.reading.numerals import written
from perdure_document.reading.ooxml.package import attribute, tag

NoteKind = Literal["footnote", "endnote"]
_FORMATS: Final[dict[NoteKind, str]] = {"footnote": "decimal", "endnote": "lowerRoman"}


class Note(NamedTuple):
    """A note that the text refers to: its kind, its identifier, and its mark."""

    kind: NoteKind
    identifier: str
    mark: str


class Notes:
    """Gives notes their marks.

    Args:
        settings: The root of ``word/settings.xml``, then every ``w:sectPr``: each may set how notes
            are numbered; the first that does counts.
    """

    def __init__(self, settings: list[etree._Element]) -> None:
        self.found: list[Note] = []
        self._referred: set[tuple[NoteKind, str]] = set()
        self._counts: dict[NoteKind, int] = defaultdict(int)
        self._formats = dict(_FORMATS)
        self._starts: dict[NoteKind, int] = {"footnote": 1, "endnote": 1}
        for kind in _FORMATS:
            for root in reversed(settings):
                properties = root.find(tag(f"w:{kind}Pr"))
                if properties is None:
                    continue
                if number_format := attribute(properties.find(tag("w:numFmt"))):
                    self._formats[kind] = number_format
                start = attribute(properties.find(tag("w:numStart"))) or ""
                if start.isdecimal():
                    self._starts[kind] = int(start)

    def refer(self, reference: etree._Element, kind: NoteKind, own_mark: str) -> Note:
        """Take down that the text refers to a note, and return it with its mark.

        Args:
            reference: The element ``w:footnoteReference`` or ``w:endnoteReference``.
            kind: Which of both.
            own_mark: The mark that the author set in the text instead of a number.
        """
        if attribute(reference, "w:customMarkFollows") in {"1", "true", "on"}:
            mark = own_mark
        else:
            mark = written(self._starts[kind] + self._counts[kind], self._formats[kind])
            self._counts[kind] += 1
        note = Note(kind, attribute(reference, "w:id") or "", mark or "*")
        if (kind, note.identifier) not in self._referred:
            self._referred.add((kind, note.identifier))
            self.found.append(note)
        return note

"""The text of a Word paragraph as a reader sees it."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from lxml import etree

from perdure_document.formatting import escaped, flat
from perdure_document.reading.exponents import with_mark
from perdure_document.reading.ooxml.equations import latex_of
from perdure_document.reading.ooxml.package import attribute, shown, switched_on, tag
from perdure_document.reading.ooxml.symbols import in_symbol_font, symbol
from perdure_document.reading.word.notes import NoteKind, Notes
from perdure_document.reading.word.styles import Style, Styles

_CONTAINERS: Final = frozenset(
    map(
        tag,
        [
            *("w:ins", "w:moveTo", "w:hyperlink", "w:smartTag", "w:customXml", "w:fldSimple"),
            *("w:sdt", "w:sdtContent", "w:bdo", "w:dir", "w:rt", "w:rubyBase"),
        ],
    )
)
_OBJECTS: Final = frozenset(map(tag, ["w:drawing", "w:pict", "w:object"]))
_CHARACTERS: Final = {
    tag("w:tab"): "\t",
    tag("w:ptab"): "\t",
    tag("w:br"): "\n",
    tag("w:cr"): "\n",
    tag("w:noBreakHyphen"): "-",
}
_RAISED_HALF_POINTS: Final = 4
_BUTTON: Final = re.compile(r"\s*MACROBUTTON\s+\S+\s+(.*)", re.DOTALL)


class Piece(NamedTuple):
    """A part of a line: ``text``, the LaTeX of a ``formula``, or the mark of a ``note``."""

    kind: str
    text: str


@dataclass
class Inline:
    """What stands in a paragraph.

    Attributes:
        pieces: Its text in order.
        objects: Drawings, pictures and embedded objects in it.
        comments: The identifiers of the comments on it.
    """

    pieces: list[Piece] = field(default_factory=list)
    objects: list[etree._Element] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Add plain text."""
        self.pieces.append(Piece("text", text))

    @property
    def text(self) -> str:
        """The text, a line for each that the author broke; notes as ``[1]``."""
        written = (f"[{one.text}]" if one.kind == "note" else one.text for one in self.pieces)
        return "\n".join(filter(None, map(flat, "".join(written).split("\n"))))

    @property
    def markdown(self) -> str:
        """The text as Markdown, when it has formulas or notes; else empty."""
        if all(one.kind == "text" for one in self.pieces):
            return ""
        return flat("".join(map(_as_markdown, self.pieces)))

    @property
    def formula(self) -> str:
        """The LaTeX of a paragraph that is nothing but formulas; else empty."""
        if any(one.kind != "formula" and one.text.strip() for one in self.pieces):
            return ""
        return " \\quad ".join(one.text for one in self.pieces if one.kind == "formula")


@dataclass
class _Field:
    code: str = ""
    in_result: bool = False
    form: etree._Element | None = None
    pieces_before: int = 0


class TextReader:
    """Reads the paragraphs of one story; a field may begin in one and end in another.

    Args:
        styles: The document's styles.
        notes: Where references to notes are taken down.
        left_out: Counts what is not shown or cannot be.
    """

    def __init__(self, styles: Styles, notes: Notes, left_out: Counter[str]) -> None:
        self._styles, self._notes, self._left_out = styles, notes, left_out
        self._fields: list[_Field] = []

    def read(self, paragraph: etree._Element, inline: Inline | None = None) -> Inline:
        """Return what stands in a paragraph (``w:p``), behind what is there already."""
        inline = inline or Inline()
        properties = paragraph.find(tag("w:pPr"))
        name = None if properties is None else attribute(properties.find(tag("w:pStyle")))
        self._walk(paragraph, self._styles.get(name), inline)
        return inline

    def _walk(self, element: etree._Element, style: Style, inline: Inline) -> None:
        for child in shown(element):
            if child.tag == tag("w:r"):
                self._run(child, style, inline)
            elif child.tag in {tag("m:oMath"), tag("m:oMathPara")}:
                for equation in child.iter(tag("m:oMath")):
                    if latex := latex_of(equation):
                        inline.pieces.append(Piece("formula", latex))
            elif child.tag in _CONTAINERS:
                self._walk(child, style, inline)

    def _run(self, run: etree._Element, style: Style, inline: Inline) -> None:
        if self._styles.hides(run, style):
            self._left_out["passage of hidden text"] += run.find(tag("w:t")) is not None
            self._field_marks(run)
            return
        for child in shown(run):
            if child.tag in {tag("w:fldChar"), tag("w:instrText")}:
                self._field(child, inline)
            elif all(one.in_result for one in self._fields):
                self._content(child, run, style, inline)

    def _content(
        self, child: etree._Element, run: etree._Element, style: Style, inline: Inline
    ) -> None:
        if child.tag == tag("w:t"):
            inline.add(self._raised(run, in_symbol_font(_font(run), child.text or ""), inline))
        elif child.tag in _CHARACTERS:
            inline.add(_CHARACTERS[child.tag])
        elif child.tag == tag("w:sym"):
            code = attribute(child, "w:char") or ""
            inline.add(_symbol(attribute(child, "w:font") or "", code))
        elif child.tag == tag("w:ruby"):
            self._ruby(child, style, inline)
        elif child.tag == tag("w:footnoteReference"):
            self._note(child, "footnote", run, inline)
        elif child.tag == tag("w:endnoteReference"):
            self._note(child, "endnote", run, inline)
        elif child.tag == tag("w:commentReference"):
            inline.comments.append(attribute(child, "w:id") or "")
        elif child.tag in _OBJECTS:
            inline.objects.append(child)

    def _note(
        self, reference: etree._Element, kind: NoteKind, run: etree._Element, inline: Inline
    ) -> None:
        own = flat("".join(node.text or "" for node in run.iter(tag("w:t"))))
        note = self._notes.refer(reference, kind, own)
        if not own:  # else the author's mark is text of the run
            inline.pieces.append(Piece("note", note.mark))

    def _ruby(self, ruby: etree._Element, style: Style, inline: Inline) -> None:
        """Write the reading that stands above characters behind them."""
        for name, form in (("w:rubyBase", "{}"), ("w:rt", "({})")):
            part = ruby.find(tag(name))
            if part is not None:
                found = Inline()
                self._walk(part, style, found)
                inline.add(form.format(found.text))

    def _raised(self, run: etree._Element, text: str, inline: Inline) -> str:
        """Write an exponent as ``10^3``: without the mark it would be another number."""
        properties = run.find(tag("w:rPr"))
        if properties is None:
            return text
        before = inline.pieces[-1] if inline.pieces else Piece("text", "")
        raised = _is_raised(properties) and before.kind == "text"
        return with_mark(before.text, text) if raised else text

    def _field_marks(self, run: etree._Element) -> None:
        for child in shown(run):
            if child.tag in {tag("w:fldChar"), tag("w:instrText")}:
                self._field(child, Inline())

    def _field(self, element: etree._Element, inline: Inline) -> None:
        """Follow a field: its instruction is not shown, its result is."""
        if element.tag == tag("w:instrText"):
            if self._fields and not self._fields[-1].in_result:
                self._fields[-1].code += element.text or ""
            return
        kind = attribute(element, "w:fldCharType")
        if kind == "begin":
            self._fields.append(_Field(form=element.find(tag("w:ffData"))))
        elif kind == "separate" and self._fields:
            self._fields[-1].in_result = True
            self._fields[-1].pieces_before = len(inline.pieces)
        elif kind == "end" and self._fields:
            ended = self._fields.pop()
            empty = not ended.in_result or ended.pieces_before == len(inline.pieces)
            if empty and all(one.in_result for one in self._fields):
                inline.add(_shown_without_result(ended))


def _is_raised(properties: etree._Element) -> bool:
    position = attribute(properties.find(tag("w:position"))) or ""
    raised = position.isdecimal() and int(position) >= _RAISED_HALF_POINTS
    return raised or attribute(properties.find(tag("w:vertAlign"))) == "superscript"


def _shown_without_result(ended: _Field) -> str:
    if ended.form is not None:
        box = ended.form.find(tag("w:checkBox"))
        if box is not None:
            state = box.find(tag("w:checked"))
            state = box.find(tag("w:default")) if state is None else state
            return "☒" if switched_on(state) else "☐"
        choices = ended.form.find(tag("w:ddList"))
        if choices is not None:
            entries = [attribute(one) or "" for one in choices.iter(tag("w:listEntry"))]
            chosen = attribute(choices.find(tag("w:result"))) or "0"
            place = int(chosen) if chosen.isdecimal() else 0
            return entries[place] if place < len(entries) else ""
    button = _BUTTON.match(ended.code)
    return flat(button[1]) if button and not ended.in_result else ""


def _symbol(font: str, code: str) -> str:
    try:
        return symbol(font, int(code, 16))
    except (ValueError, OverflowError):
        return "\ufffd"


def _font(run: etree._Element) -> str:
    properties = run.find(tag("w:rPr"))
    fonts = None if properties is None else properties.find(tag("w:rFonts"))
    return attribute(fonts, "w:ascii") or attribute(fonts, "w:hAnsi") or ""


def _as_markdown(piece: Piece) -> str:
    if piece.kind == "formula":
        return f"${piece.text}$"
    return f"[^{piece.text}]" if piece.kind == "note" else escaped(piece.text)

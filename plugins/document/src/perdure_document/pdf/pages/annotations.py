"""What was added to a page: the fields of its form, and the comments on it."""

import ctypes
from typing import NamedTuple

import pypdfium2
from pypdfium2 import raw

from perdure_document.pdf.content import Box, Comment, Field
from perdure_document.pdf.pages.frame import Frame
from perdure_document.pdf.pages.words import Word

_MOST = 5_000
_KINDS = {
    raw.FPDF_ANNOT_TEXT: "Text",
    raw.FPDF_ANNOT_FREETEXT: "FreeText",
    raw.FPDF_ANNOT_LINE: "Line",
    raw.FPDF_ANNOT_SQUARE: "Square",
    raw.FPDF_ANNOT_CIRCLE: "Circle",
    raw.FPDF_ANNOT_POLYGON: "Polygon",
    raw.FPDF_ANNOT_POLYLINE: "PolyLine",
    raw.FPDF_ANNOT_HIGHLIGHT: "Highlight",
    raw.FPDF_ANNOT_UNDERLINE: "Underline",
    raw.FPDF_ANNOT_SQUIGGLY: "Squiggly",
    raw.FPDF_ANNOT_STRIKEOUT: "StrikeOut",
    raw.FPDF_ANNOT_STAMP: "Stamp",
    raw.FPDF_ANNOT_CARET: "Caret",
    raw.FPDF_ANNOT_INK: "Ink",
    raw.FPDF_ANNOT_FILEATTACHMENT: "FileAttachment",
    raw.FPDF_ANNOT_REDACT: "Redact",
}
_HIDDEN = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
_CHECKED, _UNCHECKED = "☒", "☐"


class Annotations(NamedTuple):
    """What was added to a page.

    Attributes:
        comments: Comments.
        fields: Fields, each once.
        words: What the page shows of them, to be read with its text.
    """

    comments: list[Comment]
    fields: list[Field]
    words: list[Word]


def annotations_of(
    page: pypdfium2.PdfPage, form: object | None, frame: Frame, words: list[Word]
) -> Annotations:
    """Return what was added to a page.

    Args:
        page: The page.
        form: PDFium's handle of the document's form; ``None`` when it has none.
        frame: The page's frame.
        words: Its words, for what comments mark.
    """
    found = Annotations([], [], [])
    for index in range(min(raw.FPDFPage_GetAnnotCount(page.raw), _MOST)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        try:
            _add(annotation, form, frame, words, found)
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    return found


def _add(
    annotation: object,
    form: object | None,
    frame: Frame,
    words: list[Word],
    found: Annotations,
) -> None:
    kind = raw.FPDFAnnot_GetSubtype(annotation)
    hidden = bool(raw.FPDFAnnot_GetFlags(annotation) & _HIDDEN)
    edges = raw.FS_RECTF()
    raw.FPDFAnnot_GetRect(annotation, edges)
    box = frame.box(edges.left, edges.bottom, edges.right, edges.top)
    if kind == raw.FPDF_ANNOT_WIDGET:
        if form is not None:
            _add_field(annotation, form, box, hidden, words, found)
    elif kind in _KINDS and not hidden:
        text = _string(annotation, b"Contents")
        if kind == raw.FPDF_ANNOT_FREETEXT:
            found.words.extend(_words(text, box, _font_size(annotation, form), []))
        elif text:
            found.comments.append(
                Comment(
                    kind=_KINDS[kind],
                    text=text,
                    author=_string(annotation, b"T"),
                    quote=_quote(annotation, frame, words),
                    top=round(box.top, 1),
                )
            )


def _add_field(
    annotation: object,
    form: object,
    box: Box,
    hidden: bool,
    words: list[Word],
    found: Annotations,
) -> None:
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    name = _field_text(raw.FPDFAnnot_GetFormFieldAlternateName, form, annotation) or _field_text(
        raw.FPDFAnnot_GetFormFieldName, form, annotation
    )
    if kind in {raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON}:
        checked = bool(raw.FPDFAnnot_IsChecked(form, annotation))
        shown = value = _CHECKED if checked else _UNCHECKED
        export = _field_text(raw.FPDFAnnot_GetFormFieldExportValue, form, annotation)
        if kind == raw.FPDF_FORMFIELD_RADIOBUTTON:
            value = export if checked else ""
    elif kind == raw.FPDF_FORMFIELD_PUSHBUTTON:
        return
    else:
        value = _field_text(raw.FPDFAnnot_GetFormFieldValue, form, annotation)
        chosen = _chosen(form, annotation)
        shown = value = chosen or value
    if value and all(field.name != name or field.value != value for field in found.fields):
        found.fields.append(Field(name, value, not hidden))
    if shown and not hidden:
        found.words.extend(_words(shown, box, 0.0, words))


def _words(text: str, box: Box, size: float, beside: list[Word]) -> list[Word]:
    """Return text that stands in a box as words, line by line.

    Args:
        text: The text.
        box: The box.
        size: The size of its characters; 0 when that is not known.
        beside: The page's words: a single line stands as high as the label beside it.
    """
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line]
    if not lines:
        return []
    size = size or min(max(0.7 * box.height / len(lines), 4.0), 12.0)
    step = min(box.height / len(lines), 1.3 * size) if len(lines) > 1 else 0.0
    base = _base(box, size, beside) if len(lines) == 1 else box.top + 1.1 * size
    width = box.width / max(map(len, lines))
    width = min(width, 0.5 * size)
    words: list[Word] = []
    for number, line in enumerate(lines):
        at = box.left + 1
        bottom = base + number * step
        for part in line.split():
            end = at + max(width * len(part), 0.5)
            words.append(
                Word(
                    text=part,
                    box=Box(at, bottom - 0.8 * size, end, bottom + 0.2 * size),
                    base=bottom,
                    size=size,
                    order=10_000_000 + len(words),
                )
            )
            at = end + 0.25 * size
    return words


def _base(box: Box, size: float, beside: list[Word]) -> float:
    """Return where the text of a field stands: as high as the nearest word on its line."""
    usual = box.middle[1] + 0.3 * size
    near = [
        (min(abs(box.left - word.box.right), abs(word.box.left - box.right)), word.base)
        for word in beside
        if box.top < word.box.middle[1] < box.bottom and abs(word.base - usual) < size
    ]
    return min(near)[1] if near else usual


def _quote(annotation: object, frame: Frame, words: list[Word]) -> str:
    quads = raw.FPDFAnnot_CountAttachmentPoints(annotation)
    quad = raw.FS_QUADPOINTSF()
    marked: list[str] = []
    for index in range(min(quads, 100)):
        if not raw.FPDFAnnot_GetAttachmentPoints(annotation, index, quad):
            continue
        xs, ys = (quad.x1, quad.x2, quad.x3, quad.x4), (quad.y1, quad.y2, quad.y3, quad.y4)
        box = frame.box(min(xs), min(ys), max(xs), max(ys))
        marked += [word.text for word in words if box.holds(*word.box.middle)]
    return " ".join(marked)[:500]


def _chosen(form: object, annotation: object) -> str:
    """Return the labels of the options that are chosen in a list."""
    count = raw.FPDFAnnot_GetOptionCount(form, annotation)
    labels = []
    for index in range(min(max(count, 0), 1000)):
        if raw.FPDFAnnot_IsOptionSelected(form, annotation, index):
            length = raw.FPDFAnnot_GetOptionLabel(form, annotation, index, None, 0)
            buffer = ctypes.create_string_buffer(length)
            raw.FPDFAnnot_GetOptionLabel(
                form, annotation, index, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), length
            )
            labels.append(_decoded(buffer))
    return ", ".join(label for label in labels if label)


def _font_size(annotation: object, form: object | None) -> float:
    size = ctypes.c_float()
    if form is not None and raw.FPDFAnnot_GetFontSize(form, annotation, size):
        return min(max(size.value, 4.0), 40.0)
    return 10.0


def _string(annotation: object, key: bytes) -> str:
    length = raw.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    if length <= 2:
        return ""
    buffer = ctypes.create_string_buffer(length)
    raw.FPDFAnnot_GetStringValue(
        annotation, key, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), length
    )
    return _decoded(buffer)


def _field_text(function: object, form: object, annotation: object) -> str:
    assert callable(function)
    length = function(form, annotation, None, 0)
    if length <= 2:
        return ""
    buffer = ctypes.create_string_buffer(length)
    function(form, annotation, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), length)
    return _decoded(buffer)


def _decoded(buffer: "ctypes.Array[ctypes.c_char]") -> str:
    text = buffer.raw.decode("utf-16-le", errors="replace")
    return text.split("\0", 1)[0].strip()

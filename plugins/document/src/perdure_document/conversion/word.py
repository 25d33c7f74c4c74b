"""Writing content as a Word document."""

import io
import zipfile
from pathlib import Path
from typing import Any, Final

import docx
from docx.document import Document as WordDocument
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Emu, Inches, Pt
from docx.text.paragraph import Paragraph as WordParagraph
from docx.text.run import Run as WordRun

from perdure_document.conversion.content import (
    Block,
    Code,
    Content,
    Heading,
    Listing,
    Paragraph,
    Quote,
    Span,
    Spans,
    Table,
)

_WIDEST: Final = Inches(6)
_DEEPEST_STYLE: Final = 3
_LINK_TYPE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink"
_ALIGNMENTS: Final = {
    "left": WD_ALIGN_PARAGRAPH.LEFT,
    "center": WD_ALIGN_PARAGRAPH.CENTER,
    "right": WD_ALIGN_PARAGRAPH.RIGHT,
}
# Of a file that is made twice every byte should be the same.
_TIME: Final = (1980, 1, 1, 0, 0, 0)


def write_docx(content: Content, target: Path) -> None:
    """Write content as a Word document: styles, lists with their numbers, tables, links."""
    document = docx.Document()
    document.core_properties.title = _clean(content.title)[:255]
    document.core_properties.author = ""
    _Writer(document, content.left_out).write(content.blocks, 0)
    stream = io.BytesIO()
    document.save(stream)
    with zipfile.ZipFile(stream) as made, zipfile.ZipFile(target, "w") as kept:
        for name in made.namelist():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            kept.writestr(entry, made.read(name))


class _Writer:
    def __init__(self, document: WordDocument, left_out: "dict[str, int]") -> None:
        self._document = document
        self._left_out = left_out

    def write(self, blocks: tuple[Block, ...], depth: int, style: str | None = None) -> None:
        for block in blocks:
            self._write(block, depth, style)

    def _write(self, block: Block, depth: int, style: str | None) -> None:
        match block:
            case Heading(level, spans):
                self._spans(self._document.add_heading(level=level), spans)
            case Paragraph(spans):
                self._spans(self._paragraph(style, depth), spans)
            case Listing():
                self._list(block, depth)
            case Quote(blocks):
                self.write(blocks, depth, "Quote")
            case Code(text, _):
                run = self._paragraph(None, depth).add_run()
                _code(run)
                for number, line in enumerate(text.split("\n")):
                    if number:
                        run.add_break()
                    run.add_text(_clean(line))
            case Table():
                self._table(block)
            case _:
                _underline(self._document.add_paragraph())

    def _paragraph(self, style: str | None, depth: int) -> WordParagraph:
        paragraph = self._document.add_paragraph(style=style)
        if depth and style is None:
            paragraph.paragraph_format.left_indent = Inches(0.25 * depth)
        return paragraph

    def _list(self, block: Listing, depth: int) -> None:
        name = "List Bullet" if block.start is None else "List Number"
        level = min(depth + 1, _DEEPEST_STYLE)
        style = name if level == 1 else f"{name} {level}"
        number = None if block.start is None else self._numbering(style, block.start)
        for item in block.items:
            first, *rest = item or (Paragraph(()),)
            if not isinstance(first, Paragraph):
                first, rest = Paragraph(()), list(item)
            paragraph = self._document.add_paragraph(style=style)
            if number is not None:
                _number(paragraph, number)
            self._spans(paragraph, first.spans)
            self.write(tuple(rest), depth + 1)

    def _numbering(self, style: str, start: int) -> int:
        """Return a numbering of its own, so that each list begins with its own number."""
        numbering = self._document.part.numbering_part.element
        used: Any = self._document.styles[style].element.pPr.numPr.numId.val
        abstract = numbering.num_having_numId(used).abstractNumId.val
        added = numbering.add_num(abstract)
        added.add_lvlOverride(ilvl=0).add_startOverride(start)
        return int(added.numId)

    def _table(self, table: Table) -> None:
        columns = max(map(len, table.rows), default=0)
        if not columns:
            return
        made = self._document.add_table(len(table.rows), columns, style="Table Grid")
        for number, (row, cells) in enumerate(zip(made.rows, table.rows, strict=True)):
            for cell, spans, alignment in zip(row.cells, cells, table.alignments, strict=False):
                paragraph = cell.paragraphs[0]
                paragraph.alignment = _ALIGNMENTS[alignment]
                self._spans(paragraph, spans, bold=not number)
            if not number:
                properties = row._tr.get_or_add_trPr()  # noqa: SLF001 -- no public name for it
                properties.append(OxmlElement("w:tblHeader"))
        self._document.add_paragraph()

    def _spans(self, paragraph: WordParagraph, spans: Spans, *, bold: bool = False) -> None:
        for span in spans:
            if span.picture:
                self._picture(paragraph, span)
                continue
            run = paragraph.add_run()
            if span.is_break:
                run.add_break()
                continue
            run.add_text(_clean(span.text))
            # Unset rather than off: a style may say that it is bold.
            run.bold = True if span.bold or bold else None
            run.italic = True if span.italic else None
            run.font.strike = True if span.struck else None
            if span.code:
                _code(run)
            if span.link:
                _link(paragraph, run, span.link)

    def _picture(self, paragraph: WordParagraph, span: Span) -> None:
        run = paragraph.add_run()
        try:
            shape = run.add_picture(io.BytesIO(span.picture))
        except Exception:  # noqa: BLE001 -- whatever a broken picture makes the library raise
            self._left_out["picture"] = self._left_out.get("picture", 0) + 1
            run.add_text(_clean(span.text))
            return
        if shape.width > _WIDEST:
            shape.height = Emu(shape.height * _WIDEST // shape.width)
            shape.width = _WIDEST
        shape._inline.docPr.set("descr", _clean(span.text))  # noqa: SLF001 -- no public name for it


def _clean(text: str) -> str:
    """Return text without what XML cannot hold."""
    return "".join(
        one for one in text if (one >= " " or one in "\n\t") and one not in "\ufffe\uffff"
    )


def _code(run: WordRun) -> None:
    run.font.name = "Courier New"
    run.font.size = Pt(9.5)


def _number(paragraph: WordParagraph, number: int) -> None:
    properties = paragraph._p.get_or_add_pPr().get_or_add_numPr()  # noqa: SLF001
    properties.get_or_add_numId().val = number
    properties.get_or_add_ilvl().val = 0


def _link(paragraph: WordParagraph, run: WordRun, address: str) -> None:
    element = OxmlElement("w:hyperlink")
    if address.startswith("#"):
        element.set(qn("w:anchor"), address[1:])
    else:
        identifier = paragraph.part.relate_to(address, _LINK_TYPE, is_external=True)
        element.set(qn("r:id"), identifier)
    run.font.underline = True
    paragraph._p.append(element)  # noqa: SLF001 -- no public name for it
    element.append(run._r)  # noqa: SLF001


def _underline(paragraph: WordParagraph) -> None:
    borders = OxmlElement("w:pBdr")
    bottom = OxmlElement("w:bottom")
    for name, value in (("val", "single"), ("sz", "6"), ("space", "1"), ("color", "auto")):
        bottom.set(qn(f"w:{name}"), value)
    borders.append(bottom)
    paragraph._p.get_or_add_pPr().append(borders)  # noqa: SLF001 -- no public name for it

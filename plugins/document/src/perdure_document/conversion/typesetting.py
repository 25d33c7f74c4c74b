"""Writing content as PDF, typeset by Typst."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pikepdf
import typst

from perdure.agents import InputError
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
    picture_ending,
)

_PAGE: Final = """
#set page(paper: "a4", margin: (x: 2.4cm, y: 2.5cm), numbering: "1")
#set text(size: 11pt, hyphenate: false)
#set par(justify: false, leading: 0.7em)
#set table(stroke: 0.5pt + luma(160), inset: 6pt)
#set list(indent: 0.8em)
#set enum(indent: 0.8em)
#show heading: set block(above: 1.4em, below: 0.8em)
#show link: set text(fill: rgb("#1a4f9c"))
#show raw.where(block: true): it => block(fill: luma(245), inset: 8pt, width: 100%, it)
"""


_QUOTE: Final = "inset: (left: 10pt, y: 4pt), stroke: (left: 2pt + luma(180))"


def write_pdf(content: Content, target: Path) -> None:
    """Write content as a PDF; characters that no font here has are counted in ``left_out``.

    Everything that the document says reaches Typst as strings: nothing in it is a command.

    Raises:
        InputError: It cannot be typeset.
    """
    with tempfile.TemporaryDirectory() as folder:
        writer = _Writer(Path(folder))
        source = Path(folder) / "document.typ"
        title = f"title: {_string(content.title)}, " if content.title else ""
        body = "\n\n".join(writer.blocks(content.blocks))
        source.write_text(f"#set document({title}date: none)\n{_PAGE}\n{body}\n", encoding="utf-8")
        try:
            typst.compile(str(source), output=str(target), root=folder, format="pdf", timestamp=0)
        except RuntimeError as error:
            raise InputError(
                f"the document cannot be typeset ({' '.join(str(error).split())[:200]}): simplify"
                " its tables and lists, or convert it to docx"
            ) from error
    if missing := _characters_without_shape(target):
        content.left_out["character that no font here has"] += missing


def _characters_without_shape(file: Path) -> int:
    """Count the characters that are shown as an empty box: those with the first shape of a font."""
    missing = 0
    with pikepdf.open(file) as pdf:
        for page in pdf.pages:
            for instruction in pikepdf.parse_content_stream(page, "Tj TJ"):
                for operand in instruction.operands:
                    strings = operand if isinstance(operand, pikepdf.Array) else [operand]
                    for one in strings:
                        if isinstance(one, pikepdf.String):
                            codes = bytes(one)
                            pairs = zip(codes[::2], codes[1::2], strict=False)
                            missing += sum(pair == (0, 0) for pair in pairs)
    return missing


class _Writer:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pictures = 0

    def blocks(self, blocks: tuple[Block, ...]) -> Iterator[str]:
        for block in blocks:
            yield self._block(block)

    def _block(self, block: Block) -> str:
        written = "#line(length: 100%, stroke: 0.5pt + luma(160))"
        match block:
            case Heading(level, spans):
                written = f"#heading(level: {level}, outlined: true)[{self._spans(spans)}]"
            case Paragraph(spans):
                written = f"#par[{self._spans(spans)}]"
            case Listing(items, start):
                inner = ", ".join(f"[{self._inner(item)}]" for item in items)
                kind = "list(" if start is None else f"enum(start: {start}, "
                written = f"#{kind}{inner})"
            case Quote(blocks):
                written = f"#block({_QUOTE})[{self._inner(blocks)}]"
            case Code(text, language):
                lang = f"lang: {_string(language)}, " if language else ""
                written = f"#raw(block: true, {lang}{_string(text)})"
            case Table():
                written = self._table(block)
        return written

    def _inner(self, blocks: tuple[Block, ...]) -> str:
        if len(blocks) == 1 and isinstance(blocks[0], Paragraph):
            return self._spans(blocks[0].spans)
        return "\n".join(self.blocks(blocks))

    def _table(self, table: Table) -> str:
        rows = [", ".join(f"[{self._spans(cell)}]" for cell in row) for row in table.rows]
        header = ", ".join(f"[#strong[{self._spans(cell)}]]" for cell in table.rows[0])
        count = max(len(table.rows[0]), 1)
        align = ", ".join(table.alignments)
        cells = "".join(f",\n  {row}" for row in rows[1:] if row)
        return (
            f"#table(columns: (auto,) * {count}, align: ({align},),\n"
            f"  table.header({header}){cells}\n)"
        )

    def _spans(self, spans: Spans) -> str:
        return "".join(map(self._span, spans))

    def _span(self, span: Span) -> str:
        if span.is_break:
            return "#linebreak();"
        if span.picture:
            written = self._picture(span)
        elif span.code:
            written = f"#raw({_string(span.text)});"
        else:
            written = f"#{_string(span.text)};"
        for applies, function in (
            (span.bold, "strong"),
            (span.italic, "emph"),
            (span.struck, "strike"),
        ):
            if applies:
                written = f"#{function}[{written}];"
        return f"#link({_string(span.link)})[{written}];" if span.link else written

    def _picture(self, span: Span) -> str:
        self._pictures += 1
        name = f"picture{self._pictures}.{picture_ending(span.picture)}"
        (self._folder / name).write_bytes(span.picture)
        return f"#image({_string(name)}, alt: {_string(span.text)});"


def _string(text: str) -> str:
    """Write a Typst string; JSON writes the few signs that need it in the same way."""
    clean = "".join(one for one in text if one >= " " or one in "\n\t")
    return json.dumps(clean, ensure_ascii=False)

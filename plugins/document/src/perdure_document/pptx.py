"""Reading PPTX with python-pptx."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pptx import Presentation
from pptx.shapes.base import BaseShape
from pptx.shapes.graphfrm import GraphicFrame
from pptx.shapes.group import GroupShape
from pptx.slide import Slide
from pptx.text.text import TextFrame

from perdure_document.facts import Block, Document, Source
from perdure_document.formatting import even, flat
from perdure_document.office_archive import reading
from perdure_document.office_properties import properties


def read_pptx(source: Source, file: Path) -> Document:
    """Read a presentation: titles, text from top to bottom, tables, speaker's notes.

    Raises:
        InputError: It cannot be read.
    """
    with reading(file, "pptx"):
        presentation = Presentation(str(file))
        slides = list(presentation.slides)
        blocks = tuple(
            block for number, slide in enumerate(slides, 1) for block in _slide(slide, number)
        )
        metadata = properties(presentation.core_properties)
        named = metadata.pop("title", "")
        first = next((block.text for block in blocks if block.type == "heading"), "")
        title = (named if named != "PowerPoint Presentation" else "") or first or source.stem
        return Document(
            title=title,
            kind="pptx",
            metadata=metadata,
            blocks=blocks,
            parts="slide",
            names=("",) * len(slides),
        )


def _slide(slide: Slide, number: int) -> Iterator[Block]:
    title = slide.shapes.title
    if title is not None and (text := flat(title.text_frame.text)):
        yield Block(type="heading", text=text, level=2, part=number)
    for shape in _ordered(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        yield from _shape(shape, number)
    if slide.has_notes_slide:
        frame = slide.notes_slide.notes_text_frame
        for paragraph in frame.paragraphs if frame is not None else ():
            if text := flat(paragraph.text):
                yield Block(type="note", text=text, part=number)


def _ordered(shapes: Iterable[BaseShape]) -> list[BaseShape]:
    return sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0))


def _shape(shape: BaseShape, number: int) -> Iterator[Block]:
    if isinstance(shape, GroupShape):
        for inner in _ordered(shape.shapes):
            yield from _shape(inner, number)
    elif isinstance(shape, GraphicFrame):
        if shape.has_table:
            rows = even([cell.text for cell in row.cells] for row in shape.table.rows)
            if rows:
                yield Block(type="table", rows=rows, total_rows=len(rows), part=number)
    elif shape.has_text_frame:
        frame: TextFrame = getattr(shape, "text_frame")  # noqa: B009
        texts = [(flat(one.text), one.level) for one in frame.paragraphs if one.text.strip()]
        for text, level in texts:
            if len(texts) == 1:
                yield Block(type="paragraph", text=text, part=number)
            else:
                yield Block(type="item", text=text, level=min(level, 5), part=number)

"""Reading PPTX: slides from top to bottom, with notes and comments."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from perdure_document.facts import Block, Document, Source
from perdure_document.reading.office_archive import reading
from perdure_document.reading.ooxml.package import Package, attribute, tag
from perdure_document.reading.slides.remarks import Comments, notes
from perdure_document.reading.slides.shapes import Slide


def read_pptx(source: Source, file: Path) -> Document:
    """Read a presentation; slides that are left out of the show are counted and not read.

    Raises:
        InputError: It cannot be read.
    """
    left_out: Counter[str] = Counter()
    with reading(file, "pptx"), Package(file) as package:
        slides = _slides(package)
        blocks = tuple(_blocks(package, slides, left_out))
        metadata = package.properties()
        named = metadata.pop("title", "")
        first = next((block.text for block in blocks if block.type == "heading"), "")
        return Document(
            title=(named if named != "PowerPoint Presentation" else "") or first or source.stem,
            kind="pptx",
            metadata=metadata,
            blocks=blocks,
            parts="slide",
            names=("",) * len(slides),
            left_out={kind: count for kind, count in left_out.items() if count},
        )


def _slides(package: Package) -> list[str]:
    relationships = package.relationships(package.main)
    found = [
        relationships.get(attribute(element, "r:id") or "")
        for element in package.xml(package.main).iter(tag("p:sldId"))
    ]
    return [one.target for one in found if one is not None and package.has(one.target)]


def _blocks(package: Package, slides: list[str], left_out: Counter[str]) -> Iterator[Block]:
    comments = Comments(package)
    for number, part in enumerate(slides, 1):
        slide = Slide(package, part, number, left_out)
        if slide.hidden:
            left_out["hidden slide"] += 1
            continue
        yield from slide.blocks()
        yield from notes(package, part, number)
        yield from comments.of(part, number)

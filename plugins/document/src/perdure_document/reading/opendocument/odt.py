"""Reading ODT: the text, then notes, comments, and what stands at the head and foot of pages."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lxml import etree

from perdure_document.facts import Block, Document, Source
from perdure_document.formatting import flat
from perdure_document.reading.office_archive import reading
from perdure_document.reading.opendocument.flow import Flow
from perdure_document.reading.opendocument.package import Package, attribute, tag

_MARGINS: Final = {
    "header": ("style:header", "style:header-left", "style:header-first"),
    "footer": ("style:footer", "style:footer-left", "style:footer-first"),
}


def read_odt(source: Source, file: Path) -> Document:
    """Read an OpenDocument text. Tracked changes are read as accepted.

    Raises:
        InputError: It cannot be read.
    """
    left_out: Counter[str] = Counter()
    with reading(file, "odt"), Package(file) as package:
        flow = Flow(package, left_out)
        body = next(package.content.iter(tag("office:text")), None)
        blocks = [] if body is None else list(flow.blocks(body))
        blocks += remarks(flow)
        blocks += _margins(package, left_out)
        metadata = package.properties()
        first = next((block.text for block in blocks if block.type == "heading"), "")
        return Document(
            title=metadata.pop("title", "") or first or source.stem,
            kind="odt",
            metadata=metadata,
            blocks=tuple(blocks),
            left_out={kind: count for kind, count in left_out.items() if count},
        )


def remarks(flow: Flow, part: int = 0) -> Iterator[Block]:
    """Yield the notes and comments that a flow met, and forget them."""
    notes, flow.notes = flow.notes, []
    for note in notes:
        citation = note.find(tag("text:note-citation"))
        mark = "" if citation is None else flat("".join(map(str, citation.itertext())))
        if text := flow.remark(note):
            yield Block(type="footnote", text=text, number=mark or "*", part=part)
    comments, flow.comments = flow.comments, []
    for comment in comments:
        author = flat(comment.findtext(tag("dc:creator")) or "")
        if text := flow.remark(comment):
            yield Block(type="comment", text=text, author=author, part=part)


def _margins(package: Package, left_out: Counter[str]) -> Iterator[Block]:
    """Yield what stands at the head and foot of the pages that are used: each text once."""
    masters = {
        attribute(page, "style:name"): page
        for page in package.styles.iter(tag("style:master-page"))
    }
    used = {"Standard", *_named(package.content), *_named(package.styles)}
    used |= {
        attribute(page, "style:next-style-name") for name, page in masters.items() if name in used
    }
    flow = Flow(package, left_out)
    seen: set[tuple[str, str]] = set()
    for name, page in masters.items():
        if name not in used:
            continue
        for kind, elements in _MARGINS.items():
            for element in (page.find(tag(one)) for one in elements):
                if element is None or attribute(element, "style:display") == "false":
                    continue
                found = list(flow.blocks(element))
                rows = [" ".join(row) for block in found for row in block.rows]
                text = flat(" ".join([*(block.numbered_text for block in found), *rows]))
                if text and (kind, text) not in seen:
                    seen.add((kind, text))
                    yield Block.model_validate({"type": kind, "text": text})


def _named(root: etree._Element) -> Iterator[str]:
    for style in root.iter(tag("style:style")):
        yield attribute(style, "style:master-page-name")

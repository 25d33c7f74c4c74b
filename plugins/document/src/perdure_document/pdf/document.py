"""Making a document of a PDF's pages."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from perdure.agents import InputError
from perdure_document.facts import Block, Box, Document, Source
from perdure_document.formatting import counted
from perdure_document.pdf import content
from perdure_document.pdf.blocks import blocks_of, elements_of
from perdure_document.pdf.content import Opening, Page, Picture
from perdure_document.pdf.headings import Headings, body_size
from perdure_document.pdf.paragraphs import PlacedLine, spacing_of
from perdure_document.pdf.remarks import notes_of, page_list
from perdure_document.pdf.running_lines import running_lines
from perdure_document.shortening import shortened

_DATE: Final = re.compile(
    r"^(?:D:)?(\d{4})(\d\d)?(\d\d)?(?:(\d\d)(\d\d)(\d\d)?)?(?:(Z)|([+-]\d\d)'?(\d\d)?)?"
)
_FIELDS: Final = {
    "Author": "author",
    "Subject": "subject",
    "Keywords": "keywords",
    "CreationDate": "created",
    "ModDate": "modified",
    "Producer": "producer",
}
_WHOLE_PAGE: Final = 0.7


def arrange_pages(
    source: Source, opening: Opening, pages: Sequence[Page], *, recognition: bool
) -> Document:
    """Make a document of a PDF's pages.

    Args:
        source: The file.
        opening: What is known of the PDF beside its pages.
        pages: Its pages.
        recognition: Whether text in pictures can be recognised here.

    Raises:
        InputError: There is no text on any page.
    """
    if not any(page.lines or page.tables for page in pages):
        raise InputError(_no_text(source, opening, pages, recognition))
    size = body_size(
        [line for page in pages for line in page.lines],
        [table for page in pages for _, table in page.tables],
    )
    running = running_lines(pages, size)
    pictures, repeated = _pictures(pages)
    elements = elements_of(pages, running.dropped, pictures)
    lines = [one for one in elements if isinstance(one, PlacedLine)]
    headings, spacing = Headings(lines, size, opening.bookmarks), spacing_of(lines)
    blocks = list(blocks_of(elements, headings, spacing))
    blocks += [
        Block(type="header" if one.head else "footer", text=one.text, part=one.page)
        for one in running.shown
    ]
    blocks.sort(key=_part)
    turned = {page.number: page for page in pages if page.turns != 0}
    blocks = [
        _shown(block, turned[block.part]) if block.part in turned else block for block in blocks
    ]
    left_out = Counter({"repeated picture": repeated})
    left_out["page number"] = running.numbers
    left_out["repeated head or foot line"] = (
        len(running.dropped) - running.numbers - len(running.shown)
    )
    left_out["invisible word"] = sum(page.unseen for page in pages)
    left_out["attached file"] = len(opening.attachments)
    return shortened(
        Document(
            title=_title(opening, blocks) or source.stem,
            kind="pdf",
            metadata=_metadata(opening),
            blocks=tuple(blocks),
            parts="page",
            names=("",) * opening.pages,
            notes=tuple(notes_of(opening, pages, recognition=recognition)),
            left_out={name: count for name, count in left_out.items() if count > 0},
        )
    )


def _shown(block: Block, page: Page) -> Block:
    """Return a block with its place on the page as it is shown."""
    box = None
    if block.box is not None and page.turns is not None:
        place = content.Box(block.box.left, block.box.top, block.box.right, block.box.bottom)
        width, height = page.width, page.height
        for _ in range(4 - page.turns):
            place = place.turned(width)
            width, height = height, width
        box = Box(**place._asdict())
    return block.model_copy(update={"box": box})


def _part(block: Block) -> int:
    return block.part


def _no_text(source: Source, opening: Opening, pages: Sequence[Page], recognition: bool) -> str:
    has = f"{source.path} has {counted(opening.pages, 'page')} but no text"
    if failed := [page for page in pages if page.failure]:
        where = page_list([page.number for page in failed])
        return f"{has} that can be read, {where}: {failed[0].failure}; get the file again"
    if opening.dynamic:
        return f"{has}, but a form that only Adobe's Reader shows (XFA): print it to a PDF first"
    if any(page.unread for page in pages) and not recognition:
        return (
            f"{has}, only pictures such as a scan: install the worker's text recognition with"
            " pip install 'perdure-document[ocr]'"
        )
    if any(page.confidence is not None for page in pages):
        return f"{has}, and none was recognised in its pictures: give a clearer scan"
    return f"{has}: give a document with text in it"


def _title(opening: Opening, blocks: Sequence[Block]) -> str:
    given = opening.metadata.get("Title", "").strip()
    if given and not re.fullmatch(
        r"(?i)\(?(?:untitled|anonymous|unspecified)\)?\d*|.*\.(?:docx?|pdf|odt|indd|tex|dvi|qxd|pptx?)",
        given,
    ):
        return given
    headings = [block for block in blocks if block.type == "heading"]
    top = min((block.level for block in headings), default=0)
    return next((block.text for block in headings if block.level == top), "")


def _metadata(opening: Opening) -> dict[str, str]:
    given = opening.metadata
    return {
        name: _date(given[field]) if "Date" in field else given[field].strip()
        for field, name in _FIELDS.items()
        if given.get(field, "").strip()
    }


def _pictures(pages: Sequence[Page]) -> tuple[dict[int, list[Picture]], int]:
    """Return the pictures to keep by page, and how many are repetitions, such as of a logo.

    The picture of a page whose text was read from it is the page itself.
    """
    seen: Counter[tuple[object, ...]] = Counter()
    for page in pages:
        seen.update({_look(one) for one in page.pictures})
    kept: dict[int, list[Picture]] = defaultdict(list)
    begun: set[tuple[object, ...]] = set()
    repeated = 0
    for page in pages:
        read = page.layer or bool(page.confidence)
        for one in page.pictures:
            if read and one.box.width * one.box.height > _WHOLE_PAGE * page.width * page.height:
                continue
            look = _look(one)
            if look in begun and seen[look] >= 3 and seen[look] > len(pages) / 3:
                repeated += 1
                continue
            begun.add(look)
            kept[page.number].append(one)
    return kept, repeated


def _look(picture: Picture) -> tuple[object, ...]:
    return picture.width, picture.height, tuple(round(edge) for edge in picture.box)


def _date(text: str) -> str:
    """Return a PDF's date, such as ``D:20240506120000+02'00'``, as ISO 8601."""
    found = _DATE.match(text)
    if found is None:
        return text
    year, month, day, hour, minute, second, utc, offset, offset_minutes = found.groups()
    date = "-".join(part for part in (year, month, day) if part)
    if hour is None:
        return date
    zone = "+00:00" if utc else f"{offset}:{offset_minutes or '00'}" if offset else ""
    return f"{date}T{hour}:{minute}:{second or '00'}{zone}"

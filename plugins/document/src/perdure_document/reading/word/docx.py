"""Reading DOCX: the text as it is shown, with tables, notes, comments, headers and drawings."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from perdure_document.facts import Block, Document, Source
from perdure_document.formatting import flat
from perdure_document.reading.office_archive import reading
from perdure_document.reading.ooxml.package import Package, attribute, switched_on, tag
from perdure_document.reading.word.body import Story
from perdure_document.reading.word.drawings import Drawings
from perdure_document.reading.word.notes import Notes
from perdure_document.reading.word.numbering import Numbering
from perdure_document.reading.word.styles import Styles
from perdure_document.reading.word.text import TextReader


def read_docx(source: Source, file: Path) -> Document:
    """Read a Word document.

    Tracked changes are read as accepted; hidden text and what fields compute from is not shown.

    Raises:
        InputError: It cannot be read.
    """
    with reading(file, "docx"), Package(file) as package:
        reader = _Reader(package)
        blocks = tuple(reader.blocks())
        metadata = package.properties()
        named = metadata.pop("title", "")
        first = next((block.text for block in blocks if block.type == "heading"), "")
        return Document(
            title=reader.title or named or first or source.stem,
            kind="docx",
            metadata=metadata,
            blocks=blocks,
            left_out={kind: count for kind, count in reader.left_out.items() if count},
        )


class _Reader:
    def __init__(self, package: Package) -> None:
        self._package = package
        self.left_out: Counter[str] = Counter()
        root = package.xml(package.main)
        self._body = root.find(tag("w:body"))
        self._styles = Styles(self._root("styles"))
        settings = self._root("settings")
        self._even_pages = settings is not None and switched_on(
            settings.find(tag("w:evenAndOddHeaders"))
        )
        self._sections = list(root.iter(tag("w:sectPr")))
        self._notes = Notes([one for one in (settings, *self._sections) if one is not None])
        self._comments: list[str] = []
        self._numbering = self._root("numbering")
        self.title = self._titled()

    def blocks(self) -> Iterator[Block]:
        """Yield the text, then footnotes, comments, headers and footers."""
        if self._body is None:
            return
        story = self._story(self._package.main)
        yield from story.blocks(self._body)
        self._comments += story.comments
        yield from self._note_blocks()
        yield from self._comment_blocks()
        yield from self._margin_blocks()

    def _titled(self) -> str:
        """Return the text that has the style of the document's title; empty without one."""
        for paragraph in () if self._body is None else self._body.iter(tag("w:p")):
            name = attribute(paragraph.find(f"{tag('w:pPr')}/{tag('w:pStyle')}"))
            if name and self._styles.get(name).title:
                text = flat("".join(node.text or "" for node in paragraph.iter(tag("w:t"))))
                if text:
                    return text
        return ""

    def _root(self, kind: str) -> etree._Element | None:
        found = self._package.related(self._package.main, kind)
        return self._package.xml(found[0]) if found else None

    def _story(self, part: str) -> Story:
        return Story(
            self._styles,
            Numbering(self._numbering, self._styles),
            TextReader(self._styles, self._notes, self.left_out),
            Drawings(self._package, part, self.left_out),
            self.left_out,
        )

    def _note_blocks(self) -> Iterator[Block]:
        for kind in ("footnote", "endnote"):
            for part in self._package.related(self._package.main, f"{kind}s"):
                notes = {
                    attribute(one, "w:id"): one
                    for one in self._package.xml(part).iter(tag(f"w:{kind}"))
                }
                story = self._story(part)
                for note in [one for one in self._notes.found if one.kind == kind]:
                    if note.identifier in notes:
                        yield from _gathered(
                            story.blocks(notes[note.identifier]), "footnote", number=note.mark
                        )

    def _comment_blocks(self) -> Iterator[Block]:
        for part in self._package.related(self._package.main, "comments"):
            story = self._story(part)
            order = {name: place for place, name in enumerate(self._comments)}
            comments = sorted(
                self._package.xml(part).iter(tag("w:comment")),
                key=lambda one: order.get(attribute(one, "w:id") or "", len(order)),
            )
            for comment in comments:
                author = flat(attribute(comment, "w:author") or "")
                yield from _gathered(story.blocks(comment), "comment", author=author)

    def _margin_blocks(self) -> Iterator[Block]:
        """Yield what stands at the head and foot of pages: each text once."""
        relationships = self._package.relationships(self._package.main)
        seen: set[tuple[str, str]] = set()
        for kind in ("header", "footer"):
            for section in self._sections:
                for reference in section.findall(tag(f"w:{kind}Reference")):
                    found = relationships.get(attribute(reference, "r:id") or "")
                    used = self._used(section, attribute(reference, "w:type") or "default")
                    if found is None or not used or not self._package.has(found.target):
                        continue
                    root = self._package.xml(found.target)
                    for block in _gathered(self._story(found.target).blocks(root), kind):
                        if (kind, block.text) not in seen:
                            seen.add((kind, block.text))
                            yield block

    def _used(self, section: etree._Element, pages: str) -> bool:
        if pages == "first":
            return switched_on(section.find(tag("w:titlePg")))
        return pages != "even" or self._even_pages


def _gathered(
    blocks: Iterator[Block], kind: str, number: str = "", author: str = ""
) -> Iterator[Block]:
    """Make one block of the text in a note, a comment, a header; what is drawn stays by itself."""
    texts: list[str] = []
    others: list[Block] = []
    for block in blocks:
        if block.type in {"picture", "chart"}:
            others.append(block)
        elif block.rows:
            texts += [" ".join(filter(None, row)) for row in block.rows]
        else:
            texts.append(block.numbered_text)
    if text := flat(" ".join(texts)):
        yield Block.model_validate({"type": kind, "text": text, "number": number, "author": author})
    yield from others

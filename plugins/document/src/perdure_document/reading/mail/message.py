"""What an e-mail says, whatever file it came from."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from perdure_document.facts import Attachment, Block, Document, Kind, Source
from perdure_document.formatting import flat
from perdure_document.reading.text.plaintext import blocks_of
from perdure_document.reading.web.flow import Flow
from perdure_document.reading.web.html import parse
from perdure_document.reading.web.visibility import Visibility


class Text(NamedTuple):
    """A text in an e-mail, plain or HTML."""

    text: str
    html: bool = False

    def blocks(self, left_out: Counter[str]) -> Iterator[Block]:
        """Yield its blocks.

        Args:
            left_out: Counts what is not shown.
        """
        if not self.html:
            yield from blocks_of(self.text.replace("\r\n", "\n").replace("\r", "\n"))
            return
        root, cut = parse(self.text)
        left_out["text nested too deeply"] += cut
        if root is not None:
            visibility = Visibility(root)
            flow = Flow(visibility)
            yield from flow.read(root)
            yield from flow.running
            left_out.update(visibility.left_out)


@dataclass
class Message:
    """An e-mail.

    Attributes:
        headers: What is shown above it, such as ``From`` and ``Date``, in their order.
        subject: Its subject.
        author: Who wrote it.
        created: When, as ISO 8601.
        parts: What it holds, in order: texts, files, and messages that it passes on.
        left_out: What of it cannot be read, such as text in a format of its own.
    """

    headers: list[tuple[str, str]] = field(default_factory=list)
    subject: str = ""
    author: str = ""
    created: str = ""
    parts: list["Text | Attachment | Message"] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def document(self, source: Source, kind: Kind) -> Document:
        """Return the e-mail as a document; its attached files are named, not read."""
        left_out = self.left_out.copy()
        attachments: list[Attachment] = []
        metadata = {"author": self.author, "created": self.created}
        blocks = tuple(self.blocks(1, attachments, left_out))
        left_out["attachment"] = len(attachments)
        return Document(
            title=self.subject or source.stem,
            kind=kind,
            metadata={name: text for name, text in metadata.items() if text},
            blocks=blocks,
            attachments=tuple(attachments),
            left_out={name: count for name, count in left_out.items() if count},
        )

    def blocks(
        self, level: int, attachments: list[Attachment], left_out: Counter[str]
    ) -> Iterator[Block]:
        """Yield its head, its texts, the messages that it passes on, and its files' names.

        Args:
            level: The level of its subject as a heading.
            attachments: Takes the files that it and those messages carry.
            left_out: Counts what is not shown.
        """
        if self.subject:
            yield Block(type="heading", text=self.subject, level=level)
        for name, text in self.headers:
            if flat(text):
                yield Block(type="paragraph", text=f"{name}: {flat(text)}")
        for part in self.parts:
            if isinstance(part, Message):
                yield from part.blocks(min(level + 1, 6), attachments, left_out)
            elif isinstance(part, Text):
                yield from part.blocks(left_out)
        for part in self.parts:
            if isinstance(part, Attachment):
                attachments.append(part)
                yield Block(type="item", text=part.name)

"""What a reader makes of bytes: an archived text and its blocks."""

import re
from typing import Final

from perdure_research.sources.source import Block, Fact, Form, SourceText

_UNSPACED: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff]"
)
_WORD: Final = re.compile(r"\S*\w\S*")


class Reading(Fact):
    """What was read of one file or page.

    Attributes:
        format: What it was read as, such as ``html``.
        title: What it calls itself; empty when it does not say.
        date: Of its publication or last change, as in a source; empty when it does not say.
        site: Of a page, whose it is; empty when its title does not say.
        canonical: The address that it gives as its own; empty when it gives none.
        content: Its archived text.
        unread_pages: Pages, from 1, without text.
        notes: What else was not read, in one sentence each.
        cut: Whether it was too long and only its beginning was read.
    """

    format: str
    title: str = ""
    date: str = ""
    site: str = ""
    canonical: str = ""
    content: SourceText
    unread_pages: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    cut: bool = False


class TextBuilder:
    """Puts an archived text together of blocks, for formats that have no text of their own.

    Rows of a table and items of a list stand on lines of their own, everything else is set apart by
    an empty line.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0

    @property
    def length(self) -> int:
        """How many characters there are by now."""
        return self._length

    def add(
        self,
        text: str,
        form: Form = "paragraph",
        *,
        heading: tuple[str, ...] = (),
        page: int | None = None,
        columns: tuple[str, ...] = (),
    ) -> None:
        """Add a block, if there is any text in it."""
        text = text.strip("\n")
        if not text.strip():
            return
        if self._blocks:
            dense = form in {"row", "item"} and self._blocks[-1].form == form
            self._append("\n" if dense else "\n\n")
        start = self._length
        self._append(text)
        self._blocks.append(
            Block(
                start=start,
                end=self._length,
                form=form,
                heading=heading,
                page=page,
                columns=columns,
            )
        )

    def build(self) -> SourceText:
        """Return what was added."""
        return SourceText(text="".join(self._pieces), blocks=tuple(self._blocks))

    def _append(self, piece: str) -> None:
        self._pieces.append(piece)
        self._length += len(piece)


def count_words(text: str) -> int:
    """Return how many words a text has; of scripts without spaces, how many characters."""
    unspaced = len(_UNSPACED.findall(text))
    return unspaced + len(_WORD.findall(_UNSPACED.sub(" ", text) if unspaced else text))

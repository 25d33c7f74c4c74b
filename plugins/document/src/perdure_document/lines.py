"""The lines of a PDF's pages, as steps return them."""

from perdure_document.facts import Fact


class Piece(Fact):
    """Text in a line that a wide gap sets apart; most lines have one.

    Attributes:
        text: Its text; a hyphen at a line's end that only divides a word is U+00AD.
        left: Where it begins, in points.
        right: Where it ends.
    """

    text: str
    left: float
    right: float


class Line(Fact):
    """A line of a page.

    Attributes:
        page: Page number from 1.
        base: The height of its lower edge above the page's, in points.
        size: The height of its characters in points.
        bold: Whether it begins in bold.
        pieces: Its text, from left to right.
    """

    page: int
    base: float
    size: float
    bold: bool
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The whole line."""
        return " ".join(piece.text for piece in self.pieces)

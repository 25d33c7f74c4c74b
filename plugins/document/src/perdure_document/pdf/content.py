"""What the process that reads PDFs finds: plain data, so that neither side imports much.

Distances are in points, from the upper left corner of the page as it is shown.
"""

from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle on a page as it is shown; ``top`` is less than ``bottom``."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From top to bottom."""
        return self.bottom - self.top

    @property
    def middle(self) -> tuple[float, float]:
        """The point in its middle."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def holds(self, x: float, y: float) -> bool:
        """Say whether a point lies in it."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def around(self, other: "Box") -> "Box":
        """Return the smallest box that holds both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def turned(self, width: float) -> "Box":
        """Return where it lies once the page, so wide, is turned a quarter counter-clockwise."""
        return Box(self.top, width - self.right, self.bottom, width - self.left)

    def overlap(self, other: "Box") -> float:
        """Return the area that both share."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return width * height if width > 0 and height > 0 else 0.0


class Line(NamedTuple):
    """A line of text.

    Attributes:
        text: Its text in the order in which it is read; a hyphen at its end that only divides a
            word is U+00AD.
        box: Where it stands.
        base: Where its letters stand, from the page's upper edge.
        size: The size of most of its characters.
        bold: Whether all of it is bold.
        fixed: Whether all of it is set in a font whose characters are equally wide.
        column: Lines that follow each other in one column have the same number.
        confidence: How certain its recognition was, 0 to 1; 1 for text that the PDF holds.
    """

    text: str
    box: Box
    base: float
    size: float
    bold: bool = False
    fixed: bool = False
    column: int = 0
    confidence: float = 1.0


class Cell(NamedTuple):
    """A cell of a table: its place, counted from 0, how far it reaches, and its text."""

    row: int
    column: int
    rows: int
    columns: int
    text: str


class Table(NamedTuple):
    """A table.

    Attributes:
        cells: Those that hold text or span others, row by row.
        rows: How many rows it has.
        columns: How many columns it has.
        box: Where it stands.
        extents: Where each of its columns begins and ends.
        ruled: Whether lines part its columns.
        size: The size of most of its characters.
    """

    cells: tuple[Cell, ...]
    rows: int
    columns: int
    box: Box
    extents: tuple[tuple[float, float], ...] = ()
    ruled: bool = False
    size: float = 0


class Comment(NamedTuple):
    """What somebody has written on a page without changing its text.

    Attributes:
        kind: PDF's name for it, such as ``Highlight``.
        text: What was written.
        author: By whom, when that is known.
        quote: The text that it marks.
        top: Where it stands, from the page's upper edge.
    """

    kind: str
    text: str
    author: str
    quote: str
    top: float


class Field(NamedTuple):
    """A field of a form: its name, its value, and whether the page shows it."""

    name: str
    value: str
    shown: bool


class Picture(NamedTuple):
    """A picture on a page.

    Attributes:
        number: Its place among what is drawn on the page, from 0.
        box: Where it stands.
        width: Its width in pixels.
        height: Its height in pixels.
        jpeg: Whether the file holds it as a JPEG.
    """

    number: int
    box: Box
    width: int
    height: int
    jpeg: bool = False


class Page(NamedTuple):
    """A page.

    Attributes:
        number: From 1.
        width: Its width as it is shown.
        height: Its height as it is shown.
        lines: Its lines in reading order.
        tables: Its tables, each with the number of lines that stand before it.
        comments: What was written on it.
        fields: The fields of its form.
        pictures: Its pictures.
        unseen: How many words stand outside of the page or are invisible.
        unread: Whether there is a picture on it that may hold text, and no text.
        layer: Whether its text is the invisible layer of a scan.
        confidence: How certain the recognition of its text was, 0 to 1; ``None`` without any.
        failure: Why it could not be read; empty when it was.
        turns: How many quarters the page was turned counter-clockwise to have its text upright: all
            places are those of the page so turned. ``None`` when they are not all of one.
    """

    number: int
    width: float = 0
    height: float = 0
    lines: tuple[Line, ...] = ()
    tables: tuple[tuple[int, Table], ...] = ()
    comments: tuple[Comment, ...] = ()
    fields: tuple[Field, ...] = ()
    pictures: tuple[Picture, ...] = ()
    unseen: int = 0
    unread: bool = False
    layer: bool = False
    confidence: float | None = None
    failure: str = ""
    turns: int | None = 0


class Bookmark(NamedTuple):
    """An entry of a PDF's own outline: its text, its depth from 1, and its page, 0 if unknown."""

    text: str
    level: int
    page: int


class Opening(NamedTuple):
    """What is known of a PDF once it is open.

    Attributes:
        pages: How many there are.
        metadata: What it says of itself, under PDF's names, such as ``CreationDate``.
        bookmarks: Its outline.
        attachments: The names of the files within it.
        dynamic: Whether its pages are made by a program within it (XFA) that is not executed here.
    """

    pages: int
    metadata: dict[str, str]
    bookmarks: tuple[Bookmark, ...] = ()
    attachments: tuple[str, ...] = ()
    dynamic: bool = False

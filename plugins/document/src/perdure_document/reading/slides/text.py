"""The text in a shape: its paragraphs, what is an item of a list, and the items' numbers."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from lxml import etree

from perdure_document.formatting import escaped, flat
from perdure_document.reading.numerals import written
from perdure_document.reading.ooxml.equations import latex_of
from perdure_document.reading.ooxml.package import shown, tag
from perdure_document.reading.ooxml.symbols import in_symbol_font
from perdure_document.reading.slides.inheritance import Inheritance, level_of

_NUMBERS: Final = {
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
    "romanUc": "upperRoman",
    "arabic": "decimal",
    "circleNum": "decimalEnclosedCircle",
    "arabicDb": "decimalFullWidth",
    "ea1Chs": "chineseCounting",
    "ea1Cht": "chineseCounting",
    "ea1JpnKor": "chineseCounting",
    "ea1JpnChsDb": "chineseCounting",
}
_ENDINGS: Final = {"Period": "{}.", "ParenR": "{})", "ParenBoth": "({})", "Minus": "{} -"}


class Line(NamedTuple):
    """A paragraph of a shape.

    Attributes:
        text: Its text on one line.
        markdown: The text as Markdown when it has formulas; else empty.
        formula: Its LaTeX when it is nothing but formulas; else empty.
        marked: Whether it has a bullet or a number.
        number: Its number as it is shown.
        level: Its depth from 0.
    """

    text: str
    markdown: str
    formula: str
    marked: bool
    number: str
    level: int


def lines_of(shape: etree._Element, inheritance: Inheritance) -> Iterator[Line]:
    """Yield the paragraphs of a shape that say something.

    Args:
        shape: A ``p:sp``.
        inheritance: The layout and master below the slide.
    """
    body = shape.find(tag("p:txBody"))
    counts: dict[int, tuple[str, int]] = {}
    for paragraph in () if body is None else body.findall(tag("a:p")):
        pieces = list(_pieces(paragraph))
        text = flat("".join(piece for _, piece in pieces))
        level = level_of(paragraph)
        if not text:
            continue
        for deeper in [one for one in counts if one > level]:
            del counts[deeper]
        bullet = inheritance.bullet(shape, paragraph)
        number = ""
        if bullet is not None and bullet.tag == tag("a:buAutoNum"):
            number = _count(bullet, level, counts)
        else:
            counts.pop(level, None)
        formulas = [piece for formula, piece in pieces if formula]
        only = all(formula or not piece.strip() for formula, piece in pieces)
        yield Line(
            text=text,
            markdown=_markdown(pieces) if formulas else "",
            formula=" \\quad ".join(formulas) if only else "",
            marked=bullet is not None and bullet.tag != tag("a:buNone"),
            number=number,
            level=level,
        )


def text_of(paragraph: etree._Element) -> str:
    """Return the text of a paragraph (``a:p``) on one line."""
    return flat("".join(piece for _, piece in _pieces(paragraph)))


def _pieces(paragraph: etree._Element) -> Iterator[tuple[bool, str]]:
    """Yield the parts of a paragraph, and whether each is a formula."""
    for child in shown(paragraph):
        if child.tag in {tag("a:r"), tag("a:fld")}:
            font = child.find(f"{tag('a:rPr')}/{tag('a:sym')}")
            text = child.findtext(tag("a:t")) or ""
            yield (
                False,
                in_symbol_font("" if font is None else font.get("typeface", ""), text),
            )
        elif child.tag == tag("a:br"):
            yield False, "\n"
        else:
            for equation in child.iter(tag("m:oMath")):
                yield True, latex_of(equation)


def _markdown(pieces: list[tuple[bool, str]]) -> str:
    return flat("".join(f"${piece}$" if formula else escaped(piece) for formula, piece in pieces))


def _count(bullet: etree._Element, level: int, counts: dict[int, tuple[str, int]]) -> str:
    kind, start = bullet.get("type", "arabicPeriod"), bullet.get("startAt", "1")
    before = counts.get(level)
    value = before[1] + 1 if before and before[0] == f"{kind}{start}" else 0
    value = value or (int(start) if start.isdecimal() else 1)
    counts[level] = (f"{kind}{start}", value)
    for name, form in _ENDINGS.items():
        if kind.endswith(name):
            return form.format(written(value, _NUMBERS.get(kind.removesuffix(name), "decimal")))
    name = next((one for one in _NUMBERS if kind.startswith(one)), "arabic")
    return written(value, _NUMBERS[name])

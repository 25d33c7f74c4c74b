"""A page made anew: its picture with black boxes, and the words that stay, unseen, to search."""

import zlib
from collections.abc import Iterable, Iterator, Sequence

import pikepdf
import pypdfium2
from pikepdf import Array, Dictionary, Name, Pdf

from perdure_document.redaction.finder import Found
from perdure_document.redaction.pdf.characters import Characters, Word

_DOTS_PER_INCH = 200
_MOST_PIXELS = 30_000_000
_MARGIN = 2
_BLACK = (0, 0, 0, 255)
_CODES = 255
PICTURE = "/PageAsPicture"


def add_page_image(
    target: Pdf, page: pypdfium2.PdfPage, characters: Characters, found: Sequence[Found]
) -> None:
    """Add a page to a PDF that shows another one without the characters found.

    Nothing of the old page is in it but the picture of what it shows, and its other words.

    Args:
        target: Where it is added.
        page: The old page.
        characters: Its characters.
        found: Those that go.
    """
    width, height = page.get_size()
    scale = min(_DOTS_PER_INCH / 72, (_MOST_PIXELS / max(width * height, 1)) ** 0.5)
    bitmap = page.render(scale=scale, rev_byteorder=True, may_draw_forms=False, draw_annots=False)
    size = (bitmap.width, bitmap.height)
    for box in characters.boxes(found, size):
        left, top = max(box.left - _MARGIN, 0), max(box.top - _MARGIN, 0)
        right, bottom = min(box.right + _MARGIN, size[0]), min(box.bottom + _MARGIN, size[1])
        if right > left and bottom > top:
            bitmap.fill_rect(_BLACK, left, top, right - left, bottom - top)
    picture = target.make_stream(
        zlib.compress(b"".join(_rows(bitmap)), 6),
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=size[0],
        Height=size[1],
        ColorSpace=Name.DeviceGray if bitmap.n_channels == 1 else Name.DeviceRGB,
        BitsPerComponent=8,
        Filter=Name.FlateDecode,
    )
    bitmap.close()
    words = _Words(target, characters.words(found, size), height, height / size[1])
    content = b"q %.3f 0 0 %.3f 0 0 cm %s Do Q\n%s" % (
        width,
        height,
        PICTURE.encode(),
        words.content,
    )
    target.pages.append(
        pikepdf.Page(
            target.make_indirect(
                Dictionary(
                    Type=Name.Page,
                    MediaBox=Array([0, 0, round(width, 3), round(height, 3)]),
                    Contents=target.make_stream(content),
                    Resources=Dictionary(XObject=Dictionary({PICTURE: picture}), Font=words.fonts),
                )
            )
        )
    )


def _rows(bitmap: pypdfium2.PdfBitmap) -> Iterator[bytes]:
    """Yield the rows of a picture as gray or red, green and blue, without padding."""
    buffer = memoryview(bytes(bitmap.buffer))
    for row in range(bitmap.height):
        start = row * bitmap.stride
        line = buffer[start : start + bitmap.width * bitmap.n_channels]
        if bitmap.n_channels == 4:
            kept = bytearray(3 * bitmap.width)
            for channel in range(3):
                kept[channel::3] = line[channel::4]
            yield bytes(kept)
        else:
            yield bytes(line)


class _Words:
    """Words that are not shown, in fonts without shapes.

    Attributes:
        content: What writes them, as page content.
        fonts: The fonts that it names.
    """

    def __init__(
        self,
        target: Pdf,
        words: Iterable[Word],
        height: float,
        points_per_pixel: float,
    ) -> None:
        self._places: dict[str, int] = {}
        lines = [b"BT 3 Tr"]
        for word in words:
            points = tuple(value * points_per_pixel for value in word.box)
            lines += self._shown(word.text, points, height)
        self.content = b"\n".join([*lines, b"ET"])
        self.fonts = Dictionary()
        characters = list(self._places)
        for number in range(0, len(characters), _CODES):
            some = characters[number : number + _CODES]
            self.fonts[f"/F{number // _CODES}"] = _font(target, some)

    def _shown(self, text: str, points: tuple[float, ...], height: float) -> Iterator[bytes]:
        """Yield what writes a word; characters of several fonts come one behind the other."""
        left, top, right, bottom = points
        width = max(right - left, 0.1) / len(text)
        size = max(bottom - top, 0.1)
        runs: list[tuple[int, int, bytes]] = []
        for place, character in enumerate(text):
            font, code = divmod(self._places.setdefault(character, len(self._places)), _CODES)
            if runs and runs[-1][0] == font:
                runs[-1] = (font, runs[-1][1], runs[-1][2] + bytes([code + 1]))
            else:
                runs.append((font, place, bytes([code + 1])))
        # Every shape is half as wide as the font is high.
        stretch = 100 * width / (size / 2)
        for font, place, codes in runs:
            yield b"/F%d %.2f Tf %.1f Tz 1 0 0 1 %.2f %.2f Tm <%s> Tj" % (
                font,
                size,
                stretch,
                left + place * width,
                height - bottom,
                codes.hex().encode(),
            )


def _font(target: Pdf, characters: Sequence[str]) -> Dictionary:
    """Return a font of empty shapes that says which characters its codes are."""
    shape = target.make_stream(b"500 0 d0")
    codes = [
        b"<%02x> <%s>" % (number, character.encode("utf-16-be").hex().encode())
        for number, character in enumerate(characters, 1)
    ]
    blocks = [
        b"%d beginbfchar\n%s\nendbfchar" % (len(some), b"\n".join(some))
        for some in (codes[start : start + 100] for start in range(0, len(codes), 100))
    ]
    unicode_map = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        b"/CMapName /Words def /CMapType 2 def\n"
        b"1 begincodespacerange <00> <ff> endcodespacerange\n"
        + b"\n".join(blocks)
        + b"\nendcmap CMapName currentdict /CMap defineresource pop end end"
    )
    count = len(characters)
    return Dictionary(
        Type=Name.Font,
        Subtype=Name.Type3,
        FontBBox=Array([0, 0, 1000, 1000]),
        FontMatrix=Array([0.001, 0, 0, 0.001, 0, 0]),
        CharProcs=Dictionary(c=shape),
        Encoding=Dictionary(Type=Name.Encoding, Differences=Array([1, *[Name.c] * count])),
        FirstChar=1,
        LastChar=count,
        Widths=Array([500] * count),
        ToUnicode=target.make_stream(unicode_map),
        Resources=Dictionary(),
    )

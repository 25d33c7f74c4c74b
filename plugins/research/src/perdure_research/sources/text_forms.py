"""Texts that differ in form only: ligatures, soft hyphens, words broken at a line's end.

Text is archived and quoted as it was printed; it is compared in the form that is made here.
"""

import re
import unicodedata
from typing import Final

_NOTHING: Final = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u061c\ufffe\x02"
_OTHER_FORMS: Final[dict[int, str]] = {
    **dict.fromkeys(map(ord, _NOTHING), ""),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2212\ufe63\uff0d"), "-"),
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u02bc\u2032\uff07"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02"), '"'),
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)},
    # Full-width letters and half-width katakana are the same characters in another width.
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF01, 0xFFE7)},
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x0132, 0x0134)},
    # Presentation forms of Arabic and Hebrew letters, which PDFs hold in place of the letters.
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB1D, 0xFB50)},
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB50, 0xFDFC)},
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFE70, 0xFEFD)},
}
# A word that is broken at a line's end, with what may stand before the next line in a quotation.
_BROKEN: Final = re.compile(
    r"(?<=[^\W\d_])(?:[-\u2010\u00ad\ufffe\x02][ \t]*\r?\n[ \t>]*)(?=[^\W\d_])"
)
_SPACES: Final = re.compile(r"\s+")


def comparable(text: str, *, joined: bool = True) -> str:
    """Return a text in the form in which texts are compared.

    Ligatures are letters, soft hyphens and marks without width are gone, hyphens and quotation
    marks are those of ASCII, letters in two parts are one, and any white space is one space. Case,
    accents, figures and superscripts stay, for they mean something.

    Args:
        text: The text.
        joined: Whether a word that is broken at a line's end loses its hyphen; it keeps it
            otherwise, as "long-term" does.
    """
    text = _BROKEN.sub("" if joined else "-", text)
    text = text.translate(_OTHER_FORMS)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return _SPACES.sub(" ", text).strip()

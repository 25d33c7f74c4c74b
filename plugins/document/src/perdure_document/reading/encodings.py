"""Which encoding a text file has, and its text."""

import codecs
import re
from pathlib import Path
from typing import Final

from perdure_document.facts import Source

_CHUNK_BYTES: Final = 1 << 20
_SAMPLE_BYTES: Final = 1 << 16
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED: Final = re.compile(
    rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]+)"""
    rb"""|<\?xml[^>]{0,100}encoding\s*=\s*["']([A-Za-z0-9_:.-]+)""",
    re.IGNORECASE,
)
# What browsers take the names of older encodings for (WHATWG, Encoding).
_MEANT: Final = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_JAPANESE_SHIFT: Final = (b"\x1b$B", b"\x1b$@", b"\x1b$(D")
_LIKELY: Final = (
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("cp874", "cp932", "euc_jp", "gb18030", "big5", "cp949"),
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f]")
_GOOD_FOR_A_BAD: Final = 20
_ZEROS: Final = 0.3
_DISORDER: Final = 0.4
_LITTLE_DISORDER: Final = 0.06


def encoding_of(file: Path, head: bytes) -> str:
    """Return Python's name of a text file's encoding; empty when it holds binary data.

    Args:
        file: The file.
        head: Its first bytes.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        return _of_two_bytes(file, head)
    if any(shift in head for shift in _JAPANESE_SHIFT) and _decodes(file, "iso2022_jp_2"):
        return "iso2022_jp_2"
    if _decodes(file, "utf-8") or _is_damaged_utf8(head):
        return "utf-8"
    for name in (_declared(head), _guessed(file), "cp1252"):
        if name and _decodes(file, name):
            return name
    return "latin-1"


def _is_damaged_utf8(head: bytes) -> bool:
    """Say whether text is UTF-8 but for a few bytes, as where a program cut texts short."""
    text = head.decode("utf-8", errors="replace")
    bad = text.count("\ufffd")
    return bad * _GOOD_FOR_A_BAD <= sum(not one.isascii() for one in text) - bad


def _of_two_bytes(file: Path, head: bytes) -> str:
    """Tell UTF-16 without a mark from binary data by where its zeros are."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(len(head) // 2, 1)
    for zeros, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros > half * _ZEROS and others < zeros / 20 and _decodes(file, name):
            text = head[: len(head) // 2 * 2].decode(name, errors="ignore")
            return "" if _CONTROL.search(text) else name
    return ""


def _declared(head: bytes) -> str:
    """Return the encoding that a page says it has; empty for none or one that is unknown."""
    found = _DECLARED.search(head)
    if found is None:
        return ""
    try:
        name = codecs.lookup((found[1] or found[2]).decode("ascii").removeprefix("x-")).name
    except LookupError:
        return ""
    return _MEANT.get(name, name)


def _guessed(file: Path) -> str:
    """Return the encoding that a file's bytes look most like; empty when they look like none."""
    from charset_normalizer import from_bytes

    with file.open("rb") as stream:
        sample = stream.read(_SAMPLE_BYTES)
    # Lines of plain ASCII say nothing.
    lines = [line for line in sample.split(b"\n") if not line.isascii()]
    text = b"\n".join(lines)
    matches = from_bytes(text, cp_isolation=list(_LIKELY), threshold=_DISORDER)
    best = matches.best()
    if best is None:
        return ""
    western = [one for one in matches if "cp1252" in one.could_be_from_charset]
    if best.encoding == "cp1250" and western and western[0].chaos <= _LITTLE_DISORDER:
        # Where both make sense the Western one is meant, but for Hungarian.
        hungarian = set("őűŐŰ") & set(text.decode("cp1250", errors="replace"))
        return "cp1250" if hungarian and not set("ãçêñ") & set(str(western[0])) else "cp1252"
    return best.encoding


def _decodes(file: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def text_of(source: Source, file: Path) -> str:
    """Return a text file's content with plain line ends; bytes that are no text become U+FFFD."""
    text = file.read_text(encoding=source.encoding, errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")


def unreadable(text: str) -> dict[str, int]:
    """Return what to say of characters that could not be read: how many, when there are any."""
    count = text.count("\ufffd")
    return {"unreadable character": count} if count else {}

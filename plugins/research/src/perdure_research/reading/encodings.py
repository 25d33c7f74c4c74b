"""Which encoding a text has, and its text."""

import codecs
import re
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD_BYTES: Final = 4096
_SAMPLE_BYTES: Final = 1 << 16
_DECLARED: Final = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]+)"""
    rb"""|<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9_:.-]+)""",
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
_SHIFTS: Final = {
    b"\x1b$B": "iso2022_jp_2",
    b"\x1b$@": "iso2022_jp_2",
    b"\x1b$(D": "iso2022_jp_2",
    b"\x1b$)C": "iso2022_kr",
}
_LIKELY: Final = (
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("cp866", "iso8859_5", "cp874", "cp932", "euc_jp", "gb18030", "big5", "cp949"),
)
_HUNGARIAN: Final = frozenset("őűŐŰ")
# What the letters of Baltic languages are taken for, and other Western languages have not.
_NORTHERN: Final = frozenset("ðþÐÞ\ufffd")
# Letters of Korean that stand alone, as they hardly do in a text: those bytes are kana in EUC-JP.
_SINGLE_JAMO: Final = re.compile("[\u3131-\u318e]{3}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_GOOD_FOR_A_BAD: Final = 20
_ZEROS: Final = 0.3
_DISORDER: Final = 0.4
_LITTLE_DISORDER: Final = 0.06


def is_binary(content: bytes) -> bool:
    """Say whether bytes are no text in any encoding."""
    if any(content.startswith(mark) for mark, _ in _MARKS):
        return False
    return b"\0" in content[:_SAMPLE_BYTES] and not _two_bytes(content)


def decode(content: bytes, charset: str | None = None) -> str:
    """Return bytes as text, with line feeds alone between the lines.

    A byte order mark decides; then UTF-8 where the bytes are that; then what the server says, what
    the page says itself, and what the bytes look most like.

    Args:
        content: The bytes.
        charset: The encoding that the server names.
    """
    text = content.decode(encoding_of(content, charset), errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def encoding_of(content: bytes, charset: str | None = None) -> str:
    """Return Python's name of the encoding that bytes have; see :func:`decode`."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    if b"\0" in content[:_SAMPLE_BYTES]:
        return _two_bytes(content) or "latin-1"
    for shift, name in _SHIFTS.items():
        if shift in content and _decodes(content, name):
            return name
    if _decodes(content, "utf-8") or _is_damaged_utf8(content):
        return "utf-8"
    for named in (_known(charset), _known(_declared(content)), _guessed(content), "cp1252"):
        if named and _decodes(content, named):
            return named
    return "latin-1"


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_damaged_utf8(content: bytes) -> bool:
    """Say whether text is UTF-8 but for a few bytes, as where a program cut texts short."""
    text = content[:_SAMPLE_BYTES].decode("utf-8", errors="replace")
    bad = text.count("\ufffd")
    return bad * _GOOD_FOR_A_BAD <= sum(not one.isascii() for one in text) - bad


def _two_bytes(content: bytes) -> str:
    """Tell UTF-16 without a mark from binary data by where its zeros are; empty when it is none."""
    head = content[:_SAMPLE_BYTES]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(len(head) // 2, 1)
    for zeros, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros > half * _ZEROS and others < zeros / 20 and _decodes(content, name):
            return "" if _CONTROL.search(content.decode(name)) else name
    return ""


def _declared(content: bytes) -> str | None:
    found = _DECLARED.search(content[:_HEAD_BYTES])
    return (found[1] or found[2]).decode("ascii") if found else None


def _known(name: str | None) -> str:
    """Return Python's name of what a server or a page means; empty when there is none."""
    try:
        known = codecs.lookup((name or "").lower().removeprefix("x-")).name
        b"".decode(known)  # some codecs, such as hex, are none of text
    except (LookupError, ValueError):
        return ""
    return _MEANT.get(known, known)


def _guessed(content: bytes) -> str:
    """Return the encoding that bytes look most like; empty when they look like none."""
    from charset_normalizer import from_bytes

    # Lines of plain ASCII say nothing.
    lines = [line for line in content[:_SAMPLE_BYTES].split(b"\n") if not line.isascii()]
    text = b"\n".join(lines)
    matches = from_bytes(text, cp_isolation=list(_LIKELY), threshold=_DISORDER)
    best = matches.best()
    if best is None:
        return ""
    western = [one for one in matches if "cp1252" in one.could_be_from_charset]
    if best.encoding == "cp949" and _decodes(text, "euc_jp") and _SINGLE_JAMO.search(str(best)):
        return "euc_jp"
    if best.encoding == "cp1257" and not set(text.decode("cp1252", errors="replace")) & _NORTHERN:
        return "cp1252"
    if best.encoding == "cp1250" and western and western[0].chaos <= _LITTLE_DISORDER:
        # Where both make sense the Western one is meant, but for Hungarian.
        hungarian = _HUNGARIAN & set(text.decode("cp1250", errors="replace"))
        return "cp1250" if hungarian else "cp1252"
    return best.encoding

"""What picture files say beside the picture: comments, places, cameras, captions."""

import struct
from collections.abc import Iterator
from typing import Final

_PNG: Final = b"\x89PNG\r\n\x1a\n"
# What a PNG needs to be shown; everything else can hold text.
_PNG_SHOWN: Final = frozenset(
    {
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"gAMA",
        b"cHRM",
        b"sRGB",
        b"sBIT",
        b"pHYs",
        b"acTL",
        b"fcTL",
        b"fdAT",
    }
)
_JPEG_START_OF_SCAN: Final = 0xDA
_JPEG_COMMENT: Final = 0xFE
# APP0 (JFIF), APP2 (colours) and APP14 (colours) are needed to show a JPEG; the others hold text.
_JPEG_DROPPED: Final = frozenset({0xE1, *range(0xE3, 0xEE), 0xEF, _JPEG_COMMENT})
BLANK_PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)


def without_metadata(content: bytes) -> bytes:
    """Return a PNG or JPEG without its metadata; any other content as it is."""
    if content.startswith(_PNG):
        return _PNG + b"".join(_png_chunks(content))
    if content.startswith(b"\xff\xd8"):
        return b"\xff\xd8" + b"".join(_jpeg_segments(content))
    return content


def _png_chunks(content: bytes) -> Iterator[bytes]:
    at = len(_PNG)
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        end = at + 12 + length
        if content[at + 4 : at + 8] in _PNG_SHOWN:
            yield content[at:end]
        if content[at + 4 : at + 8] == b"IEND":
            return
        at = end


def _jpeg_segments(content: bytes) -> Iterator[bytes]:
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == _JPEG_START_OF_SCAN:
            break
        (length,) = struct.unpack(">H", content[at + 2 : at + 4])
        if marker not in _JPEG_DROPPED:
            yield content[at : at + 2 + length]
        at += 2 + length
    yield content[at:]

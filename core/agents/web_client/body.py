"""Reading a response's body, with a limit on what it unpacks to."""

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from perdure.agents.steps.errors import InputError, PermanentError, TransientError

ACCEPTED: Final = "gzip"
_PIECE: Final = 64 * 1024


class TooLarge(InputError):
    """A body is larger than the limit."""


async def read_body(
    about: str, chunks: AsyncIterator[bytes], encoding: str, most_bytes: int
) -> bytes:
    """Return a body, unpacked.

    Args:
        about: What errors call it: its URL.
        chunks: Its bytes as they came.
        encoding: The header ``Content-Encoding``, empty when there is none.
        most_bytes: How large it may be, packed and unpacked.

    Raises:
        TooLarge: It is larger.
        PermanentError: It is packed in a way that nobody asked for.
        TransientError: It is not what its encoding says, or was cut.
    """
    encoding = encoding.strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise PermanentError(
            f"{about} is packed as {encoding[:100]!r} although only {ACCEPTED} was asked for: give"
            " another URL"
        )
    unpacking = _Gunzip(about) if encoding.endswith("gzip") else None
    content, packed = bytearray(), 0
    async for chunk in chunks:
        packed += len(chunk)
        for piece in unpacking.feed(chunk) if unpacking else [chunk]:
            content += piece
            if len(content) > most_bytes:
                raise too_large(about, most_bytes)
        if packed > most_bytes:  # such as endless empty gzip members
            raise too_large(about, most_bytes)
    if unpacking:
        unpacking.finish()
    return bytes(content)


def too_large(about: str, most_bytes: int) -> TooLarge:
    """Return the error for a body that is larger than the limit."""
    megabytes = f"{most_bytes / 1024**2:.3g} MB" if most_bytes >= 10_000 else f"{most_bytes} bytes"
    return TooLarge(f"{about} is larger than {megabytes}: give a smaller page")


class _Gunzip:
    """Unpacks gzip in small pieces, so that a little input never becomes much at once."""

    def __init__(self, about: str) -> None:
        self._about = about
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._began = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk unpacks to, in pieces of at most 64 KiB."""
        while chunk:
            if self._member.eof:
                chunk = chunk.lstrip(b"\0")  # padding after the last member
                if not chunk:
                    return
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            self._began = True
            try:
                piece = self._member.decompress(chunk, _PIECE)
            except zlib.error as error:
                raise TransientError(
                    f"{self._about} is not the gzip it says it is ({error}): try again later"
                ) from error
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if piece:
                yield piece

    def finish(self) -> None:
        """See that nothing is missing."""
        if self._began and not self._member.eof:
            raise TransientError(f"{self._about} ended before its end: try again later")

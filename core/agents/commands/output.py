"""What a command writes: its end is kept, its beginning is shown to readers as it comes."""

import asyncio
import codecs
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

# Of each stream.
KEPT_BYTES: Final = 1 << 20
SHOWN_BYTES: Final = 1 << 20
# Pieces that come closer together are shown in one.
SHOW_SECONDS: Final = 0.1
CHUNK_BYTES: Final = 1 << 16
_NOT_SHOWN: Final = "\n[what follows is not shown while the command runs]\n"
_MOST_CONTINUATION_BYTES: Final = 3


class OutputStream:
    """One stream of a command; whatever its length, a few mebibytes of memory are enough."""

    def __init__(self, changed: asyncio.Event) -> None:
        """Begin with nothing.

        Args:
            changed: Set when there is something to show.
        """
        self.is_cut = False
        self._changed = changed
        self._kept: deque[bytes] = deque()
        self._kept_size = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._shown_size = 0
        self._to_show: list[str] = []

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Read a stream to its end."""
        while chunk := await reader.read(CHUNK_BYTES):
            self.add(chunk)
        self.finish()

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._kept.append(chunk)
        self._kept_size += len(chunk)
        while self._kept_size - len(self._kept[0]) >= KEPT_BYTES:
            self._kept_size -= len(self._kept.popleft())
            self.is_cut = True
        if self._shown_size < SHOWN_BYTES:
            self._show(self._decoder.decode(chunk[: SHOWN_BYTES - self._shown_size]))
        if self._shown_size <= SHOWN_BYTES < self._shown_size + len(chunk):
            self._show(_NOT_SHOWN)
        self._shown_size += len(chunk)

    def finish(self) -> None:
        """Show half a character that nothing completes."""
        if self._shown_size <= SHOWN_BYTES:
            self._show(self._decoder.decode(b"", final=True))

    def take_to_show(self) -> str:
        """Return what was not shown yet, and count it as shown."""
        text = "".join(self._to_show)
        self._to_show.clear()
        return text

    def text(self) -> str:
        """Return the end of the stream as text; what is no UTF-8 is replaced."""
        kept = b"".join(self._kept)
        if len(kept) > KEPT_BYTES:
            self.is_cut = True
            kept = kept[-KEPT_BYTES:]
        if self.is_cut:
            kept = _from_next_character(kept)
        return kept.decode("utf-8", "replace")

    def _show(self, text: str) -> None:
        if text:
            self._to_show.append(text)
            self._changed.set()


class CommandOutput:
    """What a command writes.

    Attributes:
        stdout: Its standard output.
        stderr: Its standard error.
    """

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._is_over = asyncio.Event()
        self.stdout = OutputStream(self._changed)
        self.stderr = OutputStream(self._changed)

    async def show(self, emit: Callable[[str, str], Awaitable[None]]) -> None:
        """Emit what is to be shown, piece by piece, until :meth:`finish` was called and all is.

        Args:
            emit: Emits a piece of a stream, ``stdout`` or ``stderr``.
        """
        is_last = False
        while not is_last:
            await self._changed.wait()
            self._changed.clear()
            is_last = self._is_over.is_set()
            for name, stream in (("stdout", self.stdout), ("stderr", self.stderr)):
                if text := stream.take_to_show():
                    await emit(name, text)
            with suppress(TimeoutError):
                async with asyncio.timeout(SHOW_SECONDS):
                    await self._is_over.wait()

    def finish(self) -> None:
        """Say that nothing more comes."""
        self._is_over.set()
        self._changed.set()


def _from_next_character(cut: bytes) -> bytes:
    """Leave out the rest of a character that was cut in two."""
    for skipped in range(min(_MOST_CONTINUATION_BYTES, len(cut))):
        if cut[skipped] & 0xC0 != 0x80:
            return cut[skipped:]
    return cut[_MOST_CONTINUATION_BYTES:]

"""The content of files, as requests send it: in pieces, so that none is in memory whole."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

_PIECE_BYTES: Final = 1 << 20


def pieces(path: Path) -> Iterator[bytes]:
    """Yield a file's content."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


async def async_pieces(path: Path) -> AsyncIterator[bytes]:
    """Yield a file's content; the event loop goes on while it is read."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
            yield piece
    finally:
        file.close()

"""The first pages of a PDF as pictures, drawn by a process of their own.

A PDF that an agent made, or was given, may be hostile or simply endless: what reads it has limits
on memory and time, and takes nothing with it when it ends. pypdfium2 draws them, where a plugin
such as perdure-document has brought it; without it a PDF is to download.
"""

import asyncio
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

SHOWN_PAGES: Final = 5
_SECONDS: Final = 15.0
_MAX_PICTURE_BYTES: Final = 20 * 1024 * 1024
_AT_ONCE: Final = asyncio.Semaphore(2)
_DRAW: Final = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
import pypdfium2
document = pypdfium2.PdfDocument(sys.argv[1])
page = document[int(sys.argv[2]) - 1]
scale = min(1_400 / max(page.get_width(), 1), 2_000 / max(page.get_height(), 1), 4)
picture = page.render(scale=scale).to_pil()
picture.convert("RGB").save(sys.stdout.buffer, "PNG")
"""


@cache
def can_show_pages() -> bool:
    """Return whether pages can be drawn: what does it is installed."""
    return find_spec("pypdfium2") is not None and find_spec("PIL") is not None


async def draw_page(path: Path, page: int) -> bytes | None:
    """Return a page as a PNG picture.

    Args:
        path: The PDF.
        page: Its number, from 1.

    Returns:
        The picture; ``None`` when there is no such page, or it cannot be drawn within the limits.
    """
    if not can_show_pages():
        return None
    async with _AT_ONCE:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-c",
            _DRAW,
            str(path),
            str(page),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )
        try:
            async with asyncio.timeout(_SECONDS):
                picture, _ = await process.communicate()
        except TimeoutError:
            return None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    is_picture = process.returncode == 0 and picture.startswith(b"\x89PNG")
    return picture if is_picture and len(picture) <= _MAX_PICTURE_BYTES else None

"""Reading documents that are no PDFs: what another goal has read is found, the rest is read anew.

What may have been made to break its reader down is read in a process of its own.
"""

import asyncio
from functools import partial
from typing import Final

from perdure.agents import RunCache
from perdure_document.child_process.process import ChildFailed, ChildProcess, refusal
from perdure_document.facts import Document, Kind, Source
from perdure_document.files import digest_of
from perdure_document.reading.readers import read_whole
from perdure_document.versions import parsers_version

SECONDS: Final = 300
# What is only text, and little of it, is read as fast as it is looked up.
_TEXTS: Final[frozenset[Kind]] = frozenset({"text", "markdown", "html"})
_LITTLE_BYTES: Final = 200_000
_PROGRAM: Final = "perdure_document.reading.program"
_VERSION: Final = 1


class DocumentReader:
    """Reads the documents of a goal; :meth:`close` ends the process that does."""

    def __init__(self, cache: RunCache) -> None:
        """Bind it to a run.

        Args:
            cache: The run's.
        """
        self._cache = cache
        self._process = ChildProcess(_PROGRAM)

    async def read(self, source: Source) -> Document:
        """Read a document that is no PDF, within a step.

        Raises:
            InputError: It cannot be read, has no text, takes too much time or memory, or changed
                since it was recognised.
        """
        if source.kind in _TEXTS and source.size <= _LITTLE_BYTES:
            return await asyncio.to_thread(read_whole, source)
        digest = await asyncio.to_thread(digest_of, source)
        # Without a title of its own a document is called by its file's name.
        key = [digest, source.kind, source.encoding, source.stem, parsers_version()]
        read = partial(self._read, source)
        content = await self._cache.get_or_make("document", key, read, version=_VERSION)
        return await asyncio.to_thread(Document.model_validate_json, content)

    async def close(self) -> None:
        """End the process."""
        await self._process.close()

    async def _read(self, source: Source) -> bytes:
        try:
            told = await self._process.answer("read", [source.model_dump(mode="json")], SECONDS)
        except ChildFailed as failure:
            raise refusal(source, "read", failure) from failure
        return str(told).encode()

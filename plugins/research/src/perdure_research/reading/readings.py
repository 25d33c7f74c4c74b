"""Readings by the digest of what was read: each content is read once, for all goals."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Final

from perdure.agents import InputError, RunCache
from perdure_research.reading.content_type import recognise
from perdure_research.reading.documents.document_agent import installed_versions
from perdure_research.reading.reading import Reading
from perdure_research.reading.text_reader import read_text
from perdure_research.sources.files import read_unchanged
from perdure_research.sources.original import Original

# Raise it when the same bytes are read otherwise than before.
VERSION: Final = 2


class ReadingStopped(Exception):
    """The goal was cancelled while its sources were read."""


class _NotKept(Exception):
    """There is nothing in the cache."""


class Readings:
    """Reads originals; what was read of the same bytes before comes from the run's cache.

    Attributes:
        done: How many were read, or found in the cache, by now.
    """

    def __init__(self, cache: RunCache) -> None:
        self.done = 0
        self._cache = cache
        self._elsewhere: dict[str, Callable[[], Reading]] = {}
        self._stopped = threading.Event()

    def add(self, readings: Mapping[str, Callable[[], Reading]]) -> None:
        """Add what returns readings that come from elsewhere, by the digest of what was read."""
        self._elsewhere.update(readings)

    def missing(self, originals: Sequence[Original]) -> list[str]:
        """Return the digests of those originals that no goal has read; in a step."""
        return [one.sha256 for one in originals if not self._is_kept(one)]

    def stop(self) -> None:
        """Let a thread that reads end before its next file."""
        self._stopped.set()

    def read(self, original: Original) -> Reading:
        """Return the reading of an original; in a step.

        Raises:
            InputError: It cannot be read, or changed since it was looked at.
            PermanentError: The PDF reader broke down or took too long.
            ReadingStopped: The goal was cancelled meanwhile.
        """
        if self._stopped.is_set():
            raise ReadingStopped
        key = self._key(original)
        kept = self._cache.get_or_make_blocking(
            "reading", key, lambda: self._make(original), version=VERSION
        )
        self.done += 1
        return Reading.model_validate_json(kept)

    def _key(self, original: Original) -> list[str]:
        key = [original.sha256, original.reader]
        if original.reader == "document":
            return [*key, *installed_versions()]
        suffix = PurePath(original.addresses[0]).suffix.lower() if original.reader == "own" else ""
        return [*key, suffix]

    def _is_kept(self, original: Original) -> bool:
        def nothing() -> bytes:
            raise _NotKept

        try:
            self._cache.get_or_make_blocking(
                "reading", self._key(original), nothing, version=VERSION
            )
        except _NotKept:
            return False
        return True

    def _make(self, original: Original) -> bytes:
        if original.sha256 in self._elsewhere:
            reading = self._elsewhere[original.sha256]()
        elif original.reader == "own":
            reading = read_own(original)
        else:
            raise InputError(
                f"what was read of {original.addresses[0]} is no longer in the cache of this"
                " worker: ask again, so that it is read again"
            )
        return reading.model_dump_json().encode("utf-8", "surrogatepass")


def read_own(original: Original) -> Reading:
    """Read a file by what is in this distribution."""
    path = original.addresses[0]
    content = read_unchanged(path, original.sha256)
    suffix = PurePath(path).suffix.lower()
    return read_bytes(path, content, suffix=suffix)


def read_bytes(
    name: str,
    content: bytes,
    *,
    suffix: str = "",
    media_type: str = "",
    charset: str | None = None,
) -> Reading:
    """Read bytes as what they are.

    Args:
        name: What errors call them.
        content: The bytes.
        suffix: The ending of their name, with its dot, in lower case.
        media_type: What a server calls them.
        charset: The encoding that a server names.

    Raises:
        InputError: They are empty, no text, damaged, or have no words in them.
        PermanentError: The PDF reader broke down or took too long.
    """
    format_ = recognise(name, content, suffix=suffix, media_type=media_type)
    if format_ == "pdf":
        from perdure_research.reading.pdf.reader import read_pdf

        return read_pdf(name, content)
    return read_text(name, content, format_, charset)

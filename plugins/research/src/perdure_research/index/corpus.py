"""A corpus: everything that a goal reads, in shards that other goals find again.

Each shard holds the sources whose addresses have the same hash, so that a file that was changed,
added or removed concerns one shard; the others are found in the run's cache as they are.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from perdure.agents import InputError, PermanentError, RunCache
from perdure_research.index.index import Index
from perdure_research.index.semantics import model_name
from perdure_research.index.shard import VERSION, Entry, read_sources, write_shard
from perdure_research.reading.about.description import describe
from perdure_research.reading.documents.document_agent import installed_versions
from perdure_research.reading.readings import VERSION as READING_VERSION
from perdure_research.reading.readings import Readings
from perdure_research.sources.original import Original
from perdure_research.sources.source import Fact, Source, Unread

_SHARD_SOURCES: Final = 128
_SHARD_BYTES: Final = 16 * 1024 * 1024

Shard = tuple[Original, ...]


class ShardContent(Fact):
    """What a shard holds.

    Attributes:
        sources: Its sources.
        unread: What could not be read, and why.
    """

    sources: tuple[Source, ...] = ()
    unread: tuple[Unread, ...] = ()


def shards_of(originals: Sequence[Original]) -> list[Shard]:
    """Return the shards of a corpus, the originals of each in the order given; none is empty.

    Each takes seconds to read, so that a worker that is killed loses no more.
    """
    size = sum(original.size for original in originals)
    wanted = max(len(originals) / _SHARD_SOURCES, size / _SHARD_BYTES)
    count = 1
    while count < wanted:
        count *= 2
    shards: dict[int, list[Original]] = {}
    for original in originals:
        number = zlib.crc32(original.addresses[0].encode("utf-8", "surrogateescape")) % count
        shards.setdefault(number, []).append(original)
    return [tuple(shards[number]) for number in sorted(shards)]


def merged(originals: Sequence[Original], contents: Sequence[ShardContent]) -> list[Source]:
    """Return the sources of all shards in the order of their originals, the same text once.

    A text that is there twice has the addresses of both.
    """
    found = {one.content_sha256: one for content in contents for one in content.sources}
    sources: dict[str, Source] = {}
    for original in originals:
        source = found.get(original.sha256)
        if source is not None:
            known = sources.setdefault(source.id, source)
            before = known.addresses if known is not source else ()
            addresses = tuple(dict.fromkeys((*before, *original.addresses)))
            sources[source.id] = known.model_copy(update={"addresses": addresses})
    return list(sources.values())


class Corpus:
    """The shards of a goal's corpus, for its steps to read, make and search."""

    def __init__(self, cache: RunCache, readings: Readings) -> None:
        """Bind it to a run.

        Args:
            cache: The run's cache, where the shards are kept.
            readings: What reads the originals.
        """
        self._cache = cache
        self._readings = readings

    def read_shard(self, shard: Shard) -> ShardContent:
        """Return what a shard holds; in a step. It is read and indexed if no goal has done it.

        One original that cannot be read spoils no other.
        """
        with self._cache.file_blocking(*self._entry(shard), version=VERSION) as path:
            sources, unread = read_sources(path)
        return ShardContent(sources=tuple(sources), unread=tuple(unread))

    @contextmanager
    def open(self, shards: Sequence[Shard], sources: Sequence[Source]) -> Iterator[Index]:
        """Open the index of a corpus; in a step.

        Args:
            shards: Its shards.
            sources: Its sources, as :func:`merged` returns them.
        """
        with ExitStack() as stack:
            paths = [
                stack.enter_context(self._cache.file_blocking(*self._entry(shard), version=VERSION))
                for shard in shards
            ]
            yield stack.enter_context(Index(paths, sources))

    def _entry(self, shard: Shard) -> tuple[str, list[object], Callable[[Path], None]]:
        model = model_name()
        originals = [original.model_dump(mode="json") for original in shard]
        delegated = any(original.reader == "document" for original in shard)
        readers = installed_versions() if delegated else []
        key = [READING_VERSION, model, readers, originals]
        make = partial(write_shard, entries=self._entries(shard), semantic=bool(model))
        return "index", key, make

    def _entries(self, shard: Shard) -> Iterator[Entry]:
        for original in shard:
            try:
                reading = self._readings.read(original)
            except (InputError, PermanentError) as error:
                yield Unread(source=original.name, reason=str(error))
                continue
            yield describe(original, reading), reading.content

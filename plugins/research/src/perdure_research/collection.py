"""What a goal reads: found, fetched, read and indexed, for its steps to search and to quote."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from typing import Any, Final

from perdure.agents import Artifact, Progress, Run, StepFailed, WebClient
from perdure_research.index.corpus import Corpus, Shard, ShardContent, merged, shards_of
from perdure_research.index.index import Index
from perdure_research.parameters import ProviderName, ResearchParameters
from perdure_research.reading.documents import document_agent
from perdure_research.reading.pages import ReadPage, fetch_and_read, one_page_each
from perdure_research.reading.reading import Reading
from perdure_research.reading.readings import Readings
from perdure_research.search.given_sources import find_sources, require_sources
from perdure_research.search.results import SearchResult, merge
from perdure_research.search.web_search import MOST_RESULTS, search_with
from perdure_research.sources.addresses import page_key
from perdure_research.sources.fetch import open_web
from perdure_research.sources.files import look_at_files
from perdure_research.sources.original import Original
from perdure_research.sources.source import Found, Location, Passage, Source, SourceText, Unread

_FETCHED_AT_ONCE: Final = 4
_INDEXED_AT_ONCE: Final = 2
_FILES_A_LOOK: Final = 500
_PROGRESS_EVERY: Final = 1.0  # seconds


class Collection:
    """The sources of a goal; what is read of them is shared with all goals, by its content.

    Attributes:
        found: What the parameters come down to; ``None`` until that is known.
        sources: What was read, in the order in which it was given; the same text once.
    """

    def __init__(self, run: Run, parameters: ResearchParameters) -> None:
        self.found: Found | None = None
        self.sources: list[Source] = []
        self._run = run
        self._parameters = parameters
        self._readings = Readings(run.cache)
        self._corpus = Corpus(run.cache, self._readings)
        self._searched: list[Location] = []
        self._pages: dict[str, ReadPage] = {}
        self._failed: dict[str, StepFailed] = {}
        self._unread: list[Unread] = []
        self._originals: list[Original] = []
        self._shards: list[Shard] = []
        self._contents: list[ShardContent] = []
        self._index: Index | None = None
        self._open = ExitStack()
        self._lock = threading.RLock()

    @property
    def unread(self) -> list[Unread]:
        """Who could not search and what could not be read, and why."""
        if self.found is None:
            return []
        names = [*self._parameters.search, *(one.address for one in self._locations)]
        failed = [
            Unread(source=name, reason=str(self._failed[name]))
            for name in dict.fromkeys(names)
            if name in self._failed
        ]
        in_shards = [one for content in self._contents for one in content.unread]
        return [*self.found.unread, *failed, *self._unread, *in_shards]

    @property
    def passing_failures(self) -> list[StepFailed]:
        """The failures of sources that may be read later."""
        return [one for one in self._failed.values() if not one.failure.permanent]

    async def gather(self) -> AsyncIterator[Progress]:
        """Find the sources, fetch those of the web, read and index them all.

        Yields:
            Progress from 0 to 100.

        Raises:
            InputError: No source is given, and nobody to search the web.
        """
        given, depth = self._parameters.sources, self._parameters.depth
        require_sources(given, self._parameters.search)
        self.found = found = await self._run.step("find sources", find_sources, given, depth)
        await self._search(self._run.goal.description)
        files = await self._look_at_files([one for one in found.locations if not one.remote])
        yield Progress(percentage=0, message=f"found {len(found.locations):,} sources")
        originals = await self._delegate(files)
        async for progress in self._fetch():
            yield progress
        async for progress in self._index_all([*originals, *self._new_pages()]):
            yield progress

    async def widen(self, query: str) -> list[Source]:
        """Search the web for something else, read what is found, and return all sources.

        Args:
            query: What to search for, in words.
        """
        await self._search(query)
        async for _ in self._fetch():
            pass
        async for _ in self._index_all(self._new_pages()):
            pass
        return self.sources

    def find(self, query: str, limit: int) -> list[Passage]:
        """Return the passages that fit a query best, best first; in a step."""
        with self._lock:
            return self.index.search(query, limit)

    def text_of(self, source_id: str) -> SourceText:
        """Return the archived text of a source; in a step."""
        with self._lock:
            return self.index.text_of(source_id)

    def plain_text_of(self, source_id: str) -> str:
        """Return the archived text of a source without its blocks; in a step."""
        with self._lock:
            return self.index.plain_text_of(source_id)

    @property
    def index(self) -> Index:
        """The index of what was read; opened by the first step that searches."""
        if self._index is None:
            opening = self._corpus.open(self._shards, self.sources)
            self._index = self._open.enter_context(opening)
        return self._index

    def close(self) -> None:
        """Let a thread that reads end, and close the index."""
        self._readings.stop()
        with self._lock:
            self._close_index()

    @property
    def _locations(self) -> list[Location]:
        return [*(self.found.locations if self.found else ()), *self._searched]

    def _close_index(self) -> None:
        self._index = None
        self._open.close()

    @cached_property
    def _web(self) -> WebClient:
        return open_web()

    async def _look_at_files(self, locations: Sequence[Location]) -> list[Original]:
        originals: dict[str, Original] = {}
        for begin in range(0, len(locations), _FILES_A_LOOK):
            files = list(locations[begin : begin + _FILES_A_LOOK])
            looked = await self._run.step("look at files", look_at_files, files)
            self._unread += looked.unread
            for original in looked.originals:
                known = originals.setdefault(original.sha256, original)
                if known is not original:
                    addresses = dict.fromkeys((*known.addresses, *original.addresses))
                    update = {"addresses": tuple(addresses)}
                    originals[original.sha256] = known.model_copy(update=update)
        return list(originals.values())

    async def _delegate(self, originals: list[Original]) -> list[Original]:
        """Have the document agent read what it reads, if it is installed and no goal has done it.

        Returns:
            All originals that can be read, each with what reads it.
        """
        theirs = [one for one in originals if document_agent.reads(one)]
        if not theirs or not await self._run.step(
            "look for the document agent", document_agent.is_installed
        ):
            return originals
        theirs = [one.model_copy(update={"reader": "document"}) for one in theirs]
        missing = set(await self._run.step("look for documents", self._readings.missing, theirs))
        waiting = [one for one in theirs if one.sha256 in missing]
        batches = [
            waiting[begin : begin + document_agent.MOST_FILES]
            for begin in range(0, len(waiting), document_agent.MOST_FILES)
        ]
        by_digest: dict[str, Original | None] = {one.sha256: one for one in originals}
        by_digest.update({one.sha256: one for one in theirs})
        for batch in await asyncio.gather(*map(self._delegate_batch, batches)):
            by_digest.update(batch)
        return [one for one in by_digest.values() if one is not None]

    async def _delegate_batch(self, batch: list[Original]) -> dict[str, Original | None]:
        """Return what becomes of the originals of a batch, by digest: ``None`` if it is unread."""
        paths = [one.addresses[0] for one in batch]
        try:
            result = await self._run.delegate(
                document_agent.AGENT,
                f"Extract the text of {len(paths)} files",
                document_agent.parameters_for(paths),
            )
        except StepFailed:  # then each is read here, or it is said why not
            return {one.sha256: one.model_copy(update={"reader": "own"}) for one in batch}
        extracts, unread = document_agent.extracts_in(result, paths)
        self._unread += unread
        loop = asyncio.get_running_loop()
        read = partial(_read_in_thread, self._run, loop)
        for one in batch:
            if extract := extracts.get(one.addresses[0]):
                reading = partial(document_agent.reading_of, extract, read)
                self._readings.add({one.sha256: reading})
        return {one.sha256: one if one.addresses[0] in extracts else None for one in batch}

    async def _search(self, query: str) -> None:
        """Ask all providers, and add what they find; one that fails spoils none, and is named."""
        names = dict.fromkeys(self._parameters.search)
        if not names:
            return
        most = MOST_RESULTS[self._parameters.depth]
        found = await asyncio.gather(*(self._search_with(name, query, most) for name in names))
        known = {page_key(one.address) for one in self._locations if one.remote}
        for result in merge(found, most):
            if page_key(result.url) not in known:
                self._searched.append(Location(name=result.url, address=result.url, remote=True))

    async def _search_with(self, name: ProviderName, query: str, most: int) -> list[SearchResult]:
        try:
            return await self._run.step(f"search {name}", search_with, name, query, most)
        except StepFailed as failed:
            self._failed.setdefault(name, failed)
            return []

    async def _fetch(self) -> AsyncIterator[Progress]:
        """Fetch the pages that are not fetched yet; one that fails spoils no other."""
        at_once = asyncio.Semaphore(_FETCHED_AT_ONCE)
        fetching = partial(fetch_and_read, web=self._web, cache=self._run.cache)
        locations = [
            one
            for one in self._locations
            if one.remote and one.address not in self._pages and one.address not in self._failed
        ]

        async def fetch(location: Location) -> str:
            async with at_once:
                try:
                    page = await self._run.step("fetch", fetching, location)
                except StepFailed as failed:
                    self._failed[location.address] = failed
                    return f"could not read {location.name}"
            self._pages[location.address] = page
            return f"fetched {location.name}"

        tasks = [asyncio.create_task(fetch(location)) for location in locations]
        try:
            for done, task in enumerate(asyncio.as_completed(tasks), 1):
                name = await task
                yield Progress(percentage=round(50 * done / len(locations), 1), message=name)
        finally:
            await _cancelled(tasks)

    def _new_pages(self) -> list[Original]:
        """Return the pages that are not indexed yet, each once, in the order of their locations."""
        in_order = [one.address for one in self._locations if one.address in self._pages]
        known = {original.sha256: number for number, original in enumerate(self._originals)}
        pages = one_page_each([self._pages[address] for address in in_order], known)
        for page in pages:
            self._readings.add({page.original.sha256: partial(_reading_of_page, page)})
        for page in pages:
            if page.original.sha256 in known:  # another address of it may have been found since
                self._originals[known[page.original.sha256]] = page.original
        return [page.original for page in pages if page.original.sha256 not in known]

    async def _index_all(self, originals: list[Original]) -> AsyncIterator[Progress]:
        """Read and index originals beside those that are indexed already."""
        shards = shards_of(originals)
        at_once = asyncio.Semaphore(_INDEXED_AT_ONCE)
        contents: dict[int, ShardContent] = {}
        before = self._readings.done

        async def index(number: int) -> None:
            async with at_once:
                contents[number] = await self._run.step(
                    "read", self._corpus.read_shard, shards[number]
                )

        tasks = [asyncio.create_task(index(number)) for number in range(len(shards))]
        try:
            pending = set(tasks)
            while pending:
                _, pending = await asyncio.wait(pending, timeout=_PROGRESS_EVERY)
                done = sum(len(shards[number]) for number in contents)
                done = max(done, min(self._readings.done - before, len(originals)))
                message = f"read {done:,} of {len(originals):,} sources"
                percentage = round(50 + 50 * done / len(originals), 1)
                yield Progress(percentage=percentage, message=message)
            for task in tasks:
                task.result()
        finally:
            await _cancelled(tasks)
        with self._lock:
            self._close_index()
            self._shards += shards
            self._contents += [contents[number] for number in range(len(shards))]
            self._originals += originals
            self.sources = merged(self._originals, self._contents)


def _reading_of_page(page: ReadPage) -> Reading:
    return page.reading


def _read_in_thread(run: Run, loop: asyncio.AbstractEventLoop, artifact: Artifact) -> bytes:
    """Return an artifact's content, in a thread beside the run's event loop."""
    return asyncio.run_coroutine_threadsafe(run.read_artifact(artifact), loop).result(timeout=60)


async def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for unfinished in tasks:
        unfinished.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

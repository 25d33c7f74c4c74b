"""``run.cache``: what a goal's steps make once, and those of other goals reuse."""

import asyncio
import functools
import inspect
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from perdure.agents.cache.folder import CacheFolder, cache_folder
from perdure.agents.steps.encoding import digest_of
from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.steps import current_step

P = ParamSpec("P")
T = TypeVar("T")

_TEMPORARY_BYTES: Final = 256 * 1024 * 1024


class RunCache:
    """What is made of some content once, and read by whichever goal comes to it again.

    It is used in steps only: what a step returns is journaled, so that no later execution depends
    on what is still here. An entry that was deleted, or is damaged, is made again. Several
    processes may make the same one at once; each uses its own, and one is kept.

    Entries are told apart by the agent, what they are, their version and their key, and belong to
    one tenant.
    """

    def __init__(self, folder: CacheFolder, agent_type: str, tenant: str) -> None:
        """Bind it to a folder.

        Args:
            folder: Where the entries are.
            agent_type: The agent whose entries they are.
            tenant: Whose they are.
        """
        self._folder = folder
        self._owner = (tenant, agent_type)

    async def get_or_make(
        self,
        name: str,
        key: object,
        make: Callable[[], bytes] | Callable[[], Awaitable[bytes]],
        *,
        version: int,
    ) -> bytes:
        """Return the content of an entry, or make it.

        ::

            async def read(path: Path) -> str:
                text = await run.cache.get_or_make(
                    "ocr", [digest, dpi], partial(recognise, path, dpi), version=2
                )
                return text.decode()

            text = await run.step("read", read, path)

        Args:
            name: What it is, such as ``ocr``.
            key: All that it depends on, as plain data: the digest of a file, and options.
            make: Makes it; async, or plain: a plain one runs in a thread.
            version: Raise it when what ``make`` makes of the same key is different from before.

        Raises:
            PermanentError: It is called outside of a step, or the key has no JSON form.
        """
        entry = self._entry(name, key, version)
        content = await asyncio.to_thread(self._folder.read, entry)
        if content is None:
            content = await _made(make)
            await asyncio.to_thread(self._folder.write, entry, content)
        return content

    @asynccontextmanager
    async def file(
        self,
        name: str,
        key: object,
        make: Callable[[Path], object] | Callable[[Path], Awaitable[object]],
        *,
        version: int,
    ) -> AsyncIterator[Path]:
        """Yield an entry as a file, for as long as the block runs, or make it.

        The file is only to be read. It stays to the end of the block, whatever is deleted by then.

        Args:
            name: What it is, such as ``index``.
            key: All that it depends on, as plain data.
            make: Writes the file to the path that it is given; async, or plain: a plain one runs in
                a thread.
            version: Raise it when what ``make`` makes of the same key is different from before.

        Raises:
            PermanentError: It is called outside of a step, or the key has no JSON form.
        """
        entry = self._entry(name, key, version)
        unfinished = self._folder.unfinished()
        path = await asyncio.to_thread(unfinished.__enter__)
        try:
            if not await asyncio.to_thread(self._folder.link, entry, path):
                await _made(make, path)
                await asyncio.to_thread(self._folder.keep, entry, path)
            yield path
        finally:
            await asyncio.to_thread(unfinished.__exit__, None, None, None)

    def get_or_make_blocking(
        self, name: str, key: object, make: Callable[[], bytes], *, version: int
    ) -> bytes:
        """Do what :meth:`get_or_make` does, in a step that is a plain function."""
        entry = self._entry(name, key, version)
        content = self._folder.read(entry)
        if content is None:
            content = make()
            self._folder.write(entry, content)
        return content

    @contextmanager
    def file_blocking(
        self, name: str, key: object, make: Callable[[Path], object], *, version: int
    ) -> Iterator[Path]:
        """Do what :meth:`file` does, in a step that is a plain function."""
        with self._folder.file(self._entry(name, key, version), make) as path:
            yield path

    def _entry(self, name: str, key: object, version: int) -> str:
        if current_step.get() is None:
            raise PermanentError(
                f"run.cache is asked for {name!r} outside of a step: use it inside one, so that a"
                " later execution finds the same in the journal"
            )
        return digest_of([*self._owner, name, version, key], what=f"the key of {name!r}")


async def _made(
    make: Callable[P, T] | Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
) -> T:
    made: T | Awaitable[T]
    if inspect.iscoroutinefunction(inspect.unwrap(make)):
        made = make(*args, **kwargs)
    else:
        made = await asyncio.to_thread(make, *args, **kwargs)
    return await made if inspect.isawaitable(made) else made


@functools.cache
def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="perdure-cache-")


def temporary_cache(agent_type: str) -> RunCache:
    """Return a cache that ends with the process, for runs without an installation."""
    folder = cache_folder(Path(_temporary_folder().name), _TEMPORARY_BYTES)
    return RunCache(folder, agent_type, tenant="")

"""Opening a repository that is no folder, for as long as one execution of a goal works on it."""

import asyncio
import hashlib
from pathlib import Path
from typing import Final

from perdure.agents import Run, TransientError
from perdure_code.origins.origin import Origin, OriginKind, fetch, find_origin
from perdure_code.parameters import CodeParameters
from perdure_code.repository.fetched_folders import FetchedFolder, fetched_path

_MAX_TRIES: Final = 100


class OpenedRepository:
    """The folder of a repository, wherever it came from.

    What is fetched has the same place in each execution, since steps are known by their input. One
    that begins on another machine, or after a restart, finds in its journal that it was fetched,
    and nothing in its place: it is fetched again then, in a further step.
    """

    def __init__(self, run: Run, parameters: CodeParameters) -> None:
        self._run = run
        self._parameters = parameters
        self._folder: FetchedFolder | None = None

    async def open(self) -> CodeParameters:
        """Return the parameters with the path of a folder that is there.

        Raises:
            StepFailed: There is no such repository, or it may not be used.
            PermanentError: Where it would be put is another user's.
        """
        origin = await self._run.step("find", self._find, self._parameters.place)
        if origin.kind is OriginKind.FOLDER:
            return self._at(origin.place)
        place = "\0".join((self._run.workflow_id, origin.place, origin.commit))
        digest = hashlib.sha256(place.encode()).hexdigest()[:16]
        folder = fetched_path(digest)
        self._folder = await asyncio.to_thread(FetchedFolder, folder)
        for attempt in range(_MAX_TRIES):
            root = await self._run.step("fetch", self._fetch, origin, str(folder), attempt)
            if await asyncio.to_thread(Path(root).is_dir):
                return self._at(root)
        raise TransientError(f"{origin.place} was fetched, and is gone each time: try again later")

    async def close(self) -> None:
        """Remove what was fetched, unless another execution uses it."""
        if self._folder is not None:
            folder, self._folder = self._folder, None
            await asyncio.to_thread(folder.close)

    def _at(self, root: str) -> CodeParameters:
        return self._parameters.model_copy(update={"path": Path(root), "url": None})

    async def _find(self, _: str) -> Origin:
        given = self._parameters
        path = "" if given.path is None else str(given.path)
        return await find_origin(self._run, path, given.url or "", given.ref, given.sandbox)

    async def _fetch(self, origin: Origin, folder: str, _: int) -> str:
        return await fetch(self._run, origin, self._parameters.sandbox, Path(folder))

"""The recordings of runs as a replay on this machine needs them, read from the stores."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perdure.activities.uploaded_files import UploadAway, UploadedFiles
from perdure.cli.replays.protocol import encode
from perdure.models import GoalRecord, Result
from perdure.schemas.replays.recording import Recording
from perdure.settings import Settings
from perdure.stores import Stores


class Recordings:
    """Reads what is on record of runs; nothing is changed."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self._stores = stores
        self._uploads = UploadedFiles(stores, settings)

    @asynccontextmanager
    async def local(self, record: GoalRecord) -> AsyncIterator[Recording]:
        """Yield a recording whose files are on this machine for as long as the block runs.

        A file that cannot be had stays named as it was handed in.
        """
        recording = await self._stores.recordings.of(record)
        if not self._uploads.are_named_by(recording.goal):
            yield recording
            return
        names = tuple(self._uploads.names_given(record.tenant))
        try:
            files = self._uploads.local_parameters(recording.goal, record.tenant)
            async with files as parameters:
                goal = recording.goal.model_copy(update={"parameters": parameters})
                yield recording.model_copy(update={"goal": goal, "renames": names})
        except UploadAway:
            yield recording

    async def read(self, digest: str) -> bytes:
        """Return a content of the stores.

        Raises:
            LookupError: It is not there.
            StoreUnavailable: Object storage does not answer.
        """
        return await self._stores.contents.read(digest)

    async def complete(self, record: GoalRecord) -> Recording:
        """Return a recording with the contents that a replay elsewhere may need.

        Those are large values of steps, and the files of delegates.

        Raises:
            LookupError: One is not there.
            StoreUnavailable: Object storage does not answer.
        """
        recording = await self._stores.recordings.of(record)
        contents: dict[str, str] = {}

        async def add(digest: str) -> bytes:
            content = await self.read(digest)
            contents[digest] = encode(content)
            return content

        for step in recording.steps:
            value = step.value or ""
            if step.content is not None:
                value = (await add(step.content)).decode()
            if step.name == "delegate" and value:
                for artifact in Result.model_validate_json(value).artifacts:
                    await add(artifact.digest)
        return recording.model_copy(update={"contents": contents})

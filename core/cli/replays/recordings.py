"""The recordings of runs as a replay on this machine needs them: from the stores, or a server."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from perdure.schemas.replays.recording import Recording

if TYPE_CHECKING:
    from perdure.client import AsyncClient
    from perdure.models import GoalRecord
    from perdure.schemas.many_goals import GoalFilter
    from perdure.settings import Settings
    from perdure.stores import Stores


class Recordings(Protocol):
    """Reads what is on record of runs; nothing is changed."""

    async def find(self, name: str) -> str:
        """Return the run that a person named.

        Raises:
            UnknownGoal: There is none.
            AmbiguousName: The name fits several goals.
        """

    async def newest(
        self, criteria: "GoalFilter", *, tenant: str | None, limit: int
    ) -> Sequence[str]:
        """Return the newest runs that meet criteria."""

    def recording(self, workflow_id: str) -> AbstractAsyncContextManager[Recording]:
        """Yield a recording for as long as the block runs."""

    async def complete(self, workflow_id: str) -> Recording:
        """Return a recording with the contents that a replay elsewhere may need.

        Raises:
            LookupError: One is not there.
        """

    async def read(self, digest: str) -> bytes:
        """Return a content that a recording does not have.

        Raises:
            LookupError: It is not there.
        """


class Goals(Protocol):
    """The goals of a server, as commands name and choose them."""

    async def find_goal(self, name: str) -> str:
        """Return the workflow id of the run that a person named."""

    async def goals(
        self, criteria: "GoalFilter", *, tenant: str | None, limit: int
    ) -> "list[GoalRecord]":
        """Return runs, newest first."""


class LocalRecordings:
    """The recordings of this machine's stores; see :class:`Recordings`."""

    def __init__(self, stores: "Stores", settings: "Settings") -> None:
        from perdure.activities.uploaded_files import UploadedFiles

        self._stores = stores
        self._uploads = UploadedFiles(stores, settings)

    async def find(self, name: str) -> str:  # noqa: D102 -- as the protocol has it
        return await self._stores.goals.find(name)

    async def newest(  # noqa: D102 -- as the protocol has it
        self, criteria: "GoalFilter", *, tenant: str | None, limit: int
    ) -> Sequence[str]:
        owned = self._stores if tenant is None else self._stores.of(tenant)
        records = await owned.goals.list(limit=limit, **criteria)
        return [record.workflow_id for record in records]

    @asynccontextmanager
    async def recording(self, workflow_id: str) -> AsyncIterator[Recording]:
        """Yield a recording whose files are on this machine for as long as the block runs.

        A file that cannot be had stays named as it was handed in.
        """
        from perdure.activities.uploaded_files import UploadAway

        record = await self._stores.goals.get(workflow_id)
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

    async def complete(self, workflow_id: str) -> Recording:  # noqa: D102 -- as the protocol has it
        from perdure.stores.timelines.recorded_contents import with_contents

        record = await self._stores.goals.get(workflow_id)
        return await with_contents(await self._stores.recordings.of(record), self._stores.contents)

    async def read(self, digest: str) -> bytes:  # noqa: D102 -- as the protocol has it
        return await self._stores.contents.read(digest)


class RemoteRecordings:
    """The recordings of a server, complete; see :class:`Recordings`.

    Files that goals were handed in with stay there: where an agent opens one outside of a step, its
    replay says that it is not there.
    """

    def __init__(self, client: "AsyncClient", goals: Goals) -> None:
        self._client = client
        self._goals = goals

    async def find(self, name: str) -> str:  # noqa: D102 -- as the protocol has it
        return await self._goals.find_goal(name)

    async def newest(  # noqa: D102 -- as the protocol has it
        self, criteria: "GoalFilter", *, tenant: str | None, limit: int
    ) -> Sequence[str]:
        records = await self._goals.goals(criteria, tenant=tenant, limit=limit)
        return [record.workflow_id for record in records]

    @asynccontextmanager
    async def recording(self, workflow_id: str) -> AsyncIterator[Recording]:  # noqa: D102
        yield await self.complete(workflow_id)

    async def complete(self, workflow_id: str) -> Recording:  # noqa: D102 -- as the protocol has it
        return await self._client.goals.recording(workflow_id)

    async def read(self, digest: str) -> bytes:  # noqa: D102 -- as the protocol has it
        raise LookupError(f"the server has not sent the content {digest}")

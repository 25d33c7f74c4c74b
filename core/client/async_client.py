"""The async client."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final, Self, overload

from pydantic import JsonValue

from perdure.client.connection.asynchronous import AsyncConnection
from perdure.client.connection.server import find_server
from perdure.client.events.asynchronous import follow as goal_events
from perdure.client.events.asynchronous import past as past_events
from perdure.client.files.asynchronous import download, download_archive, upload
from perdure.client.files.uploads import Files, LocalFile, listed, with_uploads
from perdure.client.listings import (
    APPROVALS,
    AUDIT,
    BATCH_ITEMS,
    BATCHES,
    DEAD_LETTERS,
    FACTS,
    GOALS,
    NOTEBOOK,
    UPLOADS,
)
from perdure.client.operations import AsyncIteration, AsyncOperation, AsyncResource
from perdure.client.requests import (
    access,
    approvals,
    batches,
    control,
    files,
    goals,
    installation,
    schedules,
    scores,
)
from perdure.models import Budget, Event, GoalRecord
from perdure.models.uploads import Upload
from perdure.schemas.goals import StartResponse

_WAIT_SECONDS: Final = 30.0


class AsyncGoals(AsyncResource):
    """Goals: start them, follow them, show them, control them."""

    find = AsyncOperation(goals.find)
    show = AsyncOperation(goals.show)
    result = AsyncOperation(goals.result)
    details = AsyncOperation(goals.details)
    timeline = AsyncOperation(goals.timeline)
    notebook = AsyncOperation(goals.notebook)
    iterate_notebook = AsyncIteration(NOTEBOOK)
    recording = AsyncOperation(goals.recording)
    list = AsyncOperation(goals.list_page)
    iterate = AsyncIteration(GOALS)
    counts = AsyncOperation(goals.counts)
    dead_letters = AsyncOperation(goals.dead_letters)
    iterate_dead_letters = AsyncIteration(DEAD_LETTERS)

    cancel = AsyncOperation(control.cancel)
    pause = AsyncOperation(control.pause)
    resume = AsyncOperation(control.resume)
    terminate = AsyncOperation(control.terminate)
    retry = AsyncOperation(control.retry)
    run_again = AsyncOperation(goals.run_again)
    delete = AsyncOperation(goals.delete)
    hold = AsyncOperation(goals.hold)
    release = AsyncOperation(goals.release)
    hold_tenant = AsyncOperation(goals.hold_tenant)
    release_tenant = AsyncOperation(goals.release_tenant)
    holds = AsyncOperation(goals.holds)
    score = AsyncOperation(scores.score)
    scores = AsyncOperation(scores.scores)
    signal = AsyncOperation(control.signal)
    unknown_steps = AsyncOperation(goals.unknown_steps)
    settle = AsyncOperation(control.settle)
    cancel_many = AsyncOperation(control.cancel_many)
    retry_many = AsyncOperation(control.retry_many)
    retry_dead_letters = AsyncOperation(control.retry_dead_letters)

    @overload
    async def start(
        self,
        agent_type: str,
        description: str,
        *,
        parameters: Mapping[str, JsonValue] | None = None,
        files: Files | None = None,
        goal_id: str | None = None,
        budget: Budget | None = None,
        pool: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> StartResponse: ...

    @overload
    async def start(
        self,
        agent_type: str,
        description: str,
        *,
        parameters: Mapping[str, JsonValue] | None = None,
        files: Files | None = None,
        goal_id: str | None = None,
        budget: Budget | None = None,
        pool: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
        wait: float,
    ) -> StartResponse | GoalRecord: ...

    async def start(
        self,
        agent_type: str,
        description: str,
        *,
        parameters: Mapping[str, JsonValue] | None = None,
        files: Files | None = None,
        goal_id: str | None = None,
        budget: Budget | None = None,
        pool: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
        wait: float = 0,
    ) -> StartResponse | GoalRecord:
        """Start a goal.

        Args:
            agent_type: The agent that is to do it.
            description: What it is to achieve.
            parameters: The agent's parameters.
            files: Files of this machine that are uploaded first: for each parameter that takes
                paths one, or several.
            goal_id: A name of your own for it; one is made when it is not given.
            budget: What it may use at most.
            pool: The pool of workers that is to run it.
            priority: Before which others it goes while it waits for a worker: 1 first, 5 last; 3
                when not given.
            callback_url: Where to post an event when it ends or asks something.
            idempotency_key: The same key again returns the run started first. One is made when it
                is not given, so that nothing is started twice when a response is lost.
            wait: How many seconds to wait for its end, 60 at most: its record is returned if it
                ends by then.
        """
        uploads = [await upload(self._connection, file, None) for _, file in listed(files)]
        return await self._connection.send(
            goals.start(
                agent_type,
                description,
                parameters=with_uploads(parameters, files, uploads),
                goal_id=goal_id,
                budget=budget,
                pool=pool,
                priority=priority,
                callback_url=callback_url,
                idempotency_key=idempotency_key,
                wait=wait,
            )
        )

    async def run(
        self,
        agent_type: str,
        description: str,
        *,
        parameters: Mapping[str, JsonValue] | None = None,
        files: Files | None = None,
        goal_id: str | None = None,
        budget: Budget | None = None,
        pool: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> GoalRecord:
        """Start a goal, wait for its end, and return its record: as :meth:`start` otherwise."""
        started = await self.start(
            agent_type,
            description,
            parameters=parameters,
            files=files,
            goal_id=goal_id,
            budget=budget,
            pool=pool,
            priority=priority,
            callback_url=callback_url,
            idempotency_key=idempotency_key,
            wait=_WAIT_SECONDS,
        )
        return started if isinstance(started, GoalRecord) else await self.wait(started.workflow_id)

    async def wait(
        self,
        workflow_id: str,
        timeout: float | None = None,  # noqa: ASYNC109 - as the sync client has it
    ) -> GoalRecord:
        """Wait until a run has ended, and return its record.

        Args:
            workflow_id: The run.
            timeout: For how many seconds at most.

        Raises:
            TimeoutError: It has not ended by then; it goes on.
        """
        try:
            async with asyncio.timeout(timeout):
                while not (record := await self.show(workflow_id)).status.final:
                    async for _ in self.events(workflow_id):
                        pass
        except TimeoutError:
            raise TimeoutError(
                f"{workflow_id} has not ended after {timeout:g} s: it goes on"
            ) from None
        return record

    def events(
        self, workflow_id: str, *, after: int = 0, follow: bool = True
    ) -> AsyncIterator[Event]:
        """Yield a run's events, each once and in order, as they happen, until it has ended.

        When the connection breaks, or the server restarts, it goes on after the last event.

        Args:
            workflow_id: The run.
            after: The number of the last event that is known.
            follow: Whether to wait for more; only those so far are yielded if not.
        """
        return (goal_events if follow else past_events)(self._connection, workflow_id, after)


class AsyncUploads(AsyncResource):
    """Files that are handed in for goals."""

    list = AsyncOperation(files.list_uploads)
    iterate = AsyncIteration(UPLOADS)
    show = AsyncOperation(files.show_upload)
    delete = AsyncOperation(files.delete_upload)

    async def create(self, file: LocalFile, *, name: str | None = None) -> Upload:
        """Upload a file: a goal names it by the ``path`` of what is returned.

        Args:
            file: Its path on this machine.
            name: What it is called there; as here when not given.

        Raises:
            OSError: It cannot be read.
        """
        return await upload(self._connection, file, name)


class AsyncArtifacts(AsyncResource):
    """Files that runs made."""

    list = AsyncOperation(files.list_artifacts)
    read = AsyncOperation(files.artifact)

    async def download(self, workflow_id: str, name: str, to: LocalFile) -> Path:
        """Download a file that a run made, and return where it is.

        A download that broke off goes on where it was, also in a later call.

        Args:
            workflow_id: The run.
            name: The file's name, as :meth:`list` has it.
            to: Where to put it: a file's path, or a folder that is there, in which it gets the
                last part of its name.

        Raises:
            FileDamaged: It did not come as it was made.
            OSError: It cannot be written.
        """
        return await download(self._connection, workflow_id, name, Path(to))

    async def download_archive(self, workflow_id: str, to: LocalFile) -> Path:
        """Download every file of a run in one ZIP archive, and return where it is.

        Args:
            workflow_id: The run.
            to: Where to put it: a file's path, or a folder that is there.
        """
        return await download_archive(self._connection, workflow_id, Path(to))


class AsyncApprovals(AsyncResource):
    """What runs ask people."""

    list = AsyncOperation(approvals.list_page)
    iterate = AsyncIteration(APPROVALS)
    find = AsyncOperation(approvals.find)
    show = AsyncOperation(approvals.show)
    vote = AsyncOperation(approvals.vote)


class AsyncSchedules(AsyncResource):
    """Schedules, which start goals by the clock."""

    create = AsyncOperation(schedules.create)
    list = AsyncOperation(schedules.list_schedules)
    show = AsyncOperation(schedules.show)
    update = AsyncOperation(schedules.update)
    pause = AsyncOperation(schedules.pause)
    resume = AsyncOperation(schedules.resume)
    trigger = AsyncOperation(schedules.trigger)
    backfill = AsyncOperation(schedules.backfill)
    delete = AsyncOperation(schedules.delete)


class AsyncAgents(AsyncResource):
    """The installed agents."""

    list = AsyncOperation(installation.agents)


class AsyncPlugins(AsyncResource):
    """The installed plugins."""

    list = AsyncOperation(installation.plugins)


class AsyncWorkers(AsyncResource):
    """The worker processes."""

    list = AsyncOperation(installation.workers)


class AsyncBatches(AsyncResource):
    """Batches: hand them in, add items, show and control them, take their outcome."""

    start = AsyncOperation(batches.start)
    add = AsyncOperation(batches.add)
    show = AsyncOperation(batches.show)
    list = AsyncOperation(batches.list_page)
    iterate = AsyncIteration(BATCHES)
    items = AsyncOperation(batches.items)
    iterate_items = AsyncIteration(BATCH_ITEMS)
    pause = AsyncOperation(batches.pause)
    resume = AsyncOperation(batches.resume)
    cancel = AsyncOperation(batches.cancel)
    retry = AsyncOperation(batches.retry)
    outcome = AsyncOperation(batches.outcome)


class AsyncUsage(AsyncResource):
    """What goals have used of models."""

    report = AsyncOperation(installation.usage)


class AsyncKeys(AsyncResource):
    """The keys of the tenant, for admins."""

    list = AsyncOperation(access.list_keys)
    create = AsyncOperation(access.create_key)
    revoke = AsyncOperation(access.revoke_key)


class AsyncAudit(AsyncResource):
    """Who did what, and the facts of the audit trail, for admins."""

    list = AsyncOperation(access.list_audit)
    iterate = AsyncIteration(AUDIT)
    facts = AsyncOperation(access.list_facts)
    iterate_facts = AsyncIteration(FACTS)

    async def export(self) -> AsyncIterator[bytes]:
        """Yield the audit trail as it comes: lines of JSON, as ``perdure audit verify`` takes them.

        Raises:
            ServerUnreachable: The connection broke before the end.
        """
        async with self._connection.open(access.export_audit()) as stream:
            async for piece in stream.pieces():
                yield piece


class AsyncClient(AsyncResource):
    """A server of Perdure, from another process or another machine.

    ``async with AsyncClient("https://perdure.example") as client: …``

    Args:
        base_url: The server's address; ``PERDURE_SERVER`` when not given, else this machine's
            port 8000.
        api_key: The key to send; ``PERDURE_API_KEY`` when not given.
        timeout: How many seconds the server may leave a request without a sign of life.
        retry_seconds: For how long requests are repeated that may be, and streams reconnected,
            while a server that has answered before is away or asks for patience.

    Raises:
        ClientError: The address is none of HTTP, or the key cannot be sent.
    """

    readiness = AsyncOperation(installation.readiness)

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 30.0,
        retry_seconds: float = 60.0,
    ) -> None:
        server = find_server(base_url, api_key)
        connection = AsyncConnection(server, timeout=timeout, retry_seconds=retry_seconds)
        super().__init__(connection)
        self.base_url = server.url
        self.goals = AsyncGoals(connection)
        self.uploads = AsyncUploads(connection)
        self.artifacts = AsyncArtifacts(connection)
        self.approvals = AsyncApprovals(connection)
        self.schedules = AsyncSchedules(connection)
        self.agents = AsyncAgents(connection)
        self.plugins = AsyncPlugins(connection)
        self.workers = AsyncWorkers(connection)
        self.batches = AsyncBatches(connection)
        self.usage = AsyncUsage(connection)
        self.keys = AsyncKeys(connection)
        self.audit = AsyncAudit(connection)

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

"""The sync client."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Self, overload

from pydantic import JsonValue

from perdure.client.connection.server import find_server
from perdure.client.connection.synchronous import Connection
from perdure.client.events.synchronous import follow as goal_events
from perdure.client.events.synchronous import past as past_events
from perdure.client.files.synchronous import download, download_archive, upload
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
from perdure.client.operations import Iteration, Operation, Resource
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
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0


class Goals(Resource):
    """Goals: start them, follow them, show them, control them."""

    find = Operation(goals.find)
    show = Operation(goals.show)
    result = Operation(goals.result)
    details = Operation(goals.details)
    timeline = Operation(goals.timeline)
    notebook = Operation(goals.notebook)
    iterate_notebook = Iteration(NOTEBOOK)
    recording = Operation(goals.recording)
    list = Operation(goals.list_page)
    iterate = Iteration(GOALS)
    counts = Operation(goals.counts)
    dead_letters = Operation(goals.dead_letters)
    iterate_dead_letters = Iteration(DEAD_LETTERS)

    cancel = Operation(control.cancel)
    pause = Operation(control.pause)
    resume = Operation(control.resume)
    terminate = Operation(control.terminate)
    retry = Operation(control.retry)
    run_again = Operation(goals.run_again)
    delete = Operation(goals.delete)
    hold = Operation(goals.hold)
    release = Operation(goals.release)
    hold_tenant = Operation(goals.hold_tenant)
    release_tenant = Operation(goals.release_tenant)
    holds = Operation(goals.holds)
    score = Operation(scores.score)
    scores = Operation(scores.scores)
    signal = Operation(control.signal)
    unknown_steps = Operation(goals.unknown_steps)
    settle = Operation(control.settle)
    cancel_many = Operation(control.cancel_many)
    retry_many = Operation(control.retry_many)
    retry_dead_letters = Operation(control.retry_dead_letters)

    @overload
    def start(
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
    def start(
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

    def start(
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
        uploads = [upload(self._connection, file, None) for _, file in listed(files)]
        return self._connection.send(
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

    def run(
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
        started = self.start(
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
        return started if isinstance(started, GoalRecord) else self.wait(started.workflow_id)

    def wait(
        self,
        workflow_id: str,
        timeout: float | None = None,
    ) -> GoalRecord:
        """Wait until a run has ended, and return its record.

        Args:
            workflow_id: The run.
            timeout: For how many seconds at most.

        Raises:
            TimeoutError: It has not ended by then; it goes on.
        """
        if timeout is None:
            while not (record := self.show(workflow_id)).status.final:
                for _ in self.events(workflow_id):
                    pass
            return record
        # A stream cannot be left at a certain time: what is read from it may keep this thread.
        deadline, pause = time.monotonic() + timeout, _FIRST_PAUSE_SECONDS
        while not (record := self.show(workflow_id)).status.final:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError(f"{workflow_id} has not ended after {timeout:g} s: it goes on")
            time.sleep(min(pause, remaining))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return record

    def events(self, workflow_id: str, *, after: int = 0, follow: bool = True) -> Iterator[Event]:
        """Yield a run's events, each once and in order, as they happen, until it has ended.

        When the connection breaks, or the server restarts, it goes on after the last event.

        Args:
            workflow_id: The run.
            after: The number of the last event that is known.
            follow: Whether to wait for more; only those so far are yielded if not.
        """
        return (goal_events if follow else past_events)(self._connection, workflow_id, after)


class Uploads(Resource):
    """Files that are handed in for goals."""

    list = Operation(files.list_uploads)
    iterate = Iteration(UPLOADS)
    show = Operation(files.show_upload)
    delete = Operation(files.delete_upload)

    def create(self, file: LocalFile, *, name: str | None = None) -> Upload:
        """Upload a file: a goal names it by the ``path`` of what is returned.

        Args:
            file: Its path on this machine.
            name: What it is called there; as here when not given.

        Raises:
            OSError: It cannot be read.
        """
        return upload(self._connection, file, name)


class Artifacts(Resource):
    """Files that runs made."""

    list = Operation(files.list_artifacts)
    read = Operation(files.artifact)

    def download(self, workflow_id: str, name: str, to: LocalFile) -> Path:
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
        return download(self._connection, workflow_id, name, Path(to))

    def download_archive(self, workflow_id: str, to: LocalFile) -> Path:
        """Download every file of a run in one ZIP archive, and return where it is.

        Args:
            workflow_id: The run.
            to: Where to put it: a file's path, or a folder that is there.
        """
        return download_archive(self._connection, workflow_id, Path(to))


class Approvals(Resource):
    """What runs ask people."""

    list = Operation(approvals.list_page)
    iterate = Iteration(APPROVALS)
    find = Operation(approvals.find)
    show = Operation(approvals.show)
    vote = Operation(approvals.vote)


class Schedules(Resource):
    """Schedules, which start goals by the clock."""

    create = Operation(schedules.create)
    list = Operation(schedules.list_schedules)
    show = Operation(schedules.show)
    update = Operation(schedules.update)
    pause = Operation(schedules.pause)
    resume = Operation(schedules.resume)
    trigger = Operation(schedules.trigger)
    backfill = Operation(schedules.backfill)
    delete = Operation(schedules.delete)


class Agents(Resource):
    """The installed agents."""

    list = Operation(installation.agents)


class Plugins(Resource):
    """The installed plugins."""

    list = Operation(installation.plugins)


class Workers(Resource):
    """The worker processes."""

    list = Operation(installation.workers)


class Batches(Resource):
    """Batches: hand them in, add items, show and control them, take their outcome."""

    start = Operation(batches.start)
    add = Operation(batches.add)
    show = Operation(batches.show)
    list = Operation(batches.list_page)
    iterate = Iteration(BATCHES)
    items = Operation(batches.items)
    iterate_items = Iteration(BATCH_ITEMS)
    pause = Operation(batches.pause)
    resume = Operation(batches.resume)
    cancel = Operation(batches.cancel)
    retry = Operation(batches.retry)
    outcome = Operation(batches.outcome)


class Usage(Resource):
    """What goals have used of models."""

    report = Operation(installation.usage)


class Keys(Resource):
    """The keys of the tenant, for admins."""

    list = Operation(access.list_keys)
    create = Operation(access.create_key)
    revoke = Operation(access.revoke_key)


class Audit(Resource):
    """Who did what, and the facts of the audit trail, for admins."""

    list = Operation(access.list_audit)
    iterate = Iteration(AUDIT)
    facts = Operation(access.list_facts)
    iterate_facts = Iteration(FACTS)

    def export(self) -> Iterator[bytes]:
        """Yield the audit trail as it comes: lines of JSON, as ``perdure audit verify`` takes them.

        Raises:
            ServerUnreachable: The connection broke before the end.
        """
        with self._connection.open(access.export_audit()) as stream:
            yield from stream.pieces()


class Client(Resource):
    """A server of Perdure, from another process or another machine.

    ``with Client("https://perdure.example") as client: …``

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

    readiness = Operation(installation.readiness)

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 30.0,
        retry_seconds: float = 60.0,
    ) -> None:
        server = find_server(base_url, api_key)
        connection = Connection(server, timeout=timeout, retry_seconds=retry_seconds)
        super().__init__(connection)
        self.base_url = server.url
        self.goals = Goals(connection)
        self.uploads = Uploads(connection)
        self.artifacts = Artifacts(connection)
        self.approvals = Approvals(connection)
        self.schedules = Schedules(connection)
        self.agents = Agents(connection)
        self.plugins = Plugins(connection)
        self.workers = Workers(connection)
        self.batches = Batches(connection)
        self.usage = Usage(connection)
        self.keys = Keys(connection)
        self.audit = Audit(connection)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

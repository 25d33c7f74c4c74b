"""A server over its HTTP API, from another machine."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from pydantic import JsonValue

from perdure.cli.arguments.parameter_types import SchemaTypes
from perdure.cli.arguments.parameters import WrongParameter, local_file, read_values
from perdure.cli.backends.remote_batches import RemoteBatches
from perdure.cli.backends.remote_control import RemoteControl
from perdure.cli.backends.schedules import RemoteSchedules
from perdure.cli.output.printing import print_message
from perdure.cli.runtime.errors import WrongInput
from perdure.client import AsyncClient, Forbidden, UnexpectedResponse
from perdure.models import Budget, Event, Goal, GoalRecord, GoalStatus, Hold, Score, ScoreContent
from perdure.models.usage import UsageGrouping, UsageReport
from perdure.models.workers import WorkerRecord
from perdure.schemas.access import KeyRecord, StoredAuditEntry
from perdure.schemas.agents import AgentDescription, AgentList
from perdure.schemas.approvals import ApprovalRecord
from perdure.schemas.many_goals import GoalFilter
from perdure.schemas.notebook.records import NotebookRecord
from perdure.schemas.plugins import Plugin
from perdure.schemas.steps import GoalDetails, OnceStep
from perdure.schemas.timelines import Timeline

_MAX_APPROVALS: Final = 500


class RemoteBackend:
    """The goals of the tenant that a key is for, on a server; see :class:`.Backend`.

    Args:
        client: The client of its API.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._uploaded: dict[Path, str] = {}

    @asynccontextmanager
    async def control(self, *, lasting: bool = False) -> AsyncIterator[RemoteControl]:
        """Return what starts and controls goals there: they always outlast the command."""
        del lasting
        yield RemoteControl(self._client)

    @asynccontextmanager
    async def schedules(self) -> AsyncIterator[RemoteSchedules]:
        """Return what creates and controls schedules there."""
        yield RemoteSchedules(self._client)

    @asynccontextmanager
    async def batches(self, *, lasting: bool = False) -> AsyncIterator[RemoteBatches]:
        """Return the batches there: they always outlast the command."""
        del lasting
        yield RemoteBatches(self._client, self.read_params, self._upload)

    async def find_goal(self, name: str) -> str:  # noqa: D102 -- as the protocol has it
        return (await self._client.goals.find(name)).workflow_id

    async def goal(self, workflow_id: str) -> GoalRecord:  # noqa: D102 -- as the protocol has it
        return await self._client.goals.show(workflow_id)

    async def goal_details(self, workflow_id: str) -> GoalDetails:  # noqa: D102 -- as there
        return await self._client.goals.details(workflow_id)

    async def timeline(self, workflow_id: str) -> Timeline:  # noqa: D102 -- as the protocol has it
        return await self._client.goals.timeline(workflow_id)

    def notebook(self, workflow_id: str) -> AsyncIterator[NotebookRecord]:  # noqa: D102 -- as there
        return self._client.goals.iterate_notebook(workflow_id, limit=500)

    async def goals(  # noqa: D102 -- as the protocol has it
        self, criteria: GoalFilter, *, tenant: str | None, limit: int
    ) -> list[GoalRecord]:
        _refuse_tenant(tenant)
        page = await self._client.goals.list(**_sent(criteria), limit=limit)
        return page.goals

    async def goal_counts(self, criteria: GoalFilter) -> Mapping[GoalStatus, int]:  # noqa: D102
        return (await self._client.goals.counts(**_sent(criteria))).counts

    async def prepare_goal(
        self,
        agent_type: str,
        description: str,
        *,
        params: Sequence[str],
        goal_id: str,
        budget: Budget | None,
        pool: str | None,
        priority: int,
    ) -> Goal:
        """Upload the files that a goal names here; see :class:`.Backend`."""
        goal = Goal(
            goal_id=goal_id,
            description=description,
            agent_type=agent_type,
            budget=budget,
            pool=pool,
            priority=priority,
        )
        parameters = await self.read_params(agent_type, params)
        return goal.model_copy(update={"parameters": parameters})

    async def read_params(self, agent_type: str, params: Sequence[str]) -> dict[str, JsonValue]:
        """Upload the files among parameters, and return them as the agent's schema types them."""
        agent = await self._agent(agent_type)
        types = SchemaTypes(agent.parameters_schema)
        parameters = read_values(params, types)
        for name in parameters:
            if types.is_path(name):
                parameters[name] = await self._with_uploads(name, parameters[name])
        return parameters

    async def _with_uploads(self, name: str, value: JsonValue) -> JsonValue:
        if isinstance(value, list):
            return [await self._with_uploads(name, item) for item in value]
        file = local_file(name, value) if isinstance(value, str) else None
        if file is None:
            return value
        if not file.is_file():
            raise WrongParameter(
                f"--param {name}={value}: {file} is no file, and a server is given files alone:"
                " name one, or pack the folder into one"
            )
        return await self._upload(file)

    async def _upload(self, file: Path) -> str:
        if file not in self._uploaded:
            print_message(f"uploading {file.name}")
            try:
                self._uploaded[file] = (await self._client.uploads.create(file)).path
            except OSError as error:
                raise WrongParameter(
                    f"{file} cannot be read ({error.strerror or error}): see whether you may"
                ) from error
        return self._uploaded[file]

    async def _agent(self, name: str) -> AgentDescription:
        from perdure.agents.plugins.missing_agents import explain_missing_agent
        from perdure.agents.plugins.registry import UnknownAgent

        agents = {agent.name: agent for agent in (await self._client.agents.list()).agents}
        if name in agents:
            return agents[name]
        plugins: Sequence[Plugin] = ()
        with suppress(Forbidden):  # a key may hand goals in and see no plugins
            plugins = await self.plugins()
        raise UnknownAgent(explain_missing_agent(name, sorted(agents), plugins))

    async def events(self, workflow_id: str, after: int = 0) -> AsyncIterator[Event]:  # noqa: D102
        async for event in self._client.goals.events(workflow_id, after=after):
            yield event

    async def save_artifacts(self, record: GoalRecord, folder: Path) -> None:
        """Download a run's files; see :class:`.Backend`.

        Raises:
            UnexpectedResponse: A file's name would lie outside of the folder; none is written then.
        """
        targets = [(each.name, folder / _checked_name(each.name)) for each in record.artifacts]
        for name, target in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
            await self._client.artifacts.download(record.workflow_id, name, target)

    async def signal(self, workflow_id: str, name: str, data: JsonValue) -> int:  # noqa: D102
        return (await self._client.goals.signal(workflow_id, name, data)).number

    async def settle(  # noqa: D102 -- as the protocol has it
        self, workflow_id: str, step: str, *, by: str, done: bool, value: JsonValue
    ) -> OnceStep:
        settled = await self._client.goals.settle(workflow_id, step, by=by, done=done, value=value)
        return settled.step

    async def delete_goal(self, workflow_id: str) -> None:  # noqa: D102 -- as there
        await self._client.goals.delete(workflow_id)

    async def hold(self, workflow_id: str, reason: str) -> Hold:  # noqa: D102 -- as there
        return await self._client.goals.hold(workflow_id, reason)

    async def release(self, workflow_id: str) -> None:  # noqa: D102 -- as there
        await self._client.goals.release(workflow_id)

    async def hold_tenant(self, tenant: str | None, reason: str) -> Hold:  # noqa: D102 -- as there
        _refuse_tenant(tenant)
        return await self._client.goals.hold_tenant(reason)

    async def release_tenant(self, tenant: str | None) -> None:  # noqa: D102 -- as there
        _refuse_tenant(tenant)
        await self._client.goals.release_tenant()

    async def holds(self) -> Sequence[Hold]:  # noqa: D102 -- as there
        return (await self._client.goals.holds()).holds

    async def score(  # noqa: D102 -- as the protocol has it
        self, workflow_id: str, content: ScoreContent, *, by: str | None
    ) -> Score:
        return await self._client.goals.score(
            workflow_id,
            content.name,
            content.value,
            content.comment,
            step=content.step,
            by=by,
        )

    async def find_approval(self, name: str) -> str:  # noqa: D102 -- as the protocol has it
        return (await self._client.approvals.find(name)).approval_id

    async def approval(self, approval_id: str) -> ApprovalRecord:  # noqa: D102 -- as there
        return await self._client.approvals.show(approval_id)

    async def approvals(self, *, decided_too: bool) -> list[ApprovalRecord]:  # noqa: D102
        status = "all" if decided_too else "open"
        return (await self._client.approvals.list(status=status, limit=_MAX_APPROVALS)).approvals

    async def vote(  # noqa: D102 -- as the protocol has it
        self, approval_id: str, *, by: str, approved: bool, reason: str
    ) -> ApprovalRecord:
        return await self._client.approvals.vote(
            approval_id, by=by, approved=approved, reason=reason
        )

    async def agents(self, only: str | None) -> AgentList:  # noqa: D102 -- as the protocol has it
        if only is not None:
            return AgentList(agents=[await self._agent(only)])
        return await self._client.agents.list()

    async def plugins(self) -> Sequence[Plugin]:  # noqa: D102 -- as the protocol has it
        return (await self._client.plugins.list()).plugins

    async def workers(self) -> list[WorkerRecord]:  # noqa: D102 -- as the protocol has it
        return (await self._client.workers.list()).workers

    async def usage(self, since: datetime, by: UsageGrouping) -> UsageReport:  # noqa: D102
        return await self._client.usage.report(by, since=since)

    async def keys(self, tenant: str | None) -> list[KeyRecord]:  # noqa: D102 -- as there
        _refuse_tenant(tenant)
        return (await self._client.keys.list()).keys

    async def create_key(  # noqa: D102 -- as the protocol has it
        self,
        name: str,
        scopes: Collection[str],
        *,
        tenant: str | None,
        expires_at: datetime | None,
    ) -> tuple[str, KeyRecord]:
        _refuse_tenant(tenant)
        made = await self._client.keys.create(name, [*scopes], expires_at=expires_at)
        return made.key, made.record

    async def revoke_key(self, key_id: str) -> KeyRecord:  # noqa: D102 -- as the protocol has it
        return await self._client.keys.revoke(key_id)

    async def audit(  # noqa: D102 -- as the protocol has it
        self,
        tenant: str | None,
        *,
        action: str | None,
        who: str | None,
        subject: str | None,
        limit: int,
        before: int | None,
    ) -> list[StoredAuditEntry]:
        _refuse_tenant(tenant)
        page = await self._client.audit.list(
            action=action, who=who, subject=subject, limit=limit, before=before
        )
        return page.entries

    def audit_export(self, tenant: str | None) -> AsyncIterator[bytes]:  # noqa: D102 -- as there
        _refuse_tenant(tenant)
        return self._client.audit.export()


def _sent(criteria: GoalFilter) -> dict[str, Any]:
    """Return a filter as the client takes it, which takes several statuses as a list."""
    status = criteria.get("status")
    statuses = [status] if isinstance(status, GoalStatus) else [*(status or ())]
    return {**criteria, "status": statuses}


def _refuse_tenant(tenant: str | None) -> None:
    if tenant is not None:
        raise WrongInput(
            "on a server the key says whose goals they are: leave --tenant out, and give a key of"
            f" {tenant}"
        )


def _checked_name(name: str) -> PurePosixPath:
    """Return an artifact's name as a path that stays below the folder it is put into."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name:
        raise UnexpectedResponse(
            f"the server calls a file {name!r}, which would not lie in the folder: nothing was"
            " written"
        )
    return path

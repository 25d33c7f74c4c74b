"""The installation of this machine: its stores, and a session with Temporal where one is needed."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.cli.arguments.parameters import read_parameters
from perdure.cli.backends.audit import LocalAudit
from perdure.cli.output.printing import print_message
from perdure.cli.output.results import copy_artifacts
from perdure.cli.runtime.event_loop import interruptible

if TYPE_CHECKING:
    from pydantic import JsonValue

    from perdure.agents.plugins.registry import AgentRegistry, InstalledAgent
    from perdure.cli.backends.local_batches import LocalBatches
    from perdure.cli.backends.local_control import LocalControl
    from perdure.cli.backends.schedules import LocalSchedules
    from perdure.models import (
        Budget,
        Event,
        Goal,
        GoalRecord,
        GoalStatus,
        Hold,
        Score,
        ScoreContent,
    )
    from perdure.models.usage import UsageGrouping, UsageReport
    from perdure.models.workers import WorkerRecord
    from perdure.schemas.access import KeyRecord, StoredAuditEntry
    from perdure.schemas.agents import AgentList
    from perdure.schemas.approvals import ApprovalRecord
    from perdure.schemas.many_goals import GoalFilter
    from perdure.schemas.notebook.records import NotebookRecord
    from perdure.schemas.plugins import Plugin
    from perdure.schemas.steps import GoalDetails, OnceStep
    from perdure.schemas.timelines import Timeline
    from perdure.settings import Settings
    from perdure.stores import Stores
    from perdure.temporal.client.decisions import DecisionService
    from perdure.temporal.session import Session

_MAX_APPROVALS = 500


class FileNotServed(Exception):
    """A plugin file was given that the running installation does not know."""


class FileRefused(Exception):
    """A plugin file was given whose agent another plugin has, which would run in its place."""


class LocalBackend:
    """The installation of this machine; see :class:`.Backend`.

    Args:
        settings: The settings.
        stack: Closes what is opened on the way.
    """

    def __init__(self, settings: "Settings", stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._opened: Stores | None = None

    async def _stores(self) -> "Stores":
        from perdure.stores import open_stores

        if self._opened is None:
            self._opened = await self._stack.enter_async_context(open_stores(self._settings))
        return self._opened

    async def _audit(self) -> LocalAudit:
        return LocalAudit(await self._stores())

    @asynccontextmanager
    async def control(self, *, lasting: bool = False) -> "AsyncIterator[LocalControl]":
        """Open a session, which starts the embedded server where none runs.

        Raises:
            NoInstallation: Goals have to go on when the command ends, and no server runs.
        """
        from perdure.cli.backends.local_control import LocalControl
        from perdure.temporal.session import open_session

        if lasting:
            self._check_lasts("go on with the goal")
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(open_session(self._settings, print_message))
            yield LocalControl(session, None if lasting else stack)

    @asynccontextmanager
    async def schedules(self) -> "AsyncIterator[LocalSchedules]":
        """Open a session with the server that runs.

        Raises:
            NoInstallation: None does.
        """
        from perdure.cli.backends.schedules import LocalSchedules
        from perdure.temporal.session import open_session

        self._check_lasts("start goals by the clock")
        async with open_session(self._settings, print_message) as session:
            yield LocalSchedules(session)

    def _check_lasts(self, purpose: str) -> None:
        from perdure.temporal.installation import NoInstallation, installation_address

        if installation_address(self._settings.home, lasting=True) is None:
            raise NoInstallation(f"no server runs that could {purpose}: start one, perdure dev")

    @asynccontextmanager
    async def batches(self, *, lasting: bool = False) -> "AsyncIterator[LocalBatches]":
        """Return this machine's batches; a session is opened once they need one."""
        from perdure.cli.backends.local_batches import LocalBatches

        if self._settings.plugin_files:
            _check_plugin_files(self._settings)
        async with AsyncExitStack() as stack:

            async def open_session() -> "Session":
                control = await stack.enter_async_context(self.control(lasting=lasting))
                return control.session

            yield LocalBatches(await self._stores(), self._agent, open_session)

    async def find_goal(self, name: str) -> str:  # noqa: D102 -- as the protocol has it
        return await (await self._stores()).goals.find(name)

    async def goal(self, workflow_id: str) -> "GoalRecord":  # noqa: D102 -- as the protocol has it
        return await (await self._stores()).goals.get(workflow_id)

    async def goal_details(self, workflow_id: str) -> "GoalDetails":  # noqa: D102 -- as there
        from perdure.temporal.client.goal_details import goal_details

        return await goal_details(await self._stores(), workflow_id)

    async def timeline(self, workflow_id: str) -> "Timeline":  # noqa: D102 -- as the protocol has it
        stores = await self._stores()
        return await stores.timelines.of(await stores.goals.get(workflow_id))

    async def notebook(self, workflow_id: str) -> "AsyncIterator[NotebookRecord]":  # noqa: D102
        stores = await self._stores()
        page = await stores.notebook.of(workflow_id)
        while page:
            for entry in page:
                yield entry
            page = await stores.notebook.of(workflow_id, after=page[-1].key)

    async def goals(  # noqa: D102 -- as the protocol has it
        self, criteria: "GoalFilter", *, tenant: str | None, limit: int
    ) -> "list[GoalRecord]":
        stores = await self._stores()
        if tenant is not None:
            stores = stores.of(tenant)
        return await stores.goals.list(limit=limit, **criteria)

    async def goal_counts(self, criteria: "GoalFilter") -> "Mapping[GoalStatus, int]":  # noqa: D102
        return await (await self._stores()).goals.counts(**criteria)

    async def read_params(self, agent_type: str, params: Sequence[str]) -> "dict[str, JsonValue]":
        """Return parameters as the agent's model types them; see :class:`.Backend`."""
        return read_parameters(params, (await self._agent(agent_type)).spec.parameters)

    async def prepare_goal(
        self,
        agent_type: str,
        description: str,
        *,
        params: Sequence[str],
        goal_id: str,
        budget: "Budget | None",
        pool: str | None,
        priority: int,
    ) -> "Goal":
        """Check a goal before a server is started for it; see :class:`.Backend`.

        Raises:
            UnknownAgent: No installed agent has that name.
            ParametersRefused: The parameters do not fit it.
            FileNotServed: The installation that runs does not know a plugin file.
            FileRefused: The agent of a plugin file is another plugin's.
        """
        from perdure.agents.parameters import typed_parameters
        from perdure.models import Goal

        if self._settings.plugin_files:
            _check_plugin_files(self._settings)
        spec = (await self._agent(agent_type)).spec
        return Goal(
            goal_id=goal_id,
            description=description,
            agent_type=agent_type,
            parameters=typed_parameters(spec, read_parameters(params, spec.parameters)),
            budget=budget,
            pool=pool,
            priority=priority,
        )

    async def _agent(self, name: str) -> "InstalledAgent":
        registry = self._load_agents()
        for plugin in registry.plugins:
            is_given = plugin.is_file and Path(plugin.module) in self._settings.plugin_files
            if is_given and name in plugin.claims:
                raise FileRefused(f"{plugin.module} is not used: {plugin.reason}")
        if name in registry.agents:
            return registry.agents[name]
        from perdure.activities.agent_lookup import find_agent

        return await find_agent(registry, await self._stores(), name)

    async def events(self, workflow_id: str, after: int = 0) -> "AsyncIterator[Event]":  # noqa: D102
        async for event in (await self._stores()).events.follow(workflow_id, after):
            yield event

    async def save_artifacts(self, record: "GoalRecord", folder: Path) -> None:
        """Copy a run's files; see :class:`.Backend`.

        Raises:
            UnknownArtifact: One is not in this artifact store; none is written then.
        """
        await copy_artifacts(await self._stores(), record, folder)

    async def _decisions(self) -> "DecisionService":
        """Return what takes votes and signals; it notifies the server where one is known."""
        from perdure.temporal.client.connection import connect
        from perdure.temporal.client.decisions import DecisionService
        from perdure.temporal.client.workflow_gateway import WorkflowGateway
        from perdure.temporal.installation import installation_address

        address = installation_address(self._settings.home)
        client = await connect(address, lazy=True) if address is not None else None
        gateway = WorkflowGateway(client) if client is not None else None
        return DecisionService(gateway, await self._stores())

    async def signal(self, workflow_id: str, name: str, data: "JsonValue") -> int:  # noqa: D102
        audit = await self._audit()
        async with audit.doing("goal.signal", workflow_id, {"name": name}):
            return await (await self._decisions()).signal(workflow_id, name, data)

    async def settle(  # noqa: D102 -- as the protocol has it
        self, workflow_id: str, step: str, *, by: str, done: bool, value: "JsonValue"
    ) -> "OnceStep":
        stores, audit = await self._stores(), await self._audit()
        details: dict[str, JsonValue] = {"step": step, "done": done, "by": by}
        async with audit.doing("step.settle", workflow_id, details):
            return await stores.once_steps.settle(workflow_id, step, by=by, done=done, value=value)

    async def delete_goal(self, workflow_id: str) -> None:  # noqa: D102 -- as there
        stores, audit = await self._stores(), await self._audit()
        tenant = (await stores.goals.get(workflow_id)).tenant
        async with audit.doing("goal.delete", workflow_id, tenant=tenant):
            await stores.deletion.delete(workflow_id)

    async def hold(self, workflow_id: str, reason: str) -> "Hold":  # noqa: D102 -- as there
        stores, audit = await self._stores(), await self._audit()
        async with audit.doing("goal.hold", workflow_id, {"reason": reason}):
            return await stores.holds.hold(workflow_id, _login_name(), reason)

    async def release(self, workflow_id: str) -> None:  # noqa: D102 -- as there
        stores, audit = await self._stores(), await self._audit()
        async with audit.doing("goal.release", workflow_id):
            await stores.holds.release(workflow_id)

    async def hold_tenant(self, tenant: str | None, reason: str) -> "Hold":  # noqa: D102 -- as there
        from perdure.models import DEFAULT_TENANT

        tenant = tenant or DEFAULT_TENANT
        stores, audit = (await self._stores()).of(tenant), await self._audit()
        async with audit.doing("tenant.hold", tenant, {"reason": reason}, tenant):
            return await stores.holds.hold_tenant(_login_name(), reason)

    async def release_tenant(self, tenant: str | None) -> None:  # noqa: D102 -- as there
        from perdure.models import DEFAULT_TENANT

        tenant = tenant or DEFAULT_TENANT
        stores, audit = (await self._stores()).of(tenant), await self._audit()
        async with audit.doing("tenant.release", tenant, tenant=tenant):
            await stores.holds.release_tenant()

    async def holds(self) -> "Sequence[Hold]":  # noqa: D102 -- as there
        return await (await self._stores()).holds.list()

    async def score(  # noqa: D102 -- as the protocol has it
        self, workflow_id: str, content: "ScoreContent", *, by: str | None
    ) -> "Score":
        stores, audit = await self._stores(), await self._audit()
        by = by or _login_name()
        async with audit.doing("goal.score", workflow_id, content.model_dump() | {"by": by}):
            return await stores.scores.give(workflow_id, content, by)

    async def find_approval(self, name: str) -> str:  # noqa: D102 -- as the protocol has it
        return await (await self._stores()).approvals.find(name)

    async def approval(self, approval_id: str) -> "ApprovalRecord":  # noqa: D102 -- as there
        return await (await self._stores()).approvals.get(approval_id)

    async def approvals(self, *, decided_too: bool) -> "list[ApprovalRecord]":  # noqa: D102
        from perdure.schemas.approvals import ApprovalStatus

        status = None if decided_too else ApprovalStatus.OPEN
        return await (await self._stores()).approvals.list(limit=_MAX_APPROVALS, status=status)

    async def vote(  # noqa: D102 -- as the protocol has it
        self, approval_id: str, *, by: str, approved: bool, reason: str
    ) -> "ApprovalRecord":
        from perdure.models import Vote

        vote = Vote(by=by, approved=approved, reason=reason, at=datetime.now(UTC))
        asked_by = (await self.approval(approval_id)).workflow_id
        details: dict[str, JsonValue] = {"by": by, "approved": approved}
        audit, tenant = await self._audit(), (await self.goal(asked_by)).tenant
        async with audit.doing("approval.vote", approval_id, details, tenant):
            return await (await self._decisions()).vote(approval_id, vote)

    async def agents(self, only: str | None) -> "AgentList":  # noqa: D102 -- as the protocol has it
        from perdure.agents.description import describe_agents

        registry = self._load_agents()
        if only is not None:
            registry.agent(only)
        return describe_agents(registry, only=only)

    async def plugins(self) -> "Sequence[Plugin]":  # noqa: D102 -- as the protocol has it
        return self._load_agents().plugins

    def _load_agents(self) -> "AgentRegistry":
        from perdure.temporal.installation import load_agents

        with interruptible():
            return load_agents(self._settings)

    async def workers(self) -> "list[WorkerRecord]":  # noqa: D102 -- as the protocol has it
        return await (await self._stores()).workers.list()

    async def usage(self, since: datetime, by: "UsageGrouping") -> "UsageReport":  # noqa: D102
        return await (await self._stores()).usage.report(since, by)

    async def keys(self, tenant: str | None) -> "list[KeyRecord]":  # noqa: D102 -- as there
        return await (await self._stores()).access.keys.list(tenant)

    async def create_key(  # noqa: D102 -- as the protocol has it
        self,
        name: str,
        scopes: Collection[str],
        *,
        tenant: str | None,
        expires_at: datetime | None,
    ) -> "tuple[str, KeyRecord]":
        from perdure.models import DEFAULT_TENANT

        stores, audit = await self._stores(), await self._audit()
        tenant = tenant or DEFAULT_TENANT
        details: dict[str, JsonValue] = {"name": name, "scopes": [*scopes]}
        async with audit.doing("key.create", "", details, tenant) as action:
            key, record = await stores.access.keys.create(
                name, scopes, tenant=tenant, expires_at=expires_at
            )
            action.subject, details["name"] = record.key_id, record.name
        return key, record

    async def revoke_key(self, key_id: str) -> "KeyRecord":  # noqa: D102 -- as the protocol has it
        stores, audit = await self._stores(), await self._audit()
        record = await stores.access.keys.get(key_id)
        async with audit.doing("key.revoke", key_id, {"name": record.name}, record.tenant):
            return await stores.access.keys.revoke(key_id)

    async def audit(  # noqa: D102 -- as the protocol has it
        self,
        tenant: str | None,
        *,
        action: str | None,
        who: str | None,
        subject: str | None,
        limit: int,
        before: int | None,
    ) -> "list[StoredAuditEntry]":
        return await (await self._stores()).access.audit.list(
            tenant, limit=limit, before=before, action=action, who=who, subject=subject
        )

    async def audit_export(self, tenant: str | None) -> AsyncIterator[bytes]:  # noqa: D102 -- as there
        stores = await self._stores()
        trail = stores.trail if tenant is None else stores.of(tenant).trail
        async for lines in trail.export():
            yield lines


def _login_name() -> str:
    import getpass

    return getpass.getuser()


def _check_plugin_files(settings: "Settings") -> None:
    from perdure.temporal.installation import installation_address, read_installation

    running = read_installation(settings.home)
    if running is None or installation_address(settings.home) != running.temporal_address:
        return
    known = {file.path for file in running.plugin_files}
    missing = [str(file) for file in settings.plugin_files if file not in known]
    if missing:
        if running.command == "run":
            raise FileNotServed(
                f"the goal that runs in process {running.pid} has the worker of this home, which"
                f" does not know {', '.join(missing)}: wait for its end, or set PERDURE_HOME to"
                " another folder"
            )
        raise FileNotServed(
            f"perdure dev runs and does not know {', '.join(missing)}: start it again with"
            f" --plugin {missing[0]}"
        )

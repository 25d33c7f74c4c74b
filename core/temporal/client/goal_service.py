"""The service behind the API and the command line: starts goals and controls their runs."""

import copy
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from temporalio.client import Client
from temporalio.service import RPCError

from perdure.activities.agent_lookup import find_agent
from perdure.agents.parameters import ParameterProblem, ParametersRefused, typed_parameters
from perdure.agents.path_parameters import check_paths
from perdure.agents.plugins.registry import AgentRegistry, InstalledAgent
from perdure.agents.policy.gate import denial_of_goal
from perdure.models import Budget, Goal, GoalRecord, Parameters
from perdure.models.base import first_problem
from perdure.policy.policy import PolicyInForce
from perdure.redaction import holds_api_key
from perdure.stores import Stores, StoreUnavailable, UnknownGoal
from perdure.stores.access.audit import PendingEntry
from perdure.stores.artifacts.input_paths import InputPaths
from perdure.stores.database.errors import InputRefused
from perdure.stores.runs.idempotency import check_key, digest_of
from perdure.stores.runs.reruns import Rerun
from perdure.telemetry.traces.entrances import new_goal
from perdure.temporal.client.agent_pools import AgentPools
from perdure.temporal.client.connection import RPC_TIMEOUT
from perdure.temporal.client.control import RunControl
from perdure.temporal.client.decisions import DecisionService
from perdure.temporal.client.many_runs import ManyRuns
from perdure.temporal.client.reconciliation import Reconciliation
from perdure.temporal.client.workflow_gateway import WorkflowGateway

# So many views by tenant are kept, as of the stores.
_MAX_VIEWS: Final = 1000
_ANY_POOLS: Final = AgentPools()


class GoalService:
    """Starts runs of goals, and has the services for runs that have started.

    Attributes:
        client: The Temporal client.
        stores: Where runs are read; nothing here waits on Temporal for a result.
        registry: The agents that a goal may name.
        gateway: The calls to Temporal.
        control: Cancels, pauses, terminates and retries runs.
        many: Cancels and retries many runs at once.
        decisions: Takes votes and signals.
        reconciliation: Closes the records of runs that Temporal has ended.
    """

    def __init__(
        self,
        client: Client,
        stores: Stores,
        registry: AgentRegistry,
        file_roots: Sequence[Path] | None = None,
        pools: AgentPools = _ANY_POOLS,
        policy: PolicyInForce | None = None,
    ) -> None:
        """Bind it to an installation.

        Args:
            client: The Temporal client.
            stores: The stores.
            registry: The agents.
            file_roots: The folders that the paths of goals may lie in, beside files that were
                handed in; any when ``None``.
            pools: Which pools of workers run the goals of which agents.
            policy: The rules that a goal must not be denied by.
        """
        self.registry = registry
        self.client = client
        self._file_roots = file_roots
        self._pools = pools
        self._policy = policy
        self.gateway = WorkflowGateway(client)
        self._views: dict[str, GoalService] = {}
        self._bind(stores)

    def _bind(self, stores: Stores) -> None:
        self.stores = stores
        self._paths = InputPaths(stores.uploads, self._file_roots)
        self.reconciliation = Reconciliation(self.gateway, stores)
        self.control = RunControl(self.gateway, stores, self.reconciliation)
        self.many = ManyRuns(self.control, stores)
        self.decisions = DecisionService(self.gateway, stores)

    def of(self, tenant: str) -> "GoalService":
        """Return a view of the service for the callers of a tenant.

        It starts that tenant's goals, and controls no others; see :meth:`.Stores.of`. Views
        are kept: it costs nothing.

        Raises:
            InputRefused: It is no name for a tenant.
        """
        if (known := self._views.get(tenant)) is not None:
            return known
        view = copy.copy(self)
        view._bind(self.stores.of(tenant))  # noqa: SLF001 -- a copy of itself
        if len(self._views) >= _MAX_VIEWS:
            self._views.clear()
        self._views[tenant] = view
        return view

    async def start(
        self,
        goal: Goal,
        idempotency_key: str | None = None,
        callback_url: str | None = None,
        entry: PendingEntry | None = None,
    ) -> str:
        """Check a goal and start its workflow, with the parameters as the agent's model has them.

        Args:
            goal: The goal.
            idempotency_key: With the same key and goal again, the run that was started first is
                returned, whether it runs or has ended, and nothing is started.
            callback_url: Where to post that it has ended or asks something; see
                :meth:`.CallbackUrls.check`.
            entry: What is put into the audit table together with the run's record.

        Returns:
            The workflow id, ``goal-{goal_id}-{uuid}``.

        Raises:
            UnknownAgent: No installed agent has that name.
            ParametersRefused: The parameters do not fit the agent.
            PolicyDenied: A rule of the policy denies it.
            InputRefused: The idempotency key is empty or too long, or the goal holds an API key.
            KeyConflict: The key was given with another goal.
            StoreUnavailable: A key or a callback was given and the stores do not answer; nothing
                was started.
            TemporalUnavailable: The server does not answer; nothing was started.
        """
        if idempotency_key is not None:
            check_key(idempotency_key)
        checked, agent = await self.check(goal)
        workflow_id = f"goal-{goal.goal_id}-{uuid.uuid4()}"
        if idempotency_key is not None:
            digest = digest_of(goal)
            workflow_id, is_started = await self._claim(idempotency_key, digest, workflow_id)
            if is_started:
                return workflow_id
        if callback_url is not None:
            await self.stores.callbacks.add(workflow_id, callback_url)
        goal = checked.model_copy(update={"trace": new_goal(goal.agent_type)})
        started_at = datetime.now(UTC)
        await self.gateway.start(goal, workflow_id)
        # Only now, so that no record exists without a workflow; the prepare activity opens it too,
        # should this process end here.
        with suppress(StoreUnavailable):  # the goal runs: its caller must learn its id
            await self.stores.goals.create(
                goal, workflow_id, started_at, agent.agent_version, entry
            )
        return workflow_id

    async def check(self, goal: Goal) -> tuple[Goal, InstalledAgent]:
        """Check a goal, and return it as it is started, with its agent; nothing is started.

        Raises:
            UnknownAgent: No installed agent has that name.
            ParametersRefused: The parameters do not fit the agent.
            PolicyDenied: A rule of the policy denies it.
            InputRefused: The goal holds an API key.
            StoreUnavailable: The stores do not answer.
        """
        _check_no_key(goal)
        agent = await find_agent(self.registry, self.stores, goal.agent_type)
        paths = await self._paths.with_records(self.stores.upload_records, goal.parameters)
        update = {
            "parameters": typed_parameters(agent.spec, goal.parameters, paths.check),
            "pool": self._pools.for_goal(goal, agent.spec),
            "tenant": self.stores.tenant or goal.tenant,
        }
        checked = goal.model_copy(update=update)
        self._check_policy(checked)
        return checked, agent

    async def check_shared(
        self, agent_type: str, parameters: Parameters, pool: str | None, description: str
    ) -> tuple[str | None, Parameters]:
        """Check what many goals share, which need not be all that the agent asks for.

        Returns:
            The pool that runs them, and the parameters with their paths as they are handed on.

        Raises:
            UnknownAgent: No installed agent has that name.
            ParametersRefused: A path is one that no goal may name.
            InputRefused: They hold an API key.
            StoreUnavailable: The stores do not answer.
        """
        agent = await find_agent(self.registry, self.stores, agent_type)
        goal = Goal(
            goal_id="shared",
            description=description or "shared",
            agent_type=agent_type,
            parameters=parameters,
            pool=pool,
        )
        _check_no_key(goal)
        paths = await self._paths.with_records(self.stores.upload_records, parameters)
        checked, refused = check_paths(agent.spec.parameters, parameters, paths.check)
        if refused:
            problems = [ParameterProblem(name, message) for name, message in refused.items()]
            raise ParametersRefused(agent_type, problems)
        return self._pools.for_goal(goal, agent.spec), checked

    async def run_again(
        self,
        workflow_id: str,
        *,
        by: str,
        from_step: str | None = None,
        description: str | None = None,
        parameters: Parameters | None = None,
        budget: Budget | None = None,
        idempotency_key: str | None = None,
    ) -> Rerun:
        """Start a new run of a run's goal, as it was or edited, from its start or from a step.

        From a step, what the run had finished before it is taken over and not done again; steps
        whose input is another by now, as after an edit or with another version of the agent, are.

        Args:
            workflow_id: The run to make it from, in whatever status.
            by: Who has it run again.
            from_step: The step, as :meth:`.RerunStore.create` takes it.
            description: What the agent is to achieve, where it is to be another.
            parameters: All parameters, where they are to be others.
            budget: What the new run may use at most, where that is to be another.
            idempotency_key: With the same key again, the run that was started first is returned.

        Returns:
            The new run.

        Raises:
            UnknownGoal: There is no such run.
            UnknownStep: It has no such step.
            StateConflict: Several steps have that name, or the key was given with something else.
            UnknownAgent: No installed agent has that name.
            ParametersRefused: The parameters do not fit the agent.
            PolicyDenied: A rule of the policy denies it.
            InputRefused: The description is blank, the parameters are too large, or one of them
                holds an API key.
            TemporalUnavailable: The server does not answer; nothing was started.
        """
        if idempotency_key is not None:
            check_key(idempotency_key)
        source = await self.stores.goals.get(workflow_id)
        goal = _edited(source, description, parameters, budget)
        _check_no_key(goal)
        agent = await find_agent(self.registry, self.stores, goal.agent_type)
        paths = await self._paths.with_records(self.stores.upload_records, goal.parameters)
        typed = typed_parameters(agent.spec, goal.parameters, paths.check)
        update = {"parameters": typed, "trace": new_goal(goal.agent_type)}
        goal = goal.model_copy(update=update)
        self._check_policy(goal)
        new = f"goal-{goal.goal_id}-{uuid.uuid4()}"
        if idempotency_key is not None:
            if from_step is not None:  # before the key is taken, which another step may need
                await self.stores.reruns.check_step(source, from_step)
            digest = digest_of(goal, made_from=workflow_id, from_step=from_step)
            new, is_started = await self._claim(idempotency_key, digest, new)
            if is_started:
                return Rerun(workflow_id=new)
        # Before the workflow, which would find no journal: it is deleted where none is started.
        rerun = await self.stores.reruns.create(
            goal, new, source, from_step=from_step, by=by, agent_version=agent.agent_version
        )
        started = False
        try:
            started = await self.gateway.start(goal, new)
        finally:
            if not started:
                await self.stores.reruns.withdraw(new)
        return rerun

    async def is_up(self) -> bool:
        """Return whether the Temporal server answers."""
        try:
            return await self.client.service_client.check_health(timeout=RPC_TIMEOUT)
        except (RPCError, RuntimeError):
            return False

    def _check_policy(self, goal: Goal) -> None:
        denied = None if self._policy is None else denial_of_goal(self._policy.current(), goal)
        if denied is not None:
            raise denied

    async def _claim(self, key: str, digest: str, workflow_id: str) -> tuple[str, bool]:
        """Return the run that has an idempotency key, and whether it was started.

        The first caller may not have started it: then this one does.
        """
        first = await self.stores.idempotency_keys.claim(key, digest, workflow_id)
        return first, first != workflow_id and await self._is_on_record(first)

    async def _is_on_record(self, workflow_id: str) -> bool:
        try:
            await self.stores.goals.get(workflow_id)
        except UnknownGoal:
            return False
        return True


def _check_no_key(goal: Goal) -> None:
    if holds_api_key(goal.model_dump_json(include={"goal_id", "description", "parameters"})):
        raise InputRefused(
            "the goal holds an API key, which everybody could read who may read the goal: take it"
            " out, and revoke the key if others have seen it"
        )


def _edited(
    source: GoalRecord,
    description: str | None,
    parameters: Parameters | None,
    budget: Budget | None,
) -> Goal:
    try:
        return Goal(
            goal_id=source.goal_id,
            description=source.description if description is None else description,
            agent_type=source.agent_type,
            parameters=source.parameters if parameters is None else parameters,
            budget=source.budget if budget is None else budget,
            pool=source.pool,
            priority=source.priority,
            tenant=source.tenant,
        )
    except ValidationError as error:
        raise InputRefused(first_problem(error)) from error

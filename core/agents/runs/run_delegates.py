"""The part of a run that hands goals to other agents."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from pydantic import JsonValue

from perdure.agents.events.step_events import StepEvents
from perdure.agents.runs.step_runner import StepRunner
from perdure.agents.steps.encoding import to_json
from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.journal import DelegateRequest, WaitRequest
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.steps import Steps
from perdure.models import PlannedGoal, Result
from perdure.models.texts import escape_surrogates
from perdure.redaction import as_given
from perdure.schemas.agents import AgentDescription

MAX_PLANNED = 1_000


class DelegateAgents(Protocol):
    """The agents that a run may delegate to."""

    async def describe(self) -> list[AgentDescription]:
        """Return what each of them is for and takes."""

    async def check(
        self,
        agent_type: str,
        parameters: Mapping[str, JsonValue],
        check_path: Callable[[str], str] | None,
    ) -> dict[str, JsonValue]:
        """Return the parameters as the agent takes them, or raise what is wrong."""


class RunDelegates:
    """Delegates goals; the base class of :class:`~perdure.agents.Run`."""

    steps: Steps
    events: StepEvents
    delegate_agents: DelegateAgents | None
    _runner: StepRunner

    async def delegate(
        self,
        agent_type: str,
        description: str,
        parameters: Mapping[str, object] | None = None,
        *,
        name: str = "",
        after: Sequence[str] = (),
    ) -> Result:
        """Hand another agent a goal of its own, and wait for its result.

        Several at once run in parallel: ``asyncio.gather(run.delegate(…), run.delegate(…))``. The
        goals share this one's budget, and end when it ends.

        Args:
            agent_type: The name of an installed agent.
            description: The goal.
            parameters: The agent's parameters: plain data, or what becomes such, as paths and
                dates do.
            name: What it is called in the picture of this run's goals, as :meth:`plan` has it.
            after: The goals whose results it uses, by the names of that picture.

        Raises:
            StepFailed: The goal failed or was cancelled.
            PermanentError: Goals are delegated more than five deep, or the parameters have no JSON
                form.
        """
        description = escape_surrogates(description)
        plain = {
            parameter: as_given(
                to_json(value, what=f"the parameter {parameter!r} of {agent_type!r}")
            )
            for parameter, value in (parameters or {}).items()
        }
        key = self.steps.key("delegate", [agent_type, description, plain])
        request = DelegateRequest(agent_type, description, plain, name, tuple(after))
        return Result.model_validate_json(await self._wait(key, request))

    async def plan(self, goals: Sequence[PlannedGoal]) -> None:
        """Say which goals the run is going to delegate, so that its page draws them beforehand.

        It is a step: an execution that finds it in the journal says nothing. What was planned under
        the same name before is replaced.

        Args:
            goals: The goals; a goal is later delegated with ``name=`` as it is called here.

        Raises:
            PermanentError: There are more than a thousand of them.
        """
        if len(goals) > MAX_PLANNED:
            raise PermanentError(
                f"run.plan was given {len(goals):,} goals, and {MAX_PLANNED:,} are the most: plan"
                " fewer, larger ones"
            )
        planned = [goal.model_dump(mode="json") for goal in goals]
        key = self.steps.key("plan", planned)
        await self._runner.run(key, self._tell, (planned,), {}, once=False, idempotency_key=False)

    async def agents(self) -> list[AgentDescription]:
        """Return the agents that goals can be delegated to; the same in every execution.

        They are those that are installed here, and those of workers elsewhere that are there now.

        Raises:
            PermanentError: The run knows none, as one that was made by hand.
        """
        key = self.steps.key("agents", [])
        found = await self._runner.run(
            key, self._describe_agents, (), {}, once=False, idempotency_key=False
        )
        assert isinstance(found, list)
        return found

    async def check_delegate(
        self,
        agent_type: str,
        parameters: Mapping[str, JsonValue],
        check_path: Callable[[str], str] | None = None,
    ) -> dict[str, JsonValue]:
        """Return the parameters of a goal as its agent takes them; nothing is delegated.

        It looks at the agents that there are now: call it within a step. Of one that only workers
        elsewhere have, the names and paths are checked, and its worker checks the rest.

        Args:
            agent_type: The name of an agent that is installed here, or that any worker has had.
            parameters: The parameters.
            check_path: Called with each path among them: returns the path to hand on, or raises
                :class:`~perdure.agents.InputError`.

        Raises:
            UnknownAgent: No agent has that name.
            ParametersRefused: The parameters do not fit it.
        """
        return await self._known_agents().check(agent_type, parameters, check_path)

    def _known_agents(self) -> DelegateAgents:
        if self.delegate_agents is None:
            raise PermanentError(
                "this run knows no agents: make it with AgentFactory.create, or rehearse the agent"
            )
        return self.delegate_agents

    async def _describe_agents(self) -> list[AgentDescription]:
        return await self._known_agents().describe()

    async def _tell(self, goals: list[dict[str, JsonValue]]) -> None:
        await self.events.emit_event("planned", {"goals": [*goals]})

    async def _wait(self, key: StepKey, request: WaitRequest) -> str:
        raise NotImplementedError  # the run's own

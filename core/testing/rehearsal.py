"""Rehearsals: an agent executed from its first line to its result, all in memory."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import JsonValue

from perdure.agents.execution import clean_up, execute_agent
from perdure.agents.factory import create_agent
from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.plugins.registry import installed_agents
from perdure.agents.runs.run import Run
from perdure.agents.steps.errors import failure_from
from perdure.agents.steps.journal import (
    DelegateRequest,
    StepOutcome,
    WaitRequest,
)
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.memory import (
    MemoryArtifacts,
    MemoryEmitter,
    MemoryJournal,
    MemoryNotebook,
    MemoryScores,
    MemoryWaits,
)
from perdure.agents.steps.run_closed import Suspended
from perdure.messages import Wait
from perdure.models import Budget, FailureKind, Goal, Progress, Result, ScoreContent
from perdure.settings import Settings
from perdure.testing.in_memory.delegates import in_memory_delegates
from perdure.testing.in_memory.named_artifacts import local_artifacts
from perdure.testing.in_memory.recorders import BudgetedLedger
from perdure.testing.in_memory.waits import missing_argument


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The outcome of executing an agent in memory.

    Attributes:
        result: What it delivered.
        progress: The progress that it reported.
        files: The content of its artifacts by name.
        scores: What it said of how good it is; of a retry, what it had not said before.
        journal: Its finished steps; hand it to another rehearsal to see a retry.
    """

    result: Result
    progress: tuple[Progress, ...]
    # Contents would bury everything else, and asyncio.run writes down what its task returned.
    files: Mapping[str, bytes] = field(repr=False)
    journal: MemoryJournal = field(repr=False)
    scores: tuple[ScoreContent, ...] = ()


class StillWaiting(Exception):
    """The agent waits for something that the rehearsal was given no answer for.

    Attributes:
        waits: What it waits for, in the order in which it asked.
        journal: Its finished steps; hand it to another rehearsal, with an answer, to go on.
    """

    def __init__(self, waits: tuple[WaitRequest, ...], journal: MemoryJournal) -> None:
        missing = ", ".join(missing_argument(request) for request in waits)
        super().__init__(f"the agent waits, and nobody answers: hand rehearse {missing}")
        self.waits = waits
        self.journal = journal


async def rehearse(
    agent: str | AgentSpec,
    description: str,
    parameters: Mapping[str, JsonValue] | None = None,
    *,
    journal: MemoryJournal | None = None,
    decisions: Mapping[str, bool] | None = None,
    results: "Mapping[str, Result | Rehearsal] | None" = None,
    signals: Mapping[str, list[JsonValue]] | None = None,
    budget: Budget | None = None,
    delegates: bool = False,
    agents: Iterable[AgentSpec] = (),
    notebook: MemoryNotebook | None = None,
) -> Rehearsal:
    """Run an agent to its end, clean-up included, without a server; it sleeps no time at all.

    The models that it asks through its run are the one that ``PERDURE_MODEL`` names: the fixture
    ``model_server`` sees to that.

    Args:
        agent: The name of an installed agent, or a specification.
        description: What to achieve.
        parameters: The goal's parameters.
        journal: The finished steps of an earlier rehearsal, for a retry.
        decisions: What people answer, by question.
        results: What the agents deliver that it delegates to, by agent type; as a rehearsal, if the
            agent reads the files of it.
        signals: What comes with the signals it waits for, in order, by name.
        budget: How many tokens and dollars its model requests may use.
        delegates: Whether the installed agents that it delegates to are rehearsed too, where
            ``results`` has nothing of them.
        agents: Specifications of further agents that it may delegate to.
        notebook: What stands in its notebook, which the delegates share.

    Raises:
        StillWaiting: It waits for something that is not among them.
        Exception: Whatever ended the agent; the journal then holds what a retry would find.
    """
    spec = installed_agents().agent(agent).spec if isinstance(agent, str) else agent
    agents, notebook = tuple(agents), notebook or MemoryNotebook()
    goal = Goal(
        goal_id="rehearsal",
        description=description,
        agent_type=spec.name,
        parameters=dict(parameters or {}),
        budget=budget,
    )
    journal = journal or MemoryJournal()
    artifacts, emitter, scores = MemoryArtifacts(), MemoryEmitter(), MemoryScores()
    delivered: dict[str, Result] = {}
    for name, one in (results or {}).items():
        delivered[name] = one.result if isinstance(one, Rehearsal) else one
        if isinstance(one, Rehearsal):
            artifacts.add_of_delegates(one.files.values())
    waits = _RecordingWaits(decisions, delivered, signals)
    if delegates:
        waits.delegate = partial(_rehearse_delegate, artifacts, agents, notebook)
    limits = budget or Budget()
    run = Run(
        goal,
        journal,
        artifacts,
        emitter,
        waits=waits,
        ledger=BudgetedLedger(limits.tokens, limits.cost),
        model=Settings().model,
        scores=scores,
        notebook=notebook,
        agents=in_memory_delegates(agents, delivered),
    )
    instance = create_agent(spec, goal.parameters, run)
    try:
        result = await execute_agent(instance, run)
    except Suspended:
        # No clean-up: the goal goes on once it has its answer.
        raise StillWaiting(tuple(waits.unanswered.values()), journal) from None
    except BaseException:
        await clean_up(instance)
        raise
    await clean_up(instance)
    progress = tuple(item for item in emitter.emitted if isinstance(item, Progress))
    return Rehearsal(result, progress, artifacts.files, journal, tuple(scores.scores.values()))


class _RecordingWaits(MemoryWaits):
    """Waits in memory that record those that nobody answers."""

    def __init__(
        self,
        decisions: Mapping[str, bool] | None,
        results: Mapping[str, Result] | None,
        signals: Mapping[str, list[JsonValue]] | None,
    ) -> None:
        super().__init__(decisions, results, signals)
        self.unanswered: dict[StepKey, WaitRequest] = {}
        self.delegate: Callable[[DelegateRequest], Awaitable[StepOutcome]] | None = None

    async def open(self, key: StepKey, request: WaitRequest) -> StepOutcome | Wait:
        outcome = await super().open(key, request)
        if isinstance(outcome, StepOutcome):
            return outcome
        if self.delegate is not None and isinstance(request, DelegateRequest):
            del self.open_waits[key]
            return await self.delegate(request)
        self.unanswered[key] = request
        return outcome


async def _rehearse_delegate(
    artifacts: MemoryArtifacts,
    agents: Sequence[AgentSpec],
    notebook: MemoryNotebook,
    request: DelegateRequest,
) -> StepOutcome:
    """Rehearse the agent that is delegated to, and keep the files that it makes for reading."""
    given = next((spec for spec in agents if spec.name == request.agent_type), None)
    try:
        with TemporaryDirectory(prefix="perdure-") as folder:
            parameters = local_artifacts(request.parameters, artifacts, Path(folder))
            assert isinstance(parameters, dict)
            done = await rehearse(
                given or request.agent_type,
                request.description,
                parameters,
                delegates=True,
                agents=agents,
                notebook=notebook,
            )
    except Exception as error:  # noqa: BLE001 -- whatever ended it is the outcome
        message = f"the goal that was delegated to {request.agent_type} failed ({error})"
        permanent = failure_from(error).model_copy(
            update={"message": message, "permanent": True, "kind": FailureKind.PERMANENT}
        )
        return StepOutcome("", permanent)
    artifacts.add_of_delegates(done.files.values())
    return StepOutcome(done.result.model_dump_json())

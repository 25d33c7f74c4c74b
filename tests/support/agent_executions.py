"""AgentExecutions of a goal in memory, whose model is a scripted endpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.execution import clean_up, execute_agent
from perdure.agents.factory import create_agent
from perdure.agents.steps.journal import Ledger, StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.memory import (
    MemoryArtifacts,
    MemoryEmitter,
    MemoryJournal,
    MemoryLedger,
    MemoryWaits,
)
from perdure.agents.steps.run_closed import Fenced
from perdure.policy.policy import Policy


class FencedJournal(MemoryJournal):
    """A journal whose run another execution takes over after so many steps."""

    def __init__(self, fenced_after: int) -> None:
        super().__init__()
        self.fenced_after = fenced_after

    async def record(self, key: StepKey, outcome: StepOutcome) -> None:
        await super().record(key, outcome)
        self.fenced_after -= 1
        if self.fenced_after <= 0:
            raise Fenced("somebody else goes on")


@dataclass
class AgentExecutions:
    """A goal's executions over one journal.

    Attributes:
        spec: The agent.
        journal: What lasts.
        emitter: What readers were told in the last execution.
        files: The artifacts of the last execution.
        ledger: What was spent in the last execution.
        budget: A ledger that lasts, in place of that.
        policy: The rules of the next execution.
    """

    spec: AgentSpec
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    decisions: Mapping[str, bool] = field(default_factory=dict)
    signals: Mapping[str, list[JsonValue]] = field(default_factory=dict)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    emitter: MemoryEmitter = field(default_factory=MemoryEmitter)
    files: dict[str, bytes] = field(default_factory=dict)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    budget: Ledger | None = None
    policy: Policy | None = None

    async def execute(self, journal: MemoryJournal | None = None) -> Result:
        """Execute the agent, from its first line."""
        goal = Goal(
            goal_id="test",
            description="Tell me of Oslo",
            agent_type=self.spec.name,
            parameters=dict(self.parameters),
        )
        self.emitter, self.ledger, artifacts = MemoryEmitter(), MemoryLedger(), MemoryArtifacts()
        run = Run(
            goal,
            journal or self.journal,
            artifacts,
            self.emitter,
            waits=MemoryWaits(self.decisions, signals=self.signals),
            ledger=self.budget or self.ledger,
            model="openai-chat:scripted",
            policy=self.policy,
        )
        agent = create_agent(self.spec, goal.parameters, run)
        try:
            return await execute_agent(agent, run)
        finally:
            self.files = artifacts.files
            await clean_up(agent)

    async def execute_fenced(self, fenced_after: int) -> Result | None:
        """Execute until another execution takes over after so many steps, and be that one too.

        Returns:
            What the second one returns; ``None`` when the first has ended before.
        """
        journal = FencedJournal(fenced_after)
        try:
            await self.execute(journal)
        except Fenced:
            self.journal.steps = journal.steps
            return await self.execute()
        return None

    async def execute_twice(self) -> Result:
        """Execute the agent, and see that a second execution comes to the same and pays nothing."""
        first = await self.execute()
        ledger, emitter = self.ledger, self.emitter
        assert await self.execute() == first
        assert self.emitter.texts == {}
        assert self.ledger.spending.requests == 0
        self.ledger, self.emitter = ledger, emitter
        return first

    def events(self, type_: str) -> list[Mapping[str, JsonValue]]:
        return [data for event, data in self.emitter.events if event == type_]

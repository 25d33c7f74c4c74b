"""Executions of a goal in memory, whose model is a scripted endpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.execution import carry_out, clean_up
from perdure.agents.factory import create_agent
from perdure.agents.steps.journal import Ledger, StepKey, StepOutcome
from perdure.agents.steps.memory import (
    MemoryArtifacts,
    MemoryEmitter,
    MemoryJournal,
    MemoryLedger,
    MemoryWaits,
)
from perdure.agents.steps.run_closed import Fenced


class DyingJournal(MemoryJournal):
    """A journal whose run is taken over once it has taken so many steps."""

    def __init__(self, lives: int) -> None:
        super().__init__()
        self.lives = lives

    async def record(self, key: StepKey, answer: StepOutcome) -> None:
        await super().record(key, answer)
        self.lives -= 1
        if self.lives <= 0:
            raise Fenced("somebody else goes on")


@dataclass
class Executions:
    """A goal's passes over one journal.

    Attributes:
        spec: The agent.
        journal: What lasts.
        listener: What readers were told in the last pass.
        files: The artifacts of the last pass.
        ledger: What was spent in the last pass.
        budget: A ledger that lasts, in place of that.
    """

    spec: AgentSpec
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    decisions: Mapping[str, bool] = field(default_factory=dict)
    signals: Mapping[str, list[JsonValue]] = field(default_factory=dict)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    listener: MemoryEmitter = field(default_factory=MemoryEmitter)
    files: dict[str, bytes] = field(default_factory=dict)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    budget: Ledger | None = None

    async def once(self, journal: MemoryJournal | None = None) -> Result:
        """Carry the agent through, from its first line."""
        goal = Goal(
            goal_id="test",
            description="Tell me of Oslo",
            agent_type=self.spec.name,
            parameters=dict(self.parameters),
        )
        self.listener, self.ledger, artifacts = MemoryEmitter(), MemoryLedger(), MemoryArtifacts()
        run = Run(
            goal,
            journal or self.journal,
            artifacts,
            self.listener,
            waits=MemoryWaits(self.decisions, signals=self.signals),
            ledger=self.budget or self.ledger,
            model="openai-chat:scripted",
        )
        agent = create_agent(self.spec, goal.parameters, run)
        try:
            return await carry_out(agent, run)
        finally:
            self.files = artifacts.files
            await clean_up(agent)

    async def twice(self) -> Result:
        """Do it, and see that another pass comes to the same."""
        first = await self.once()
        spent, told = self.ledger, self.listener
        assert await self.once() == first
        assert self.listener.texts == {}
        assert self.ledger.spending.requests == 0
        self.ledger, self.listener = spent, told
        return first

    def noted(self, type_: str) -> list[Mapping[str, JsonValue]]:
        return [data for told, data in self.listener.noted if told == type_]

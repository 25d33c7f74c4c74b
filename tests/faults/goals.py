"""Handing goals in while everything fails, answering what they ask, and judging how they ended."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import text

from perdure.agents.plugins.registry import AgentRegistry
from perdure.models import Goal, GoalRecord, Vote
from perdure.schemas.approvals import ApprovalStatus
from perdure.stores import Stores, StoreUnavailable
from perdure.stores.database.errors import StateConflict
from perdure.temporal.client.connection import TemporalUnavailable, connect
from perdure.temporal.client.goal_service import GoalService
from tests.faults.agents import AGENTS, register_agents
from tests.faults.cluster import Cluster
from tests.faults.effects import broken_rules
from tests.faults.expected_results import SIGNAL, approves, kind_of, problem_of
from tests.support.plugins import registry_of

AT_ONCE = 60
LOOK_SECONDS = 0.5
# These hurt every goal of their worker, or take long: one of each in two hundred.
RARE = {"blocker", "leaker", "flood", "bulky"}
COMMON = [agent.__name__ for agent in AGENTS if agent.__name__ not in RARE]
FINAL = {"run.completed", "run.failed", "run.cancelled", "run.terminated"}


@dataclass
class Judgement:
    """How goals ended.

    Attributes:
        goals: How many there were, delegated ones included.
        poisoned: How many of them had to fail.
        completed: How many of the others completed with the right answer.
        lost: What is wrong with those that did not end as they should, by run.
        twice: What was done twice, or is on record twice, by run.
        wrong_sums: Sums of money that are not what the ledger has.
        events: How many events of each type there are.
    """

    goals: int = 0
    poisoned: int = 0
    completed: int = 0
    lost: dict[str, str] = field(default_factory=dict)
    twice: dict[str, list[str]] = field(default_factory=dict)
    wrong_sums: list[str] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)


class Goals:
    """The goals of one mix."""

    def __init__(self, cluster: Cluster, stores: Stores, service: GoalService, seed: int) -> None:
        self.started: list[str] = []
        self._cluster = cluster
        self._stores = stores
        self._service = service
        self._random = random.Random(seed)
        self._seed = seed
        self._open: set[str] = set()

    async def hand_in(self, count: int, *, more: Callable[[], bool]) -> None:
        """Hand goals in, some at a time, until there are so many and no more are wanted."""
        kinds = self._kinds()
        while len(self.started) < count or more():
            while len(self._open) >= AT_ONCE:  # noqa: ASYNC110 -- other processes end them
                await asyncio.sleep(LOOK_SECONDS)
            number = len(self.started)
            await self._start(number, next(kinds))
            # Those beyond the count only see to it that each fault meets some.
            await asyncio.sleep(0.05 if number < count else LOOK_SECONDS)

    async def answer_questions(self) -> None:
        """Answer questions, send signals, and see which goals have ended, until cancelled."""
        while True:
            with suppress(StoreUnavailable, TemporalUnavailable):
                for approval in await self._stores.approvals.list(
                    limit=200, status=ApprovalStatus.OPEN
                ):
                    await self._vote(approval.approval_id, approval.workflow_id, approval.question)
                await self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def end(self, seconds: float, answering: asyncio.Task[None]) -> None:
        """Wait until all have ended, or so many seconds are over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._open:
                    if answering.done():
                        answering.result()  # raises what kept questions from being answered
                    await asyncio.sleep(LOOK_SECONDS)

    async def judge(self) -> Judgement:
        """Return what has become of all of them."""
        judgement = Judgement()
        for workflow_id in await self._all():
            record = await self._stores.goals.get(workflow_id)
            judgement.goals += 1
            problem = problem_of(record)
            if problem is not None:
                judgement.lost[workflow_id] = f"{kind_of(record)}: {problem}"
            elif kind_of(record) == "poison":
                judgement.poisoned += 1
            else:
                judgement.completed += 1
            twice = [
                *broken_rules(workflow_id),
                *await self._wrong_events(record, judgement.events),
            ]
            if twice:
                judgement.twice[workflow_id] = twice
        known = set(await self._all())
        judgement.lost |= {run: "it is not on record" for run in self.started if run not in known}
        return judgement

    def _kinds(self) -> Iterator[str]:
        """Yield agents without end, the rare ones first."""
        kinds = [*RARE]
        while True:
            yield from kinds
            kinds = COMMON * 20 + [*RARE]
            self._random.shuffle(kinds)

    def _parameters(self) -> dict[str, int]:
        """Return what a goal computes with."""
        return {"seed": self._random.randrange(10**6), "size": self._random.randrange(2, 6)}

    async def _look(self) -> None:
        """See which goals have ended."""
        self._open &= await self._unfinished()

    async def _start(self, number: int, agent: str) -> None:
        parameters = self._parameters()
        goal = Goal(
            goal_id=f"fault-{self._seed}-{number}",
            description="Add.",
            agent_type=agent,
            parameters=dict(parameters),
        )
        while True:
            try:
                # The key makes it the same goal, however often it has to be handed in.
                workflow_id = await self._service.start(goal, goal.goal_id)
                break
            except (TemporalUnavailable, StoreUnavailable):
                await asyncio.sleep(LOOK_SECONDS)
        self.started.append(workflow_id)
        self._open.add(workflow_id)
        if agent == "sleeper":
            await self._signal(workflow_id, SIGNAL + parameters["seed"])

    async def _signal(self, workflow_id: str, value: int) -> None:
        while True:
            try:
                await self._service.decisions.signal(workflow_id, "go", value)
            except StoreUnavailable:
                await asyncio.sleep(LOOK_SECONDS)
            except LookupError:  # its record is opened in a moment
                await asyncio.sleep(LOOK_SECONDS)
            else:
                return

    async def _vote(self, approval_id: str, workflow_id: str, question: str) -> None:
        record = await self._stores.goals.get(workflow_id)
        yes = approves(int(str(record.parameters["seed"])), question)
        vote = Vote(by="Ann", approved=yes, at=datetime.now(UTC))
        with suppress(StateConflict):
            await self._service.decisions.vote(approval_id, vote)

    async def _unfinished(self) -> set[str]:
        query = text("SELECT workflow_id FROM goals WHERE ended_at IS NULL")
        rows = await self._stores.database.read(lambda found: found.execute(query).scalars().all())
        return set(rows)

    async def _all(self) -> list[str]:
        query = text("SELECT workflow_id FROM goals ORDER BY started_at")
        rows = await self._stores.database.read(lambda found: found.execute(query).scalars().all())
        return list(rows)

    async def _wrong_events(self, record: GoalRecord, counts: Counter[str]) -> list[str]:
        run, problems = record.workflow_id, []
        number, types = 0, Counter[str]()
        while events := await self._stores.events.after(run, number, 1000):
            for event in events:
                number += 1
                if event.number != number:
                    problems.append(f"event {event.number} follows event {number - 1}")
                    number = event.number
                types[event.type] += 1
        ends = sum(types[type_] for type_ in FINAL)
        if record.status.final and ends != 1:
            problems.append(f"its end is on record {ends} times")
        counts.update(types)
        return problems


def registry() -> AgentRegistry:
    """Return the agents as the one who hands goals in knows them."""
    return registry_of(*register_agents(), name="perdure-faults")


async def service_of(cluster: Cluster, stores: Stores) -> GoalService:
    """Return a service for a cluster."""
    return GoalService(await connect(cluster.address), stores, registry())

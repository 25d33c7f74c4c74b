"""The teams that ship with Perdure, while their workers are killed wherever it may hurt.

Every member does its part once, the notebook has what each has written, and the sums of money are
those of the ledger.
"""

import asyncio
import os
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select

from perdure.models import Goal, GoalRecord
from perdure.stores.database import schema
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.testing import ChatRequest, ModelServer, Reply, ToolCall, calls, says
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation, installations
from tests.support.postgresql import PostgreSQL
from tests.support.processes import is_running
from tests.support.until import until_async
from tests.teams.team_worker import COST, specs

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.bundled,
    pytest.mark.slow,
]

WORKERS: Final = 2
# On a machine that has much to do.
SECONDS: Final = 400.0


@dataclass(frozen=True)
class Trial:
    """A team, where its workers are killed, and what is to come of it.

    Attributes:
        parameters: The team's parameters.
        dies: The places at which a worker is killed, each once.
        members: The names of its members, in the order in which they may end.
        summary: The summary of its result.
        goals: The names of its goals that the result's data tells of.
    """

    parameters: dict[str, Any]
    dies: Sequence[str]
    members: Sequence[str]
    summary: str
    goals: Sequence[str]


def _member(name: str, description: str = "", **more: Any) -> dict[str, Any]:
    return {
        "agent": "member",
        "name": name,
        "description": description,
        "parameters": {"name": name, **more},
    }


TRIALS: Final = {
    "pipeline": Trial(
        {"steps": [_member("a", "${goal}"), _member("b", "${a}"), _member("c", "${b.data.worth}")]},
        (
            *("team.planned", "a.begun", "a.before", "a.paid", "team.a", "b.answered", "b.noted"),
            *("c.after", "team.c"),
        ),
        ("a", "b", "c"),
        "<7>",
        ("a", "b", "c"),
    ),
    "panel": Trial(
        {"agents": [_member(name, "${goal}") for name in "abc"]},
        ("team.planned", "a.answered", "b.before", "b.paid", "c.noted", "team.a"),
        ("a", "b", "c"),
        "<Find it>",
        ("a", "b", "c"),
    ),
    "plan-and-execute": Trial(
        {"agents": ["member"]},
        ("team.planned", "left.paid", "right.noted", "team.left", "sum.before", "again.answered"),
        ("left", "right", "again", "sum"),
        "It is 7.",
        ("again", "left", "sum"),
    ),
    "supervisor": Trial(
        {"agents": ["member"]},
        ("a.paid", "b.answered", "team.member-1", "c.after", "team.member-3"),
        ("a", "b", "c"),
        "It is 7.",
        ("member-1", "member-2", "member-3"),
    ),
}
_PLAN: Final = [
    _member("left", "four"),
    _member("right", "fails", fails=True),
    _member("sum", "${left} ${right}"),
]
_PLAN_ANEW: Final = [_member("again", "once more"), _member("sum", "${left} ${again}")]


def _script(request: ChatRequest) -> Reply:
    """Answer by what was said so far: the same again when a request was cut off."""
    told = [str(message.get("content")) for message in request.messages]
    if told[0].startswith("You plan how agents"):
        plan: Any = _PLAN_ANEW if "Failed, to be reached" in "\n".join(told) else _PLAN
        return calls(ToolCall("plan", {"goals": plan}))
    if told[0].startswith("You say what agents"):
        return calls(ToolCall("conclude", {"summary": "It is 7."}))
    if told[0].startswith("You judge"):
        return calls(ToolCall("judge", {"best": 2, "reason": "It is right."}))
    if told[0].startswith("You reach a goal"):
        return _next_call(sum(message["role"] == "tool" for message in request.messages))
    return says("7")


def _next_call(results: int) -> Reply:
    if results == 0:
        return calls(_asks("a", "first"), _asks("b", "second"))
    return calls(_asks("c", "${member-1}")) if results == 2 else says("It is 7.")


def _asks(name: str, goal: str) -> ToolCall:
    return ToolCall("member", {"goal": goal, "parameters": {"name": name}})


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """The process that forks workers."""
    server = ForkServer("tests.teams.team_worker:work")
    try:
        yield server
    finally:
        server.stop()


@asynccontextmanager
async def _workers(forks: ForkServer, order: dict[str, Any]) -> AsyncIterator[None]:
    """Have workers there: for each that is killed another is started."""
    pids = [forks.fork(**order) for _ in range(WORKERS)]

    async def replace() -> None:
        while True:
            for place, pid in enumerate(pids):
                if not is_running(pid):
                    pids[place] = forks.fork(**order)
            await asyncio.sleep(0.1)

    replacing = asyncio.create_task(replace())
    try:
        yield
    finally:
        replacing.cancel()
        await asyncio.gather(replacing, return_exceptions=True)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("team", "database"),
    [*((team, "sqlite") for team in TRIALS), ("plan-and-execute", "postgresql")],
)
async def test_each_member_does_its_part_once_whoever_is_killed(
    team: str,
    database: str,
    request: pytest.FixtureRequest,
    own_home: Path,
    server: DevelopmentServer,
    forks: ForkServer,
    model_server: ModelServer,
) -> None:
    model_server.answers(_script)
    trial = TRIALS[team]
    environment = model_server.environment | {"PERDURE_MODEL": "openai-chat:gpt-4o-mini"}
    async with AsyncExitStack() as stack:
        url = ""
        if database == "postgresql":
            databases: PostgreSQL = request.getfixturevalue("postgresql")
            url = await stack.enter_async_context(databases.database())
            environment |= {"PERDURE_DATABASE_URL": url}
        install = await stack.enter_async_context(installations(own_home, server.address))
        here = await install(*specs(), work=False, database_url=url)
        order = {
            "home": str(here.settings.home),
            "address": here.address,
            "dies": list(trial.dies),
            "halts": [],
            "environment": environment,
        }
        async with _workers(forks, order):
            record = await _ended(here, team, trial)
        _judge_result(record, trial)
        _judge_bill(here.settings.home, trial)
        await _judge_goals(here, record, trial)
        await _judge_notebook(here, record, trial)
        await _judge_money(here, record, trial)


async def _ended(here: Installation, team: str, trial: Trial) -> GoalRecord:
    goal = Goal(goal_id="team", description="Find it", agent_type=team, parameters=trial.parameters)
    workflow_id = await here.service.start(goal)
    here.started.append(workflow_id)

    async def look() -> GoalRecord | None:
        record = await here.stores.goals.get(workflow_id)
        return record if record.status.final else None

    record = await until_async(look, f"the end of {team}", SECONDS)
    assert record is not None
    return record


def _judge_result(record: GoalRecord, trial: Trial) -> None:
    assert record.success, record.error
    assert record.result is not None
    assert record.result.summary == trial.summary
    told: Any = record.result.data["goals"]
    assert [one["name"] for one in told if "failure" not in one] == list(trial.goals)


def _judge_bill(home: Path, trial: Trial) -> None:
    """Each was killed where it was to be, and no member has paid under two keys."""
    assert {file.name for file in home.glob("died-*")} == {f"died-{at}" for at in trial.dies}
    paid: defaultdict[str, list[str]] = defaultdict(list)
    for line in (home / "bill").read_text().splitlines():
        name, key = line.split()
        paid[name].append(key)
    assert sorted(paid) == sorted(trial.members)
    for name, keys in paid.items():
        assert len(set(keys)) == 1, f"{name} has paid twice"
    # One whose worker is killed between the payment and the journal says the same key again. Side
    # by side with it another may be there too; one after the other nobody is.
    repeated = {name for name, keys in paid.items() if len(keys) > 1}
    cut_off = {at.removesuffix(".after") for at in trial.dies if at.endswith(".after")}
    assert cut_off <= repeated
    if "steps" in trial.parameters:
        assert repeated == cut_off


async def _judge_goals(here: Installation, record: GoalRecord, trial: Trial) -> None:
    """Each goal of the team was handed on once, and is on record once."""
    members = await here.stores.goals.list(limit=100, agent_type="member")
    names = Counter(str(one.parameters["name"]) for one in members)
    assert names == Counter(trial.members)
    events = await here.stored_events(record.workflow_id)
    delegated = Counter(str(event.data["name"]) for event in events if event.type == "delegated")
    assert set(delegated.values()) == {1}
    assert len(delegated) == len(trial.members)
    for one in members:
        types = [event.type for event in await here.stored_events(one.workflow_id)]
        assert sum(type_ in {"run.completed", "run.failed"} for type_ in types) == 1


async def _judge_notebook(here: Installation, record: GoalRecord, trial: Trial) -> None:
    """It has what each wrote, once, and no version between was lost."""
    (entry,) = await here.stores.notebook.of(record.workflow_id)
    assert isinstance(entry.value, list)
    assert sorted(map(str, entry.value)) == sorted(trial.members)
    assert entry.version == len(trial.members)


async def _judge_money(here: Installation, record: GoalRecord, trial: Trial) -> None:
    """Each model request was kept once, and the sums are those of the ledger."""
    rows = await here.stores.database.read(
        lambda connection: connection.execute(select(schema.spending)).mappings().all()
    )
    assert {row["root"] for row in rows} == {record.workflow_id}
    kept = Counter(
        (row["workflow_id"], row["name"], row["digest"], row["occurrence"])
        for row in rows
        if row["state"] == "kept" and row["model"] != "some-model"
    )
    assert set(kept.values()) == {1}
    assert len({run for run, *_ in kept}) >= len(trial.members)
    paid = [row for row in rows if row["model"] == "some-model"]
    # Only what was in flight when a worker was killed was done again.
    assert len(trial.members) <= len(paid) <= len(trial.members) + len(trial.dies)
    assert all(row["cost"] == pytest.approx(COST) for row in paid if row["state"] == "kept")
    costs = await here.stores.ledger.costs([record])
    shown = costs[record.workflow_id]
    assert shown.dollars == pytest.approx(sum(float(row["cost"]) for row in rows))

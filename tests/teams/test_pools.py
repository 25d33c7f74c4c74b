"""A team whose agents are installed at another pool's workers alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import BaseModel, Field, JsonValue

from perdure.agents import AgentSpec, Goal, InputPath, Result, Run
from perdure.models import DEFAULT_POOL
from perdure.temporal.worker.run_worker import run_worker
from perdure.testing import ChatRequest, ModelServer, Reply, ToolCall, calls
from perdure_teams.plugin import register_agents
from tests.support.installation import Install, Installation
from tests.support.plugins import registry_of
from tests.support.until import until_async

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.bundled]

PRICED: Final = "openai-chat:gpt-4o-mini"


class Painting(BaseModel):
    """What is painted."""

    size: int = Field(description="how large")
    model: InputPath | None = None


async def painter(run: Run, goal: Goal, parameters: Painting) -> Result:
    """Paint."""
    seen = parameters.model.read_text() if parameters.model else ""
    return Result(summary=f"{goal.description} in {parameters.size}{seen}")


PAINTER: Final = AgentSpec(
    name="painter", description="Paints.", agent=painter, parameters=Painting, pool="gpu"
)


@asynccontextmanager
async def pools(here: Installation) -> AsyncIterator[None]:
    """Run a worker of the teams, and one of another pool, which alone has the painter."""
    gpu = here.settings.model_copy(update={"pool": "gpu"})
    teams = registry_of(*register_agents())
    async with (
        run_worker(here.client, here.stores, registry_of(PAINTER), gpu),
        run_worker(here.client, here.stores, teams, here.settings),
    ):

        async def are_there() -> bool:
            return {"gpu", DEFAULT_POOL} <= await here.stores.workers.pools()

        await until_async(are_there, "workers of both pools")
        yield


async def done_by(here: Installation) -> list[tuple[str, str | None]]:
    listed = await here.stores.goals.list(limit=20, agent_type="painter")
    found = [await here.stores.goals.get(one.workflow_id) for one in listed]
    return [(one.pool, one.result.summary if one.result else None) for one in found]


async def test_a_plan_may_name_them(install: Install, model_server: ModelServer) -> None:
    here = await install(*register_agents(), work=False, model=PRICED)
    told: list[str] = []
    replies = iter(
        [
            calls(ToolCall("plan", {"goals": [_paints(9, colour="red")]})),
            calls(ToolCall("plan", {"goals": [_paints(9)]})),
            calls(ToolCall("conclude", {"summary": "It is painted."})),
        ]
    )

    def reply(request: ChatRequest) -> Reply:
        told.append("\n".join(str(message.get("content")) for message in request.messages))
        return next(replies)

    model_server.answers(reply)
    async with pools(here):
        output, record = await here.finish(await here.start("plan-and-execute"))
    assert output.success, output.error
    assert record.result is not None
    assert record.result.summary == "It is painted."
    assert "- painter: Paints. It takes parameters" in told[0]
    assert "how large" in told[0]
    assert "colour: no such parameter, it takes model, size" in told[1]
    assert await done_by(here) == [("gpu", "a tree in 9")]


def _paints(size: int, **more: JsonValue) -> dict[str, JsonValue]:
    return {"agent": "painter", "description": "a tree", "parameters": {"size": size, **more}}


async def test_a_pipeline_hands_them_its_files_and_no_others(
    install: Install, tmp_path: Path
) -> None:
    (tmp_path / "tree.txt").write_text(", as it is")
    here = await install(*register_agents(), work=False)
    given: dict[str, Any] = {"files": [str(tmp_path / "tree.txt")]}
    steps: list[JsonValue] = [_paints(3, model="tree.txt")]
    async with pools(here):
        output, _ = await here.finish(await here.start("pipeline", {**given, "steps": steps}))
        assert output.success, output.error
        assert await done_by(here) == [("gpu", "a tree in 3, as it is")]
        refused: list[tuple[dict[str, JsonValue], str]] = [
            (_paints(3, model="/etc/passwd"), "none of the team's files"),
            ({"agent": "painter", "description": "a tree"}, "size: Field required"),
            ({"agent": "sculptor", "description": "a tree"}, "sculptor"),
        ]
        for wrong, why in refused:
            run = await here.start("pipeline", {**given, "steps": [wrong]})
            output, _ = await here.finish(run)
            assert output.error is not None
            assert why in output.error.message
        # What only its own worker can know is the goal's failure there.
        run = await here.start(
            "pipeline", {**given, "steps": [_paints(3) | {"parameters": {"size": "x"}}]}
        )
        output, _ = await here.finish(run)
        assert output.error is not None
        assert "valid integer" in output.error.message
    assert len(await done_by(here)) == 2

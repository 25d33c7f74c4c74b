"""What a goal did, over HTTP, and running it again from its start or from a step."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import httpx
import pytest
import pytest_asyncio
from pydantic import BaseModel

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.models import Usage
from perdure.temporal.server.development_server import DevelopmentServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

DONE: Counter[str] = Counter()


class Lines(BaseModel):
    lines: int = 2


async def pay(run: Run, text: str) -> str:
    DONE[text] += 1
    await run.spend(Usage(input_tokens=10, output_tokens=2, cost=0.5), model="some-model")
    return text


async def write(run: Run, goal: Goal) -> Result:
    lines = [await run.step("line", partial(pay, run), f"{n}") for n in range(2)]
    title = await run.step("title", partial(pay, run), goal.description)
    return Result(summary=f"{title}: {' '.join(lines)}")


WRITE = AgentSpec(name="write", description="Writes.", agent=write, parameters=Lines)


@pytest_asyncio.fixture(loop_scope="session")
async def api(
    serve_api: Callable[..., Awaitable[httpx.AsyncClient]], server: DevelopmentServer
) -> httpx.AsyncClient:
    return await serve_api(server.address, agent=WRITE)


async def finished(api: httpx.AsyncClient) -> str:
    DONE.clear()
    goal = {"goal_id": "page", "description": "a title", "agent_type": "write", "parameters": {}}
    workflow_id: str = (await api.post("/api/execute-goal", json=goal)).json()["workflow_id"]
    await api.get(f"/api/goals/{workflow_id}/events")  # it ends with the run
    return workflow_id


async def test_a_timeline_says_what_was_done_and_what_it_cost(api: httpx.AsyncClient) -> None:
    workflow_id = await finished(api)
    timeline = (await api.get(f"/api/goals/{workflow_id}/timeline")).json()
    (execution,) = timeline["executions"]
    assert execution["end"] == "completed"
    assert [span["name"] for span in execution["spans"]] == ["line#1", "line#2", "title#1"]
    assert timeline["usage"] == {
        "requests": 3,
        "input_tokens": 30,
        "output_tokens": 6,
        "cost": 1.5,
    }
    unknown = await api.get("/api/goals/goal-none/timeline")
    assert unknown.status_code == 404


async def test_events_are_exported_as_json_lines(api: httpx.AsyncClient) -> None:
    workflow_id = await finished(api)
    answer = await api.get(f"/api/goals/{workflow_id}/events.jsonl")
    assert answer.headers["content-type"] == "application/jsonl"
    assert 'filename="page.events.jsonl"' in answer.headers["content-disposition"]
    events = [json.loads(line) for line in answer.text.splitlines()]
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "run.completed"
    assert (await api.get("/api/goals/goal-none/events.jsonl")).status_code == 404


async def test_a_goal_is_run_again_from_a_step(api: httpx.AsyncClient) -> None:
    workflow_id = await finished(api)
    DONE.clear()
    body = {"from_step": "title", "description": "another title", "by": "ann"}
    path = f"/api/goals/{workflow_id}/run-again"
    answers = [
        (await api.post(path, json=body, headers={"Idempotency-Key": "once"})).json()
        for _ in range(2)
    ]
    new = answers[0]["workflow_id"]
    assert answers[0] == {
        "workflow_id": new,
        "status": "started",
        "made_from": workflow_id,
        "taken_over": 2,
    }
    assert answers[1]["workflow_id"] == new
    await api.get(f"/api/goals/{new}/events")
    record = (await api.get(f"/api/goals/{new}")).json()
    assert record["origin"] == {"workflow_id": workflow_id, "step": "title#1", "by": "ann"}
    assert record["result"]["summary"] == "another title: 0 1"
    assert DONE == {"another title": 1}


async def test_what_cannot_be_run_again_says_why(api: httpx.AsyncClient) -> None:
    workflow_id = await finished(api)
    path = f"/api/goals/{workflow_id}/run-again"
    for body, status, what in [
        ({"from_step": "cook"}, 404, "no step 'cook'"),
        ({"from_step": "line"}, 409, "has 2 steps 'line'"),
        ({"description": " "}, 422, "say in words"),
        ({"parameters": {"lines": "many"}}, 422, "lines"),
        ({"surprise": 1}, 422, "surprise"),
    ]:
        answer = await api.post(path, json=body)
        assert answer.status_code == status, answer.text
        assert what in answer.json()["detail"]
    assert (await api.post("/api/goals/goal-none/run-again")).status_code == 404

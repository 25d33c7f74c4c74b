"""The events of steps as readers of the stores and of the API get them, while the step runs."""

import asyncio
import json

import httpx
import pytest

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.api.server import listen, serve
from perdure.models import Event, GoalStatus
from perdure.web.site import create_site
from tests.support.installation import Install

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_step_that_runs_is_seen_within_a_second(install: Install) -> None:
    may_end = asyncio.Event()

    async def agent(run: Run, goal: Goal) -> Result:
        await run.step("quick", len, goal.description)
        for _ in range(2):
            await run.step("long", may_end.wait)
        return Result()

    here = await install(AgentSpec(name="worker", description="", agent=agent))
    workflow_id = await here.start("worker")
    address = f"/api/goals/{workflow_id}/events"
    app, listening = create_site(here.service, here.settings), listen(here.settings.host, 0)
    events: list[Event] = []
    async with (
        serve(app, listening, here.settings) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
        client.stream("GET", address) as answer,
    ):
        async for line in answer.aiter_lines():
            if not line.startswith("data: ") or json.loads(line[6:])["type"] == "heartbeat":
                continue
            events.append(Event.model_validate_json(line[6:]))
            if events[-1].type == "step.started":
                assert not may_end.is_set(), "only the end of the step let its start be seen"
                may_end.set()
    # The second one, which ends at once, costs no event of its start.
    seen = [
        (event.type, event.data["step"], event.data["number"])
        for event in events
        if event.type.startswith("step.")
    ]
    assert seen == [
        ("step.completed", "quick", 1),
        ("step.started", "long", 1),
        ("step.completed", "long", 1),
        ("step.completed", "long", 2),
    ]


async def test_what_is_said_stands_before_the_question_and_names_its_step(
    install: Install,
) -> None:
    async def agent(run: Run, goal: Goal) -> Result:
        for percentage in (10, 20, 30):
            await run.progress(percentage, f"m{percentage}")
        await run.text("hello")
        await run.step("flaky", len, goal.description)
        await run.text("may I")
        await run.approve("Go on?")
        return Result()

    here = await install(AgentSpec(name="emits", description="", agent=agent))
    workflow_id = await here.start("emits")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    events = await here.stored_events(workflow_id)
    said = [event.data.get("message") or event.data.get("text") or event.type for event in events]
    assert said == [
        "run.started",
        "m10",
        "m20",
        "m30",
        "hello",
        "step.completed",
        "may I",
        "approval.requested",
        "run.waiting",
    ]
    assert all(event.data["step"] is None for event in events if event.type == "progress")

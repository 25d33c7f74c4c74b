"""The trace of a goal that somebody terminates while it works, and what it has delegated."""

from typing import Any

import httpx
import pytest

from tests.support.collector import Collector
from tests.support.command_line import CommandLine
from tests.support.processes import read_document
from tests.support.until import until_async
from tests.telemetry.spans import CALLER, HEADERS, PREPARED, check_whole, has, of_trace, tree


@pytest.mark.parametrize("by", ["request", "command"])
async def test_the_trace_of_a_goal_that_is_terminated_ends_with_it(
    traced: CommandLine, collector: Collector, by: str
) -> None:
    traced.start("worker")
    url = read_document(traced.start("api", "--port", "0", "--json"))["api_url"]
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        goal = {"goal_id": "g", "description": "delegate", "agent_type": "hold"}
        response = await client.post("/api/execute-goal", json=goal, headers=HEADERS)
        workflow_id = response.raise_for_status().json()["workflow_id"]

        async def delegate() -> Any:
            goals = (await client.get("/api/goals")).json()["goals"]
            return next((one for one in goals if one["workflow_id"] != workflow_id), None)

        child = (await until_async(delegate, "the delegate"))["workflow_id"]
        async with client.stream("GET", f"/api/goals/{child}/events") as events:
            async for line in events.aiter_lines():
                if line == "event: step.started":  # it takes long, for it never ends
                    break
        if by == "request":
            path = f"/api/goals/{workflow_id}/terminate"
            (await client.post(path, json={"reason": "enough"})).raise_for_status()
        else:
            assert traced("goals", "terminate", workflow_id, "--reason", "enough").returncode == 0
        await collector.until(has("invoke_workflow hold", 2), "the spans of the goals")
        await collector.until(has("for ever"), "the span of the step")
        spans = of_trace(await collector.until(has("invoke_agent hold", 2), "the executions"))
    check_whole(spans, CALLER)
    inner = ("invoke_workflow hold", [PREPARED, ("invoke_agent hold", ["first", "for ever"])])
    outer = ("invoke_workflow hold", [PREPARED, ("invoke_agent hold", ["first"]), inner])
    assert tree(spans, CALLER) == [("POST /api/execute-goal", [outer])]
    goals = [span for span in spans if span.name == "invoke_workflow hold"]
    assert [span.attributes["perdure.status"] for span in goals] == ["terminated"] * 2
    assert all(span.failed for span in goals)

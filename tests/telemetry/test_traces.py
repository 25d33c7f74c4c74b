"""The spans of goals, as a real collector receives them."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx

from perdure.testing import ModelServer, Reply, ToolCall
from tests.support.collector import Collector
from tests.support.command_line import CommandLine
from tests.support.processes import read_document
from tests.support.until import until_async
from tests.telemetry.spans import (
    CALLER,
    HEADERS,
    PREPARED,
    STORED,
    TRACE,
    check_whole,
    has,
    of_trace,
    tree,
)


async def test_a_goal_is_one_trace_from_the_request_to_its_steps(
    traced: CommandLine, collector: Collector
) -> None:
    traced.start("worker")
    url = read_document(traced.start("api", "--port", "0", "--json"))["api_url"]
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        goal = {"goal_id": "g", "description": "go", "agent_type": "lead"}
        await client.get("/api/goals", headers=HEADERS)  # has no span: it starts nothing
        response = await client.post("/api/execute-goal?wait=60", json=goal, headers=HEADERS)
        record = response.raise_for_status().json()
    spans = of_trace(await collector.until(has("POST /api/execute-goal"), "the request's span"))
    spans = of_trace(await collector.until(has(STORED), "the last activity's span"))
    check_whole(spans, CALLER)
    assert tree(spans, CALLER) == [
        (
            "POST /api/execute-goal",
            [
                (
                    "invoke_workflow lead",
                    [PREPARED, ("invoke_agent lead", ["first", "deadly"]), STORED],
                )
            ],
        )
    ]
    assert record["trace_id"] == TRACE
    template = "https://traces.example/{trace_id}"
    shown = traced("goals", "show", record["workflow_id"], PERDURE_TRACE_URL=template)
    assert f"trace      https://traces.example/{TRACE}\n" in shown.stdout
    by_name = {span.name: span for span in spans}
    goal_span = by_name["invoke_workflow lead"]
    assert goal_span.attributes["perdure.goal.id"] == "g"
    assert goal_span.attributes["perdure.workflow.id"] == record["workflow_id"]
    assert goal_span.attributes["perdure.status"] == "completed"
    assert goal_span.attributes["gen_ai.operation.name"] == "invoke_workflow"
    assert goal_span.attributes["gen_ai.workflow.name"] == "lead"
    assert by_name["invoke_agent lead"].attributes["perdure.attempt"] == "1"
    assert by_name[PREPARED].attributes["perdure.goal.id"] == "g"
    assert by_name[STORED].attributes["perdure.tries"] == "1"
    assert goal_span.began <= by_name["first"].began <= by_name["first"].ended <= goal_span.ended


async def test_a_trace_holds_over_a_killed_worker_delegates_an_approval_and_a_model_stream(
    traced: CommandLine, collector: Collector, model_server: ModelServer, tmp_path: Path
) -> None:
    call = ToolCall("look_up", {"word": "x"})
    model_server.answers([Reply(tool_calls=(call,)), Reply("fine")])
    sign = tmp_path / "die"
    worker = traced.start("worker")
    url = read_document(traced.start("api", "--port", "0", "--json"))["api_url"]
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        goal: dict[str, Any] = {"goal_id": "g", "description": "go", "agent_type": "lead"}
        goal["parameters"] = {"dies_once": str(sign)}
        response = await client.post("/api/execute-goal", json=goal, headers=HEADERS)
        workflow_id = response.raise_for_status().json()["workflow_id"]
        await collector.until(has("first"), "the span of the first step")
        sign.touch()
        await asyncio.to_thread(worker.wait, 60)
        second = traced.start("worker")

        async def asked() -> Any:
            return (await client.get("/api/approvals")).json()["approvals"]

        approvals = await until_async(asked, "the question")
        second.send_signal(signal.SIGTERM)
        await asyncio.to_thread(second.communicate, timeout=60)
        traced.start("worker")
        vote = f"/api/approvals/{approvals[0]['approval_id']}"
        await client.post(vote, json={"approved": True, "by": "me"})
        await collector.until(has(STORED, 3), "the spans of all last activities")
        record = (await client.get(f"/api/goals/{workflow_id}")).json()
    assert record["status"] == "completed", record
    spans = of_trace(await collector.until(has("POST /api/execute-goal"), "the request's span"))
    check_whole(spans, CALLER)
    helper = ("invoke_workflow helper", [PREPARED, ("invoke_agent helper", ["work"]), STORED])
    assert tree(spans, CALLER) == [
        (
            "POST /api/execute-goal",
            [
                (
                    "invoke_workflow lead",
                    [
                        PREPARED,
                        ("invoke_agent lead", ["first"]),
                        ("invoke_agent lead", ["deadly"]),
                        helper,
                        helper,
                        "approve",
                        (
                            "invoke_agent lead",
                            ["chat scripted", "execute_tool look_up", "chat scripted"],
                        ),
                        STORED,
                    ],
                )
            ],
        )
    ]
    executions = [span for span in spans if span.name == "invoke_agent lead"]
    assert [span.attributes.get("perdure.execution.end") for span in executions].count("lost") == 1
    last = max(executions, key=lambda one: one.began)
    # Steps and waits that were done before are no work of this execution.
    assert last.events.count("perdure.step.answered_from_journal") == 4
    chat = next(span for span in spans if span.name == "chat scripted")
    assert chat.attributes["gen_ai.request.stream"] is True
    assert int(chat.attributes["gen_ai.usage.output_tokens"]) > 0
    assert "gen_ai.input.messages" not in chat.attributes

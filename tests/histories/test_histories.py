"""Every history on record replays on today's workflow, with no agent installed.

Each released version has a folder; those of a version are recorded once, and never changed:

    mkdir tests/histories/0.1.0
    RECORD_HISTORIES=tests/histories/0.1.0 pytest tests/goals tests/durability tests/schedules
"""

import asyncio
import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Interceptor, Replayer, UnsandboxedWorkflowRunner

from perdure.messages import WorkflowState
from perdure.temporal.worker.interceptors.tracing import TracingInterceptor
from perdure.workflows import agent_goal
from tests.support.replay import REPLAYED

# A history that ends because it is long was recorded where that begins sooner.
SHORT = {"continued-as-new", "continued-from-another"}
HISTORIES = sorted(Path(__file__).parent.glob("*/*.json"))


def id_in(text: str) -> str:
    """Return the workflow's id, from which a schedule's workflow derives those of its goals."""
    started = json.loads(text)["events"][0]["workflowExecutionStartedEventAttributes"]
    return str(started.get("workflowId", ""))


def test_there_are_histories_of_every_kind() -> None:
    assert {history.stem for history in HISTORIES} >= {
        "completed",
        "permanent-failure",
        "three-failures",
        "cancelled",
        "yielded",
        "ordinary-prepare",
        "stores-away",
        "reset",
        "timed-out",
        "schedule-followed",
        "schedule-unchanged",
        "schedule-failed",
    }


@pytest.mark.parametrize("interceptors", [[], [TracingInterceptor()]], ids=["plain", "traced"])
@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: f"{file.parent.name}-{file.stem}")
async def test_it_replays(
    file: Path, interceptors: list[Interceptor], monkeypatch: pytest.MonkeyPatch
) -> None:
    if file.stem in SHORT:
        monkeypatch.setattr(agent_goal, "MAX_HISTORY_EVENTS", 30)
    text = await asyncio.to_thread(file.read_text)
    history = WorkflowHistory.from_json(id_in(text) or file.stem, text)
    replayer = Replayer(
        workflows=REPLAYED,
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
        interceptors=interceptors,
    )
    await replayer.replay_workflow(history)


def test_the_state_keeps_its_names_in_histories() -> None:
    """Workers of other versions read it, during a deployment for instance."""
    payload = '{"attempt":2,"endured":{"agent":1}}'
    state = WorkflowState.model_validate_json(payload)
    assert state == WorkflowState(attempt=2, failures={"agent": 1})
    (written,) = pydantic_data_converter.payload_converter.to_payloads([state])
    assert json.loads(written.data)["endured"] == {"agent": 1}


async def test_a_workflow_that_would_differ_is_noticed() -> None:
    """The test above can fail: a history whose activity has another name does not replay."""
    text = next(file for file in HISTORIES if file.stem == "completed").read_text()
    history = WorkflowHistory.from_json("changed", text.replace("execute_agent_task", "other"))
    replayer = Replayer(
        workflows=REPLAYED,
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    with pytest.raises(Exception, match=r"[Nn]ondeterminism"):
        await replayer.replay_workflow(history)

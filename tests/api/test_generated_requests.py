"""Schemathesis sends what the OpenAPI document allows, and what it does not: all is as it says.

`PERDURE_SCHEMA_EXAMPLES=500` has it try that many requests for each operation, one group of
operations after the other, and then that many sequences of them.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import httpx
import pytest
from pydantic import BaseModel, Field

from perdure.agents import AgentSpec, Goal, InputError, Result, Run
from perdure.api.keys import new_key
from perdure.api.openapi import TAGS
from perdure.temporal.server.development_server import DevelopmentServer
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
FEW = 2
EXAMPLES = int(os.environ.get("PERDURE_SCHEMA_EXAMPLES", FEW))
# Each piece ends in its own time; a few requests are all sent at once, which starts faster.
EACH = ("--phases", "examples,coverage,fuzzing")
SEQUENCES = pytest.param(("--phases", "stateful"), id="sequences")
PIECES = [
    *(
        [pytest.param(EACH, id="all")]
        if EXAMPLES == FEW
        else [pytest.param((*EACH, "--include-tag", tag), id=tag) for tag, _ in TAGS]
    ),
    SEQUENCES,
]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "documented_problem",
)


class Shape(BaseModel):
    sides: int = Field(3, ge=3, le=12)
    colour: str | None = None


class DrawingParameters(BaseModel):
    depth: Literal["quick", "comprehensive"] = "quick"
    shapes: list[Shape] = Field(default=[], max_length=5)
    scale: float = 1.0


async def draw(run: Run, goal: Goal) -> Result:
    await run.artifact("notes/drawing.md", "# A drawing")
    if goal.description == "fail":
        raise InputError("it was asked to fail: ask otherwise")
    if goal.description == "ask":
        await run.approve("Publish?", {"pages": 3})
    return Result(summary="drawn", data=goal.parameters)


DRAWING = AgentSpec(
    name="drawing",
    description="Draws.",
    agent=draw,
    parameters=DrawingParameters,
    examples=("Draw a house",),
)


async def known_ids(api: httpx.AsyncClient) -> dict[str, list[str]]:
    """Start some goals, hand in a file, and return what there is by the names of parameters."""
    runs = {}
    for description in ("draw", "fail", "ask"):
        goal = {"goal_id": "known", "description": description, "agent_type": "drawing"}
        runs[description] = (await api.post("/api/execute-goal", json=goal)).json()["workflow_id"]

    async def is_there(path: str, status: str) -> bool:
        return bool((await api.get(f"/api/goals/{path}")).json()["status"] == status)

    await until_async(lambda: is_there(runs["draw"], "completed"))
    await until_async(lambda: is_there(runs["fail"], "failed"))
    await until_async(lambda: is_there(runs["ask"], "waiting"))
    asked = (await api.get("/api/approvals")).json()["approvals"]
    octets = {"Content-Type": "application/octet-stream"}
    file = await api.post("/api/uploads?name=a.txt", content=b"text", headers=octets)
    key = await api.post("/api/keys", json={"name": "one", "scopes": ["read"]})
    schedule = {"name": "yearly", "cron": ["@yearly"], "goal": goal}
    assert (await api.post("/api/schedules", json=schedule)).status_code == 201
    return {
        "ended": [runs["draw"], runs["fail"]],
        "workflow_id": [*runs.values()],
        "approval_id": [approval["approval_id"] for approval in asked],
        "upload_id": [file.json()["id"]],
        "key_id": [key.json()["record"]["key_id"]],
        "schedule_name": ["yearly"],
        "name": ["notes/drawing.md"],
    }


@pytest.mark.timeout(max(180, EXAMPLES * 6))
@pytest.mark.parametrize("piece", PIECES)
async def test_every_answer_is_documented(
    serve_api: ServeApi, server: DevelopmentServer, tmp_path: Path, piece: tuple[str, ...]
) -> None:
    key, digest = new_key()
    api = await serve_api(server.address, agent=DRAWING, api_keys=[digest])
    api.headers["Authorization"] = f"Bearer {key}"
    known = await known_ids(api)
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{api.base_url}/openapi.json"),
        *("--header", f"Authorization: Bearer {key}", "--checks", ",".join(CHECKS)),
        *(*piece, "--max-examples", str(EXAMPLES)),
        *("--seed", "14", "--generation-deterministic"),
        *("--request-timeout", "20", "--continue-on-failure", "--no-color", "--warnings", "off"),
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": str(HOOKS), "KNOWN_IDS": json.dumps(known)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await run.communicate()
    for each in (await api.get("/api/schedules")).json()["schedules"]:
        await api.delete(f"/api/schedules/{each['schedule']['name']}")
    assert run.returncode == 0, output.decode()

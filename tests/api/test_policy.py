"""The policy over HTTP: goals that are refused, and decisions on record."""

from pathlib import Path

import httpx
import pytest
from pydantic import BaseModel

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.temporal.server.development_server import DevelopmentServer
from tests.api.conftest import ServeApi

pytestmark = pytest.mark.asyncio(loop_scope="session")

RULES = """\
rules:
  - name: no dinosaurs
    when: {agent: desk, parameters: {animal: dinosaur}}
    then: deny
    reason: They are extinct.
  - name: feeding is fine
    when: {step: feed}
    then: allow
"""


class Meal(BaseModel):
    animal: str


async def feed(run: Run, goal: Goal) -> Result:
    return Result(summary=await run.step("feed", str.title, "fed"))


DESK = AgentSpec(name="desk", description="Feeds.", agent=feed, parameters=Meal)


def body(animal: str) -> dict[str, object]:
    return {
        "goal_id": "feeding",
        "description": "Feed it",
        "agent_type": "desk",
        "parameters": {"animal": animal},
    }


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


async def served(serve_api: ServeApi, server: DevelopmentServer, rules: Path) -> httpx.AsyncClient:
    return await serve_api(server.address, agent=DESK, policy=rules)


async def test_a_goal_that_is_denied_is_refused_and_on_record(
    serve_api: ServeApi, server: DevelopmentServer, rules: Path
) -> None:
    api = await served(serve_api, server, rules)
    refused = await api.post("/api/execute-goal", json=body("dinosaur"))
    assert refused.status_code == 403
    problem = refused.json()
    assert problem["type"] == "urn:perdure:problem:policy-denied"
    assert "rule 'no dinosaurs' denies that (They are extinct.)" in problem["detail"]
    assert (await api.get("/api/goals")).json()["goals"] == []
    [entry] = (await api.get("/api/audit")).json()["entries"]
    assert (entry["action"], entry["status"]) == ("goal.start", 403)


async def test_decisions_are_with_the_goals_details_and_on_its_page(
    serve_api: ServeApi, server: DevelopmentServer, rules: Path
) -> None:
    api = await served(serve_api, server, rules)
    done = await api.post("/api/execute-goal", json=body("cat"), params={"wait": 30})
    workflow_id = done.json()["workflow_id"]
    assert done.json()["result"]["summary"] == "Fed"
    details = (await api.get(f"/api/goals/{workflow_id}/details")).json()
    [decision] = details["decisions"]
    assert (decision["outcome"], decision["rule"]) == ("allow", "feeding is fine")
    assert (decision["kind"], decision["name"]) == ("step", "feed")
    page = (await api.get(f"/goals/{workflow_id}")).text
    assert "rule feeding is fine" in page

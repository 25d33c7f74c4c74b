"""Routes of approvals; what is asked comes from the stores, as a run would ask it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from perdure.agents.steps.journal import ApprovalRequest
from perdure.agents.steps.keys import StepKey
from perdure.messages import Wait
from perdure.models import Goal, GoalStatus
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database.fencing import Claim
from perdure.temporal.server.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest_asyncio.fixture(loop_scope="session")
async def api(serve_api: ServeApi) -> httpx.AsyncClient:
    """Return a client of the API where no Temporal server is: an answer needs none."""
    return await serve_api(f"127.0.0.1:{free_port()}", worker=False)


@pytest_asyncio.fixture(loop_scope="session")
async def stores(api: httpx.AsyncClient) -> AsyncIterator[Stores]:
    """Open the stores of the API once more."""
    async with open_stores(Settings()) as opened:
        yield opened


async def ask(stores: Stores, run: str = "run", of: tuple[str, ...] = (), needed: int = 1) -> str:
    await stores.goals.create(
        Goal(goal_id="g", description="d", agent_type="echo"), run, datetime.now(UTC)
    )
    claim, _ = await stores.executions.start(Claim(run, "r", 1, datetime.now(UTC)), None, {})
    question = ApprovalRequest("Publish?", {"pages": [1, 2]}, None, of, needed)
    wait = await stores.waits.for_execution(claim).open(StepKey("ask", "0" * 64, 0), question)
    assert isinstance(wait, Wait)
    return wait.id


async def test_a_question_is_listed_shown_and_answered(
    api: httpx.AsyncClient, stores: Stores
) -> None:
    approval = await ask(stores)
    [listed] = (await api.get("/api/approvals", params={"status": "open"})).json()["approvals"]
    assert listed == (await api.get(f"/api/approvals/{approval}")).json()
    assert listed["question"] == "Publish?"
    assert listed["data"] == {"pages": [1, 2]}
    assert listed["status"] == "open"

    said = {"approved": True, "by": " ann ", "reason": "fine"}
    answer = (await api.post(f"/api/approvals/{approval}", json=said)).json()
    assert answer["status"] == "approved"
    assert answer["decision"]["votes"][0]["by"] == "ann"
    # The answer was lost and is given again.
    again = await api.post(f"/api/approvals/{approval}", json=said)
    assert again.json() == answer
    assert (await api.get("/api/approvals", params={"status": "open"})).json()["approvals"] == []


async def test_what_does_not_fit_is_a_problem(api: httpx.AsyncClient, stores: Stores) -> None:
    approval = await ask(stores, of=("ann", "bob"), needed=2)

    async def say(approved: bool, by: str, where: str = approval) -> tuple[int, str]:
        answer = await api.post(f"/api/approvals/{where}", json={"approved": approved, "by": by})
        assert answer.status_code == 200 or "problem" in answer.headers["content-type"]
        return answer.status_code, answer.json().get("detail", "")

    assert (await say(True, "ann", "nope"))[0] == 404
    assert (await say(True, "eve"))[0] == 403
    assert (await say(True, "ann"))[0] == 200
    assert (await say(False, "ann"))[0] == 409
    assert (await say(False, "bob"))[0] == 200
    status, detail = await say(True, "bob")
    assert status == 409
    assert "decided already" in detail
    other = await ask(stores, "other")
    await stores.results.store("other", GoalStatus.CANCELLED, None, 1.0)
    assert (await say(True, "ann", other))[0] == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"by": "ann"}, "approved"),
        ({"approved": "yes", "by": "ann"}, "approved"),
        ({"approved": True}, "by"),
        ({"approved": True, "by": "  "}, "by"),
        ({"approved": True, "by": "x" * 201}, "by"),
        ({"approved": True, "by": "ann", "reason": "x" * 4_001}, "reason"),
        ({"approved": True, "by": "ann", "more": 1}, "more"),
    ],
)
async def test_what_is_no_answer_names_the_field(
    api: httpx.AsyncClient, stores: Stores, body: dict[str, object], field: str
) -> None:
    approval = await ask(stores)
    answer = await api.post(f"/api/approvals/{approval}", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_name_that_cannot_be_shown_is_refused(
    api: httpx.AsyncClient, stores: Stores
) -> None:
    approval = await ask(stores)
    said = {"approved": True, "by": "a\0b"}
    assert (await api.post(f"/api/approvals/{approval}", json=said)).status_code == 422


async def test_two_people_at_once(api: httpx.AsyncClient, stores: Stores) -> None:
    approval = await ask(stores)
    answers = await asyncio.gather(
        *(
            api.post(f"/api/approvals/{approval}", json={"approved": yes, "by": by})
            for by, yes in (("ann", True), ("bob", False))
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_pages(api: httpx.AsyncClient, stores: Stores) -> None:
    ids = [await ask(stores, f"run{number}") for number in range(3)]
    said = {"approved": False, "by": "ann"}
    await api.post(f"/api/approvals/{ids[2]}", json=said)
    open_ones = (await api.get("/api/approvals")).json()["approvals"]
    assert [one["approval_id"] for one in open_ones] == [ids[1], ids[0]]
    pages: dict[str, str] = {"limit": "2", "status": "all"}
    first = (await api.get("/api/approvals", params=pages)).json()
    assert [one["approval_id"] for one in first["approvals"]] == [ids[1], ids[0]]
    pages["after"] = first["after"]
    rest = (await api.get("/api/approvals", params=pages)).json()
    refused = (await api.get("/api/approvals", params={"status": "refused"})).json()
    assert refused["approvals"] == rest["approvals"]
    assert (await api.get("/api/approvals", params={"status": "lost"})).status_code == 422
    assert [one["approval_id"] for one in rest["approvals"]] == [ids[2]]
    assert rest["after"] is None
    of_run = (await api.get("/api/approvals", params={"workflow_id": "run1"})).json()
    assert [one["approval_id"] for one in of_run["approvals"]] == [ids[1]]
    assert (await api.get("/api/approvals", params={"after": "x"})).status_code == 422


async def test_equal_questions_are_told_apart_and_long_ones_are_cut(
    api: httpx.AsyncClient, stores: Stores
) -> None:
    await ask(stores)
    claim, _ = await stores.executions.start(Claim("run", "r", 2, datetime.now(UTC)), None, {})
    long = ApprovalRequest("Publish?", "<x>" * 1_000_000, None, (), 1)
    wait = await stores.waits.for_execution(claim).open(StepKey("ask", "0" * 64, 1), long)
    assert isinstance(wait, Wait)

    second, first = (await api.get("/api/approvals")).json()["approvals"]
    assert (first["number"], second["number"]) == (1, 2)
    assert second["shortened"]
    assert second["data"].endswith("… (3,000,002 characters in all)")
    whole = (await api.get(f"/api/approvals/{wait.id}")).json()
    assert (whole["data"], whole["number"], whole["shortened"]) == ("<x>" * 1_000_000, 2, False)
    page = (await api.get("/goals/run")).text
    assert "Publish? (2)" in page
    assert f'href="/approvals/{wait.id}"' in page
    assert len(page) < 30_000


async def test_a_goals_details_say_what_it_waits_for(
    api: httpx.AsyncClient, stores: Stores
) -> None:
    approval = await ask(stores)
    await stores.goals.set_status("run", GoalStatus.WAITING)
    details = (await api.get("/api/goals/run/details")).json()
    (wait,) = details["waits"]
    assert (wait["wait_id"], wait["kind"], wait["about"]) == (approval, "approval", "Publish?")
    assert (wait["over"], wait["workflow_id"]) == (False, None)
    assert details["spending"]["requests"] == 0
    assert (details["steps"], details["unknown_steps"]) == ([], [])
    assert (await api.get("/api/goals/none/details")).status_code == 404

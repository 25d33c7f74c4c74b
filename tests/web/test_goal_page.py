"""The page of one goal: result, files, timeline, approvals, and what can be done with it."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from perdure.agents import AgentSpec, Goal, InputError, Result, Run
from perdure.api.access.forgery import FORM_HEADER
from perdure.models import Goal as StartedGoal
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

REPORT = "# Found\n\n![the chart](chart.svg) <script>alert(1)</script>\n"
PAGE = "<!doctype html><script>parent.alert(1)</script><p>hello"
CHART = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


async def report(run: Run, goal: Goal) -> Result:
    """Make files of each kind, ask, then fail if that was asked for."""
    for number in range(12):
        await run.step("read", _read, number)
    await run.artifact("report.md", REPORT)
    await run.artifact("chart.svg", CHART)
    await run.artifact("page.html", PAGE)
    await run.artifact("data.csv", "name,price\n<b>x</b>,1\n")
    await run.artifact("change.diff", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-<i>\n+new\n")
    decision = await run.approve("Publish <it>?", {"pages": 3})
    if not decision:
        raise InputError("it was refused: ask for something else")
    return Result(summary="It is `found`. <script>alert(1)</script>")


async def _read(number: int) -> int:
    return number


SPEC = AgentSpec(name="report", description="Reports.", agent=report)


@pytest_asyncio.fixture(loop_scope="session")
async def site(
    serve_api: Callable[..., Awaitable[httpx.AsyncClient]], server: DevelopmentServer
) -> httpx.AsyncClient:
    client = await serve_api(server.address, agent=SPEC)
    # As a browser has them from its first page on: a cookie, and the token that goes with it.
    (token,) = re.findall(r'name="csrf-token" content="([^"]+)"', (await client.get("/goals")).text)
    client.headers[FORM_HEADER] = token
    return client


async def start(site: httpx.AsyncClient) -> str:
    goal = {"goal_id": "found", "description": "Find <it>", "agent_type": "report"}
    answer = await site.post("/api/execute-goal", json=goal | {"parameters": {}})
    workflow_id: str = answer.json()["workflow_id"]
    return workflow_id


async def until(site: httpx.AsyncClient, workflow_id: str, status: str) -> str:
    async def has_status() -> bool:
        return bool((await site.get(f"/api/goals/{workflow_id}")).json()["status"] == status)

    await until_async(has_status, f"status {status}")
    return (await site.get(f"/goals/{workflow_id}")).text


async def answer(site: httpx.AsyncClient, page: str, what: str) -> None:
    (action,) = set(re.findall(r'action="(/approvals/[0-9a-f]+)"', page))
    sent = await site.post(action, data={"by": "Ann", "answer": what, "reason": "so"})
    assert sent.status_code == 303


async def test_a_goal_is_answered_on_its_page_and_its_result_stands_first(
    site: httpx.AsyncClient,
) -> None:
    workflow_id = await start(site)
    page = await until(site, workflow_id, "waiting")
    assert "Publish &lt;it&gt;?" in page
    assert f"/goals/{workflow_id}/cancel" in page
    assert "read × 12" in page  # noqa: RUF001 -- times
    await answer(site, page, "approve")
    page = await until(site, workflow_id, "completed")
    assert "<script>alert" not in page
    assert "It is <code>found</code>." in page
    assert f'src="/api/goals/{workflow_id}/artifacts/chart.svg"' in page
    assert page.index("It is <code>") < page.index("Timeline")
    assert "13 steps from the journal" not in page
    assert "12 steps from the journal" in page
    assert "perdure run report" in page
    assert "style=" not in page
    assert len(page) < 150_000


async def test_each_file_is_shown_as_what_it_is(site: httpx.AsyncClient) -> None:
    workflow_id = await start(site)
    await until(site, workflow_id, "waiting")

    async def shown(name: str) -> str:
        answer = await site.get(f"/goals/{workflow_id}", params={"file": name})
        assert answer.status_code == 200
        return answer.text

    assert "<td>&lt;b&gt;x&lt;/b&gt;</td>" in await shown("data.csv")
    assert '<span class="removed">-&lt;i&gt;' in await shown("change.diff")
    assert f'<iframe class="framed" src="/goals/{workflow_id}/framed/page.html" sandbox=""' in (
        await shown("page.html")
    )
    assert (await site.get(f"/goals/{workflow_id}", params={"file": "none"})).status_code == 404
    framed = await site.get(f"/goals/{workflow_id}/framed/page.html")
    policy = framed.headers["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    for other in ("chart.svg", "none.html"):
        assert (await site.get(f"/goals/{workflow_id}/framed/{other}")).status_code == 404
    assert (await site.get(f"/goals/{workflow_id}/pages/report.md")).status_code == 404


async def test_parts_are_fetched_when_they_are_opened(site: httpx.AsyncClient) -> None:
    workflow_id = await start(site)
    await until(site, workflow_id, "waiting")
    path = f"/goals/{workflow_id}"
    shown = ""

    async def all_have_ended() -> bool:
        nonlocal shown
        rows = {"execution": 1, "first": 0, "count": 12}
        shown = (await site.get(f"{path}/steps", params=rows)).text
        return shown.count("Run again from here") == 12

    try:
        await until_async(all_have_ended, "the end of all steps")
    except AssertionError as error:
        error.add_note(shown)
        raise
    assert "read (12)" in shown
    assert "lost with its execution" not in shown
    events = await site.get(f"{path}/events")
    assert "approval.requested" in events.text
    assert (await site.get(f"{path}/text", params={"key": "read#0#0"})).status_code == 200
    for part in ("steps?execution=1&first=0&count=1", "events", "text?key=x"):
        assert (await site.get(f"/goals/goal-none/{part}")).status_code == 404


async def test_a_goal_is_paused_cancelled_and_retried_on_its_page(site: httpx.AsyncClient) -> None:
    workflow_id = await start(site)
    await until(site, workflow_id, "waiting")
    path = f"/goals/{workflow_id}"
    elsewhere = {"Origin": "http://elsewhere.example"}
    assert (await site.post(f"{path}/cancel", headers=elsewhere)).status_code == 403
    assert (await site.post(f"{path}/pause")).headers["location"] == path
    assert f"{path}/resume" in await until(site, workflow_id, "paused")
    assert (await site.post(f"{path}/resume")).status_code == 303
    await until(site, workflow_id, "waiting")
    assert (await site.post(f"{path}/cancel")).status_code == 303
    page = await until(site, workflow_id, "cancelled")
    assert f"{path}/retry" in page
    refused = await site.post(f"{path}/pause")
    assert refused.status_code == 409
    assert "has ended" in refused.text

    async def is_retried() -> bool:
        return (await site.post(f"{path}/retry")).status_code == 303

    await until_async(is_retried, "the end of the workflow")  # a moment after its record
    await answer(site, await until(site, workflow_id, "waiting"), "refuse")
    assert "it was refused" in await until(site, workflow_id, "failed")


async def test_a_goal_is_run_again_from_a_step_by_its_form(site: httpx.AsyncClient) -> None:
    workflow_id = await start(site)
    await until(site, workflow_id, "waiting")
    path = f"/goals/{workflow_id}/again"
    form = (await site.get(path, params={"from_step": "read#12"})).text
    assert '<option value="read#12" selected>' in form
    (key,) = re.findall(r'name="key" value="([^"]+)"', form)
    sent = {"key": key, "goal_id": "found", "description": "Find more", "from_step": "read#12"}
    wrong = await site.post(path, data=sent | {"description": " "})
    assert wrong.status_code == 422
    assert "say in words" in wrong.text
    assert (await site.post(path, data=sent | {"from_step": "cook"})).status_code == 422
    first, second = [await site.post(path, data=sent | {"by": "Ann"}) for _ in range(2)]
    assert first.headers["location"] == second.headers["location"]
    new = first.headers["location"].removeprefix("/goals/")
    page = await until(site, new, "waiting")
    assert "by Ann; 11 finished steps taken over" in page
    assert new in (await site.get(f"/goals/{workflow_id}")).text


async def test_a_goal_that_is_traced_links_to_its_trace(
    serve_api: Callable[..., Awaitable[httpx.AsyncClient]],
    server: DevelopmentServer,
    own_home: Path,
) -> None:
    template = 'https://traces.example/{trace_id}?at="><b>'
    client = await serve_api(server.address, agent=SPEC, worker=False, trace_url=template)
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    goal = StartedGoal(goal_id="g", description="Find it", agent_type="report")
    traced = goal.model_copy(update={"trace": f"{trace_id}-{'1' * 16}-{'0' * 16}-01"})
    async with open_stores(Settings(home=own_home)) as stores:
        await stores.goals.create(traced, "goal-g-traced", datetime.now(UTC))
        await stores.goals.create(goal, "goal-g-untraced", datetime.now(UTC))
    page = (await client.get("/goals/goal-g-traced")).text
    address = f"https://traces.example/{trace_id}?at=&#34;&gt;&lt;b&gt;"
    assert f'<a href="{address}" target="_blank" rel="noopener noreferrer">trace</a>' in page
    assert "traces.example" not in (await client.get("/goals/goal-g-untraced")).text

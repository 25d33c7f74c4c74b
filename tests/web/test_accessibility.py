"""What every page must be: open to everybody, light, as narrow as a phone, nobody else's."""

import json
from typing import Final

import httpx
import pytest
from playwright.async_api import Browser, expect

from perdure.api.keys import new_key
from perdure.schemas.plugins import Plugin
from perdure.temporal.server.development_server import DevelopmentServer
from tests.api.conftest import ServeApi
from tests.support.batches import feeding
from tests.web.conftest import CLERK, DESK, PHONE, LookAt, OpenPage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

HOSTILE: Final = (
    "<script>document.title='taken'</script>\"><img src=x onerror=alert(1)>\x1b[31m"
    " \u202eexe.fdp " + "unbroken" * 40
)
MOST_BYTES: Final = 150_000


async def start(site: httpx.AsyncClient, **parameters: object) -> str:
    goal = {
        "goal_id": "hostile",
        "description": HOSTILE,
        "agent_type": "clerk",
        "parameters": parameters,
    }
    answer = await site.post("/api/execute-goal", json=goal)
    return str(answer.raise_for_status().json()["workflow_id"])


async def until_asked(site: httpx.AsyncClient) -> str:
    async with site.stream("GET", f"/api/goals/{await start(site, ask=True)}/events") as events:
        async for line in events.aiter_lines():
            if line.startswith("data:") and "approval.requested" in line:
                return str(json.loads(line[5:])["data"]["approval_id"])
    raise AssertionError("it was not asked")


async def until(site: httpx.AsyncClient, workflow_id: str, status: str) -> str:
    while (await site.get(f"/api/goals/{workflow_id}")).json()["status"] != status:
        pass
    return workflow_id


async def score(site: httpx.AsyncClient, workflow_id: str) -> None:
    for name, value in (("accuracy", 0.8125), ("useful", True), ("n" * 64, "unbroken" * 8)):
        body = {"name": name, "value": value, "comment": HOSTILE, "step": "unbroken" * 20}
        answer = await site.post(f"/api/goals/{workflow_id}/scores", json=body)
        answer.raise_for_status()


async def schedule(site: httpx.AsyncClient) -> None:
    """Make a schedule that has started something."""
    await site.delete("/api/schedules/letters")
    goal = {"goal_id": "letter", "description": HOSTILE, "agent_type": "clerk"}
    body = {"name": "letters", "cron": ["0 7 * * 1-5"], "time_zone": "Europe/Berlin", "goal": goal}
    (await site.post("/api/schedules", json=body)).raise_for_status()
    (await site.post("/api/schedules/letters/trigger")).raise_for_status()
    while not (await site.get("/api/schedules/letters")).json()["starts"]:
        pass


async def batches(site: httpx.AsyncClient, address: str) -> tuple[str, str]:
    """Have a batch done, and one stopped, and return their paths."""
    rows = [
        {"key": HOSTILE, "description": HOSTILE},
        {"key": "failed", "parameters": {"fail": True}},
        {"key": "wrong", "parameters": {"copies": 0}},
    ]
    shared = {"agent_type": "clerk", "description": HOSTILE, "items": rows, "ordered": True}
    paths = []
    async with feeding(address, CLERK):
        for name, status, more in (
            ("letters", "completed", {}),
            ("n" * 80, "stopped", {"stop_after_failures": 1, "budget_cost": 5}),
        ):
            body = shared | {"name": name} | more
            if more:
                body["items"] = [rows[1], rows[0]]
            answer = (await site.post("/api/batches", json=body)).raise_for_status()
            batch_id = answer.json()["batch"]["batch_id"]
            while (await site.get(f"/api/batches/{batch_id}")).json()["status"] != status:
                pass
            paths.append(f"/batches/{batch_id}")
    return paths[0], paths[1]


async def places_of(site: httpx.AsyncClient, address: str) -> dict[str, str]:
    """Bring every page to show something, and return their paths."""
    approval = await until_asked(site)
    asking = (await site.get(f"/api/approvals/{approval}")).json()["workflow_id"]
    ended = await until(site, await start(site, report=True), "completed")
    await score(site, ended)
    failed = await until(site, await start(site, fail=True), "failed")
    running = await until(site, await start(site, work=True), "running")
    printed = await until(site, await start(site, letter=True), "completed")
    await schedule(site)
    batch, stopped = await batches(site, address)
    return {
        "home": "/",
        "start": "/start",
        "form": "/agents/clerk",
        "goals": "/goals",
        "goals-none": "/goals?search=nothing+like+it",
        "goals-acted-on": f"/goals?run={ended}&acted=cancel",
        "goal-completed": f"/goals/{ended}",
        "goal-table": f"/goals/{ended}?file=costs.csv",
        "goal-diff": f"/goals/{ended}?file=changes.diff",
        "goal-html": f"/goals/{ended}?file=report.html",
        "goal-pdf": f"/goals/{printed}?file=letter.pdf",
        "goal-failed": f"/goals/{failed}",
        "goal-running": f"/goals/{running}",
        "goal-waiting": f"/goals/{asking}",
        "goal-again": f"/goals/{ended}/again",
        "goal-unknown": "/goals/nothing",
        "nothing": "/nothing",
        "approvals": "/approvals",
        "approval": f"/approvals/{approval}",
        "batches": "/batches",
        "batch": batch,
        "batch-failed": f"{batch}?status=failed",
        "batch-stopped": stopped,
        "schedules": "/schedules",
        "schedule": "/schedules/letters",
        "schedule-new": "/new-schedule",
        "schedule-form": "/schedules/letters/edit",
        "agents": "/agents",
        "workers": "/workers",
        "usage": "/usage",
        "usage-by-tenant": "/usage?by=tenant",
        "usage-by-day": "/usage?by=day",
        "keys": "/keys",
        "audit": "/audit",
    }


async def test_every_page_is_open_to_everybody(
    site: httpx.AsyncClient, server: DevelopmentServer, open_page: OpenPage, look_at: LookAt
) -> None:
    places = await places_of(site, server.address)
    for size in (DESK, PHONE):
        page = await open_page("/", size=size)
        for name, place in places.items():
            await page.goto(place)
            content = await page.content()
            assert len(content.encode()) < MOST_BYTES, place
            assert await page.title() != "taken", place
            if name == "goal-pdf":
                await expect(page.get_by_role("img", name="Page 1")).to_be_visible()
            await look_at(page, name)


async def test_plugins_that_failed_are_open_to_everybody(
    serve_api: ServeApi, server: DevelopmentServer, browser: Browser, look_at: LookAt
) -> None:
    broken = Plugin(
        *("perdure-broken", "1.0", "perdure_broken", "failed"), reason=HOSTILE, claims=("scribe",)
    )
    site = await serve_api(server.address, worker=False, agent=CLERK, left_out=(broken,))
    for size in (DESK, PHONE):
        context = await browser.new_context(
            base_url=str(site.base_url),
            viewport={"width": size["width"], "height": size["height"]},
        )
        page = await context.new_page()
        await page.goto("/agents")
        await expect(page.locator(".card.alert")).to_contain_text("It would bring scribe")
        await look_at(page, "agents-failed")
        await context.close()


async def test_pages_for_who_signs_in_are_open_to_everybody(
    serve_api: ServeApi, server: DevelopmentServer, browser: Browser, look_at: LookAt
) -> None:
    key, digest = new_key()
    site = await serve_api(server.address, worker=False, api_keys=[digest])
    for size in (DESK, PHONE):
        context = await browser.new_context(
            base_url=str(site.base_url),
            viewport={"width": size["width"], "height": size["height"]},
        )
        page = await context.new_page()
        await page.goto("/goals")
        await page.get_by_label("Key").fill("perdure_wrong")
        await page.get_by_role("button", name="Sign in").click()
        await look_at(page, "sign-in")
        await page.get_by_label("Key").fill(key)
        await page.get_by_role("button", name="Sign in").click()
        await look_at(page, "goals-empty")
        await page.goto("/")
        await look_at(page, "home-empty")
        await page.goto("/keys")
        await page.get_by_label("Name").fill(f"for {size['width']}")
        await page.get_by_role("button", name="Make the key").click()
        await look_at(page, "keys-made")
        await context.close()


async def test_hostile_text_is_text(site: httpx.AsyncClient, open_page: OpenPage) -> None:
    await start(site)
    page = await open_page("/goals")
    shown = await page.inner_text(".goal-name")
    assert "<script>document.title='taken'</script>" in shown
    assert "\\x1b[31m" in shown
    assert "\\u202eexe.fdp" in shown

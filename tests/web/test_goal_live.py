"""The page of a goal in a real browser: it follows the goal, through a restart of the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from pydantic import JsonValue

from perdure.agents import AgentSpec, Goal, PlannedGoal, Result, Run
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.worker.worker import build_worker
from tests.support.plugins import registry_of
from tests.support.restartable_site import RestartableSite

pytestmark = pytest.mark.asyncio(loop_scope="session")

MILLISECONDS = 30_000
# What the agent waits for before each further piece of its text.
PIECES: list[asyncio.Event] = []


async def essay(run: Run, goal: Goal) -> Result:
    """Write a text piece by piece, then ask."""
    for number in range(20):
        await run.step("look", _look, number)
    await run.step("write", partial(_write, run))
    await run.artifact("report.md", "# Written\n\nAll of it.\n")
    await run.approve("Is it good?")
    return Result(summary="It is written.")


async def _look(number: int) -> int:
    return number


async def _write(run: Run) -> str:
    for number, may_go_on in enumerate(PIECES, 1):
        await run.text(f"piece {number} ", stream="essay")
        await may_go_on.wait()
    return "written"


# What the parts of a team wait for, by what they are asked.
GATES: dict[str, asyncio.Event] = {}


async def part(run: Run, goal: Goal) -> Result:
    """Wait until it may end, and write that down."""
    await run.step("work", GATES[goal.description].wait)
    await run.notebook.update("done", lambda names: [*(names or []), goal.description])  # type: ignore[misc]
    return Result(summary=f"{goal.description} is done")


async def team(run: Run, goal: Goal) -> Result:
    """Plan two goals, one behind the other, and delegate them."""
    plan = [("first", ()), ("<b>second", ("first",))]
    await run.plan([PlannedGoal(name=name, agent_type="part", after=after) for name, after in plan])
    for name, after in plan:
        await run.delegate("part", name, name=name, after=after)
    return Result(summary="All is done.")


LIVE = Goal(goal_id="live", description="Tell a tale", agent_type="essay")


@pytest_asyncio.fixture(loop_scope="session")
async def site(own_home: Path, server: DevelopmentServer) -> AsyncIterator[RestartableSite]:
    settings = Settings(home=own_home)
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings))
        client = await connect(server.address)
        registry = registry_of(
            AgentSpec(name="essay", description="Writes.", agent=essay),
            AgentSpec(name="team", description="Delegates.", agent=team),
            AgentSpec(name="part", description="Waits.", agent=part),
        )
        await stack.enter_async_context(build_worker(client, stores, registry, settings))
        yield RestartableSite(GoalService(client, stores, registry), settings)


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """Return a page of a phone's width, on which no script fails and nothing is refused."""
    context = await browser.new_context(viewport={"width": 390, "height": 800})
    context.set_default_timeout(MILLISECONDS)
    expect.set_options(timeout=MILLISECONDS)
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Policy" in said.text else None)
    yield page
    await context.close()
    assert wrong == []


async def test_a_goal_is_followed_through_a_restart_and_answered(
    site: RestartableSite, page: Page
) -> None:
    PIECES[:] = [asyncio.Event(), asyncio.Event()]
    streams = page.locator("#streams")
    async with site.served():
        path = await site.start(LIVE)
        await page.goto(site.url + path)
        await expect(streams).to_have_text("piece 1 ")
    PIECES[0].set()  # while there is no server
    async with site.served():
        await expect(streams).to_have_text("piece 1 piece 2 ")
        await page.reload()
        await expect(streams).to_have_text("piece 1 piece 2 ")
        # What is opened stays open when the page learns of something new.
        group = page.locator("details.tl-group", has_text="look × 20")  # noqa: RUF001 -- times
        await group.locator("summary").first.click()
        await expect(group.locator(".tl-step")).to_have_count(20)
        PIECES[1].set()
        await page.get_by_label("Your name").fill("Ann")
        await expect(group.locator(".tl-step")).to_have_count(20)
        await page.get_by_role("button", name="Approve").click()
        await expect(page.locator("#goal .badge")).to_have_text("Completed")
        result = page.locator("#result")
        await expect(result).to_contain_text("It is written.")
        await expect(result.locator(".prose h2")).to_have_text("Written")
        await expect(page.locator("#writing")).to_be_hidden()
        assert await page.evaluate("document.documentElement.scrollWidth") == 390


async def test_a_goal_is_cancelled_and_run_again_from_a_step(
    site: RestartableSite, page: Page
) -> None:
    PIECES[:] = [asyncio.Event()]
    async with site.served():
        await page.goto(site.url + await site.start(LIVE))
        await expect(page.locator("#streams")).to_have_text("piece 1 ")
        await page.locator("summary", has_text="Cancel").click()
        await page.get_by_role("button", name="Cancel").click()
        await expect(page.locator("#goal .badge")).to_have_text("Cancelled")
        lost = page.locator("details.tl-step", has_text="write")
        await expect(lost).to_contain_text("lost")
        await lost.locator("summary").first.click()
        await lost.get_by_role("link", name="Run again from here").click()
        await page.get_by_label("Your name").fill("Ann")
        PIECES[0].set()
        await page.get_by_role("button", name="Run again").click()
        await expect(page.locator(".made-from")).to_contain_text("by Ann; 20 finished steps")
        await expect(page.locator("#questions")).to_contain_text("Is it good?")


async def test_thousands_of_events_do_not_freeze_the_page(
    site: RestartableSite, page: Page
) -> None:
    PIECES[:] = [asyncio.Event()]
    async with site.served():
        path = await site.start(LIVE)
        await page.goto(site.url + path)
        await expect(page.locator("#streams")).to_have_text("piece 1 ")
        events = site.service.stores.events
        run = path.removeprefix("/goals/")
        for number in range(2_000):
            await events.append(run, "text.delta", {"stream": "essay", "text": f"{number} "})
        for number in range(3_000):
            progress: dict[str, JsonValue] = {
                "percentage": number / 30,
                "message": f"line {number}",
            }
            await events.append(run, "progress", progress)
        await expect(page.locator("#message")).to_have_text("line 2999")
        await expect(page.locator("#streams")).to_contain_text("1999 ")
        # It reacts within a moment all the while.
        delay = await page.evaluate(
            "new Promise((done) => { const began = performance.now();"
            " setTimeout(() => done(performance.now() - began)); })"
        )
        assert delay < 1_000
        PIECES[0].set()


async def test_a_retry_from_elsewhere_is_noticed(site: RestartableSite, page: Page) -> None:
    PIECES[:] = [asyncio.Event()]
    async with site.served():
        path = await site.start(LIVE)
        await page.goto(site.url + path)
        await expect(page.locator("#streams")).to_have_text("piece 1 ")
        run = path.removeprefix("/goals/")
        await site.service.control.cancel(run)
        await expect(page.locator("#goal .badge")).to_have_text("Cancelled")
        PIECES[0].set()
        await site.service.control.retry(run)
        await expect(page.locator("#questions")).to_contain_text("Is it good?")
        await page.get_by_label("Your name").fill("Ann")
        await page.get_by_role("button", name="Approve").click()
        await expect(page.locator("#goal .badge")).to_have_text("Completed")


async def test_a_teams_picture_fills_in(site: RestartableSite, page: Page) -> None:
    GATES.update({"first": asyncio.Event(), "<b>second": asyncio.Event()})
    async with site.served():
        path = await site.start(Goal(goal_id="team", description="Both", agent_type="team"))
        await page.goto(site.url + path)
        nodes = page.locator("#team .node")
        await expect(nodes).to_have_count(2)
        await expect(nodes.nth(0)).to_contain_text("running")
        await expect(nodes.nth(1)).to_contain_text("<b>second")
        await expect(nodes.nth(1)).to_contain_text("planned")
        await expect(page.locator("#team .edge")).to_have_count(1)
        GATES["first"].set()
        await expect(nodes.nth(0)).to_contain_text("completed")
        await expect(nodes.nth(1)).to_contain_text("running")
        await expect(page.locator("#team .edge.done")).to_have_count(1)
        notebook = page.locator("#notebook")
        await expect(notebook).to_contain_text("done version 1")
        await expect(notebook.locator(".asked")).to_have_text("first")
        GATES["<b>second"].set()
        await expect(page.locator("#team header")).to_contain_text("2 of 2 done")
        await expect(notebook).to_contain_text("done version 2")
        await expect(notebook.locator(".asked")).to_have_text("first\n<b>second")
        await expect(page.locator("#goal .badge")).to_have_text("Completed")
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
        await nodes.nth(0).click()
        await expect(page.locator("h1")).to_have_text("first")

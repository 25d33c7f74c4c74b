"""One way through all the pages, as somebody goes it who has a file and a key."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from pydantic import BaseModel, Field

from perdure.agents import AgentSpec, Goal, InputPath, Result, Run
from perdure.api.keys import new_key
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.worker.worker import build_worker
from tests.support.plugins import registry_of
from tests.support.restartable_site import RestartableSite
from tests.web.conftest import CHART, COSTS, DESK, PHONE, REPORT, LookAt

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

MILLISECONDS: Final = 30_000
BIDS: Final = "bidder,price\nTepla,1200\nNordwärme,1400\n"
DROP: Final = """(text) => {
  const dropped = new DataTransfer();
  dropped.items.add(new File([text], "bids.csv", { type: "text/csv" }));
  return dropped;
}"""
# What the agent waits for before each further piece of its text.
PIECES: list[asyncio.Event] = []


class BuyerParameters(BaseModel):
    bids: InputPath = Field(description="the bids, a table")


async def buyer(run: Run, goal: Goal, parameters: BuyerParameters) -> Result:
    """Read bids, write about them piece by piece, ask, and decide."""
    bids = await run.step("read the bids", _read, str(parameters.bids))
    await run.step("write", partial(_write, run))
    await run.artifact("chart.svg", CHART)
    await run.artifact("costs.csv", COSTS)
    await run.artifact("report.md", REPORT)
    await run.approve("Take the cheapest?", {"bidders": len(bids) - 1})
    return Result(summary=await run.step("decide", _cheapest, bids))


def _read(path: str | Path) -> list[str]:
    return Path(path).read_text().splitlines()


def _cheapest(bids: list[str]) -> str:
    return min(bids[1:], key=lambda bid: int(bid.partition(",")[2])).partition(",")[0]


async def _write(run: Run) -> int:
    for number, may_go_on in enumerate(PIECES, 1):
        await run.text(f"piece {number} ", stream="thoughts")
        await may_go_on.wait()
    return len(PIECES)


@pytest_asyncio.fixture(loop_scope="session")
async def key_and_site(
    own_home: Path, server: DevelopmentServer
) -> AsyncIterator[tuple[str, RestartableSite]]:
    key, digest = new_key()
    settings = Settings.model_validate({"home": own_home, "api_keys": [digest]})
    spec = AgentSpec(
        name="buyer",
        description="Compares bids.",
        agent=buyer,
        parameters=BuyerParameters,
        examples=("Which bid is the cheapest?",),
    )
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings))
        client = await connect(server.address)
        registry = registry_of(spec)
        await stack.enter_async_context(build_worker(client, stores, registry, settings))
        yield key, RestartableSite(GoalService(client, stores, registry), settings)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_from_signing_in_to_signing_out(
    key_and_site: tuple[str, RestartableSite],
    browser: Browser,
    look_at: LookAt,
    size: dict[str, int],
) -> None:
    key, site = key_and_site
    context = await browser.new_context(
        viewport={"width": size["width"], "height": size["height"]}, reduced_motion="reduce"
    )
    context.set_default_timeout(MILLISECONDS)
    expect.set_options(timeout=MILLISECONDS)
    page = await context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    loads: list[str] = []
    page.on("load", lambda loaded: loads.append(loaded.url))
    PIECES[:] = [asyncio.Event(), asyncio.Event()]
    async with site.served():
        await page.goto(site.url)
        await _sign_in(page, key)
        await _start(page, look_at)
        await expect(page.locator("#streams")).to_have_text("piece 1 ")
        await look_at(page, "journey-3-running")
    loads.clear()
    PIECES[0].set()  # while there is no server
    async with site.served():
        await expect(page.locator("#streams")).to_have_text("piece 1 piece 2 ")
        PIECES[1].set()
        await expect(page.locator("#questions")).to_contain_text("Take the cheapest?")
        assert loads == [], "what the page shows, it learned without being loaded anew"
        await _answer(page, look_at)
        await _see_the_result(page, look_at)
        await _run_again_from_a_step(page, look_at)
        await _cancel(page, look_at)
        if await page.get_by_role("button", name="Sign out").is_visible():
            await page.get_by_role("button", name="Sign out").click()
            await page.wait_for_url("**/sign-in")
    assert failures == []
    await context.close()


async def _sign_in(page: Page, key: str) -> None:
    await page.get_by_label("Key").fill(key)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_label("What should be done?")).to_be_visible()


async def _start(page: Page, look_at: LookAt) -> None:
    await page.get_by_label("What should be done?").fill("Which of these bids is cheapest?")
    await expect(page.get_by_role("radio", name="buyer")).to_be_checked()
    await look_at(page, "journey-1-home")
    await page.get_by_role("button", name="Go on").click()
    await page.wait_for_url("**/agents/buyer?*")  # and the scripts with it
    dropped = await page.evaluate_handle(DROP, BIDS)
    await page.dispatch_event("[data-drop]", "drop", {"dataTransfer": dropped})
    await expect(page.locator(".uploads li.there")).to_contain_text("bids.csv")
    await page.get_by_label("Cost at most").fill("2.5")
    await expect(page.locator("#as-command")).to_contain_text("--budget cost=2.5")
    await look_at(page, "journey-2-form")
    await page.get_by_role("button", name="Start").click()
    await page.wait_for_url("**/goals/goal-web-*")


async def _answer(page: Page, look_at: LookAt) -> None:
    await page.get_by_label("Your name").fill("Ann")
    await page.get_by_label("Reason").fill("It will do")
    await expect(page.locator("#message")).to_have_text("It waits for an answer.")
    await expect(page.locator(".asked").first).to_have_text("bids.csv (uploaded)")
    await look_at(page, "journey-4-asked")
    await page.get_by_role("button", name="Approve").click()
    await expect(page.locator("#goal .badge")).to_have_text("Completed")
    await expect(page.locator("#decided")).to_contain_text("Ann approved")


async def _see_the_result(page: Page, look_at: LookAt) -> None:
    result = page.locator("#result")
    await expect(result).to_contain_text("Tepla")
    picture = result.get_by_role("img", name="Costs by year")
    await picture.scroll_into_view_if_needed()
    await expect(picture).to_have_js_property("naturalWidth", 320)
    await expect(result.locator("td.num")).to_have_text(["1,200", "1,600"])
    # Each step once, though the server was away meanwhile.
    await expect(page.locator(".tl-step .name")).to_have_text(
        [re.compile(name) for name in ("read the bids", "write", "Take the cheapest", "decide")]
    )
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download costs.csv").click()
    downloaded = await downloading.value
    assert downloaded.suggested_filename == "costs.csv"
    assert _read(await downloaded.path()) == COSTS.splitlines()
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="JSON lines").click()
    lines = _read(await (await downloading.value).path())
    assert [json.loads(line)["number"] for line in lines] == list(range(1, len(lines) + 1))
    await look_at(page, "journey-5-completed")


async def _run_again_from_a_step(page: Page, look_at: LookAt) -> None:
    step = page.locator("details.tl-step", has_text="decide")
    await step.locator("summary").first.click()
    await step.get_by_role("link", name="Run again from here").click()
    await page.get_by_label("Your name").fill("Ann")
    await look_at(page, "journey-6-again")
    await page.get_by_role("button", name="Run again").click()
    await expect(page.locator(".made-from")).to_contain_text("Goes on from step decide of")
    await expect(page.locator("#goal .badge")).to_have_text("Completed")
    await expect(page.locator("#result")).to_contain_text("Tepla")
    await look_at(page, "journey-7-made-from-it")


async def _cancel(page: Page, look_at: LookAt) -> None:
    PIECES[:] = [asyncio.Event()]
    await page.get_by_role("link", name="Run again…").click()
    await page.get_by_role("button", name="Run again").click()
    await expect(page.locator("#streams")).to_have_text("piece 1 ")
    await page.locator("summary", has_text="Cancel").click()
    await look_at(page, "journey-8-cancel")
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator("#goal .badge")).to_have_text("Cancelled")
    PIECES[0].set()
    await page.get_by_role("link", name="Goals", exact=True).first.click()
    await expect(page.locator("[data-row] .badge").first).to_have_text("Cancelled")
    await look_at(page, "journey-9-goals")

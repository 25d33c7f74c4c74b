"""The pages in a real browser, over the API served for real."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Final

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright
from pydantic import BaseModel, Field

from perdure.agents import (
    AgentSpec,
    Goal,
    InputError,
    InputPath,
    PlannedGoal,
    Result,
    Run,
)
from perdure.temporal.server.development_server import DevelopmentServer
from tests.api.conftest import ServeApi, serve_api

__all__ = ["serve_api"]

PHONE: Final = {"width": 390, "height": 844}
DESK: Final = {"width": 1280, "height": 900}

OpenPage = Callable[..., Awaitable[Page]]
LookAt = Callable[[Page, str], Awaitable[None]]
# What axe-core finds of this weight keeps people out.
_SERIOUS: Final = frozenset({"serious", "critical"})
# What can be right in the light and wrong in the dark.
_OF_COLOURS: Final = ["color-contrast", "link-in-text-block"]
CHART: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="120" viewBox="0 0 320 120">'
    '<path d="M0 100L320 20" stroke="#0f6b52" stroke-width="3"/></svg>'
)
REPORT: Final = """# Costs rise

As [the figures](costs.csv) say, by a third in three years.

![Costs by year](chart.svg)

| Year | Cost |
|:--|--:|
| 2024 | 1,200 |
| 2026 | 1,600 |
"""
COSTS: Final = "year,cost\n2024,1200\n2025,1400\n2026,1600\n"
PDF: Final = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R>>endobj
4 0 obj<</Length 27>>stream
0.2 0.5 0.4 rg 20 20 200 90 re f
endstream endobj
trailer<</Root 1 0 R>>
"""


class ClerkParameters(BaseModel):
    path: InputPath | None = Field(None, description="the letter to read")
    ask: bool = Field(False, description="whether people are asked first")
    wait: bool = Field(False, description="whether it waits for a signal")
    work: bool = Field(False, description="whether it works until it is stopped")
    fail: bool = Field(False, description="whether it finds nothing to read")
    report: bool = Field(False, description="whether it writes a report")
    letter: bool = Field(False, description="whether it writes a letter to print")
    copies: int = Field(1, ge=1, le=9, description="how many")


def read(path: str) -> str:
    return Path(path).read_text()


async def clerk(run: Run, goal: Goal, parameters: ClerkParameters) -> Result:
    text = await run.step("read", read, str(parameters.path)) if parameters.path else ""
    await run.progress(50, "half-way")
    if parameters.fail:
        raise InputError("the letter is empty: hand in one that says something")
    if parameters.work:
        await run.step("work", asyncio.Event().wait)
    if parameters.report:
        await run.artifact("chart.svg", CHART)
        await run.artifact("costs.csv", COSTS)
        await run.artifact("changes.diff", "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n")
        await run.artifact("report.html", "<h1>Costs</h1>")
        await run.artifact("report.md", REPORT)
        await _work_together(run)
    if parameters.letter:
        await run.artifact("letter.pdf", PDF)
    if parameters.ask:
        decision = await run.approve("Send it?", {"letter": goal.description})
        text += "sent" if decision else "kept"
    if parameters.wait:
        await run.wait_for("go")
    return Result(summary=text or goal.description)


async def _work_together(run: Run) -> None:
    """Delegate one goal of a team, and say of others how they stand; write it down."""
    await run.plan(
        [
            PlannedGoal(name="read", agent_type="clerk", description="Read <b>it</b>"),
            PlannedGoal(name="the same once more", agent_type="clerk", same_as="read"),
            PlannedGoal(name="unbroken" * 12, agent_type="clerk" * 20, after=("read",)),
            *(
                PlannedGoal(name=f"part {number}", agent_type="clerk", after=("read",))
                for number in range(3)
            ),
            PlannedGoal(name="all", agent_type="clerk", after=tuple(f"part {n}" for n in range(3))),
        ]
    )
    await run.delegate("clerk", "Read it", name="read")
    await run.notebook.write("unbroken" * 20, ["unbroken" * 20, 1], version=0)


CLERK = AgentSpec(
    name="clerk",
    description="Reads letters and files them.",
    agent=clerk,
    parameters=ClerkParameters,
    examples=("File this letter", "Answer the complaint"),
)


@pytest_asyncio.fixture(loop_scope="session")
async def site(serve_api: ServeApi, server: DevelopmentServer) -> httpx.AsyncClient:
    """Return a client of the pages and the API, with a worker that has one agent, the clerk."""
    return await serve_api(server.address, agent=CLERK)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Run Chromium, headless, for the whole test run."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("there is no chromium: install the package that deploy/debian-packages names")
    async with async_playwright() as playwright:
        # As root, as in a container, its own sandbox cannot start; the pages are this server's.
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, site: httpx.AsyncClient) -> AsyncIterator[OpenPage]:
    """Return a function that opens a page; what its scripts complain of fails the test."""
    contexts, complaints = [], []

    async def open_page(
        path: str,
        *,
        size: dict[str, int] = DESK,
        theme: str = "light",
        script: bool = True,
    ) -> Page:
        context = await browser.new_context(
            base_url=str(site.base_url),
            viewport={"width": size["width"], "height": size["height"]},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
            java_script_enabled=script,
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )
        await page.goto(path)
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the source of axe-core, which looks for what keeps people out of a page."""
    return (files("axe_playwright_python") / "axe.min.js").read_text()


@pytest.fixture
def look_at(axe: str, tmp_path: Path) -> LookAt:
    """Return a function that looks at a page, in the light and in the dark.

    It must be open to everybody and as narrow as the window. A picture of each look is kept, in the
    folder that SCREENSHOTS names or in the test's own.
    """
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)

    async def look_at(page: Page, name: str) -> None:
        assert page.viewport_size is not None
        width = page.viewport_size["width"]
        shown = await page.evaluate("document.documentElement.scrollWidth")
        assert shown <= width, f"{name} scrolls sideways at {width}"
        await page.evaluate(f"{axe};0")
        for theme, rules in (("light", None), ("dark", _OF_COLOURS)):
            await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
            found = await page.evaluate("(options) => axe.run(document, options)", options)
            wrong = [
                (violation["id"], [node["html"] for node in violation["nodes"]])
                for violation in found["violations"]
                if violation["impact"] in _SERIOUS
            ]
            assert wrong == [], f"{name} at {width} in the {theme}"
            await page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=True)

    return look_at

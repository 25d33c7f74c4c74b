"""The pictures of ``docs/how-to/pages.md``, taken of the pages as they are now.

``python -m tests.docs.page_pictures``, in the clone's root, takes them anew: in an installation of
its own, the bundled agents' names and forms stand over work that is invented below, done for real.
Pictures are made small with Pillow, which comes with ``perdure-document``.
"""

import asyncio
import io
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright
from pydantic import BaseModel, JsonValue
from sqlalchemy import update

from perdure.agents import AgentSpec, Goal, InputError, Result, Run
from perdure.api.server import listen, serve
from perdure.models import Usage, Vote
from perdure.schemas.approvals import ApprovalStatus
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import run_development_server
from perdure.temporal.worker.worker import build_worker
from perdure.web.site import create_site
from tests.support.plugins import registry_of
from tests.support.until import until_async

FOLDER: Final = Path(__file__).parents[2] / "docs" / "_static" / "pages"
AGENTS: Final = ("analysis", "code", "document", "research")
_COLOURS: Final = 96

Outcome = Literal["completed", "failed", "running", "asking"]


@dataclass(frozen=True)
class Work:
    """What is invented of a goal: by whom, what, how it ends, how long ago, at what cost."""

    agent: str
    description: str
    outcome: Outcome = "completed"
    days: int = 0
    cost: float = 0.0
    percentage: float = 62


WORKS: Final = (
    Work("document", "Summarise the minutes of the board of 12 November", days=26, cost=1.2),
    Work("analysis", "Join orders.csv and returns.csv, return rate by product group", days=21),
    Work("research", "What changed in the EU rules on battery passports?", days=17, cost=3.4),
    Work("code", "Fix the failing tests of billing-core", days=12, cost=4.1),
    Work("document", "Redact names and IBANs in 212 complaint letters", days=9, cost=0.9),
    Work("research", "Which towns pay for green roofs, and how much?", days=6, cost=2.8),
    Work("code", "Review payments-gateway before the release", days=3, cost=2.2),
    Work("analysis", "Profile Q3 sales by region and explain the dip in August", days=1, cost=0.4),
    Work("research", "Write to the customers whose invoices are 60 days late", "failed", cost=0.3),
    Work("document", "Compare the three heat-pump tenders over ten years", cost=0.8),
    Work("research", "How much do street trees cool the town?", "running", cost=0.2),
    Work("document", "Extract supplier, date, net and VAT from invoices-2026-10.zip", "asking"),
    Work("code", "Find out why the nightly build is slow", "running", percentage=31),
)
DEPOTS: Final = "Which of our five depots has the most late deliveries?"
LATE: Final = {"Brno": 41, "Graz": 18, "Linz": 23, "Pécs": 12, "Ulm": 9}
REPORT: Final = """Most are on **Mondays**, when what came at the weekend goes out as well.

![Late deliveries by depot](late.svg)

| Depot | Deliveries | Late | Share |
|:--|--:|--:|--:|
| Brno | 412 | 41 | 10.0 % |
| Linz | 380 | 23 | 6.1 % |
| Graz | 297 | 18 | 6.1 % |
"""
# What each agent needs at least: nothing of it is read.
_PARAMETERS: Final[Mapping[str, Mapping[str, JsonValue]]] = {
    "analysis": {"path": "/data/deliveries.csv"},
    "code": {"path": "/data/billing-core"},
    "document": {"path": "/data/letter.txt"},
    "research": {"sources": ["/data/sources"]},
}
_DONE: Final = asyncio.Event()


async def work(run: Run, goal: Goal, parameters: BaseModel) -> Result:
    """Do what is invented of a goal."""
    if goal.description == DEPOTS:
        return await _count_late(run)
    one = next(one for one in WORKS if one.description == goal.description)
    await run.step("read", partial(_pay, run, one.cost, 0))
    if one.outcome == "failed":
        raise InputError("customers.csv has no column 'invoice date': name the one that has it")
    if one.outcome == "running":
        await run.progress(one.percentage, "7 sources, 31 quotations")
        await run.step("go on", _DONE.wait)
    if one.outcome == "asking":
        letters = {"letters": 14, "to": "a@acme.example, b@acme.example", "total": "12,410.00 EUR"}
        await run.approve("Send these 14 letters?", letters, of=["ann", "ben"], needed=2)
    return Result(summary="It is done.")


async def _count_late(run: Run) -> Result:
    await run.progress(20, "reading five tables")
    await asyncio.gather(
        *(run.step(f"read {name}.csv", partial(_pay, run, 0, 0.4)) for name in LATE)
    )
    await run.step("plan the count", partial(_pay, run, 0.04, 1.1))
    await run.step("count by weekday", partial(_pay, run, 0, 0.8))
    await run.approve("Leave out the strike of 3 November?", {"deliveries": 61}, of=["ann"])
    await run.step("explain", partial(_pay, run, 0.02, 1.4))
    await run.artifact("late.svg", _bars(LATE))
    await run.artifact("late.csv", "depot,late\n" + "".join(f"{k},{v}\n" for k, v in LATE.items()))
    await run.artifact("report.md", REPORT)
    return Result(summary="**Brno**: 41 of 412 deliveries were late, one in ten.")


async def _pay(run: Run, cost: float, seconds: float) -> str:
    await asyncio.sleep(seconds)
    if cost:
        used = Usage(input_tokens=int(90_000 * cost), output_tokens=int(9_000 * cost), cost=cost)
        await run.spend(used, model="gpt-5-mini")
    return "done"


def _bars(values: Mapping[str, int]) -> str:
    rows = "".join(
        f'<text x="0" y="{30 * number + 20}" font-size="13" font-family="sans-serif">{name}</text>'
        f'<rect x="60" y="{30 * number + 6}" width="{8 * value}" height="20" fill="#0f6b52"/>'
        f'<text x="{68 + 8 * value}" y="{30 * number + 20}" font-size="13"'
        f' font-family="sans-serif">{value}</text>'
        for number, (name, value) in enumerate(values.items())
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="440" height="156" viewBox="0 0 440 156">'
        f'<rect width="440" height="156" fill="#fff"/>{rows}</svg>'
    )


async def _work_done(service: GoalService) -> str:
    """Have all of it done, and return the id of the run that is shown."""
    for one in WORKS:
        run = await service.start(_goal(one.agent, one.description))
        wanted = "waiting" if one.outcome == "asking" else one.outcome
        await until_async(partial(_has_status, service.stores, run, wanted))
        if one.days:
            await _set_back(service.stores, run, timedelta(days=one.days))
    shown = await service.start(_goal("analysis", DEPOTS))
    await until_async(partial(_has_status, service.stores, shown, "waiting"))
    for approval in await service.stores.approvals.list(status=ApprovalStatus.OPEN):
        by, reason = ("ann", "") if approval.workflow_id == shown else ("ben", "read them all")
        vote = Vote(by=by, approved=True, reason=reason, at=datetime.now(UTC))
        await service.decisions.vote(approval.approval_id, vote)
    await until_async(partial(_has_status, service.stores, shown, "completed"))
    return shown


def _goal(agent: str, description: str) -> Goal:
    name = description.split(maxsplit=1)[0].lower()
    return Goal(
        goal_id=f"{agent}-{name}",
        description=description,
        agent_type=agent,
        parameters=_PARAMETERS.get(agent, {}),
    )


async def _has_status(stores: Stores, run: str, status: str) -> bool:
    return (await stores.goals.get(run)).status.value == status


async def _set_back(stores: Stores, run: str, time: timedelta) -> None:
    at = datetime.now(UTC) - time
    goals, spending = schema.goals, schema.spending
    times = {"started_at": at, "ended_at": at + timedelta(seconds=40)}

    def write(transaction: Transaction) -> None:
        execute = transaction.connection.execute
        execute(update(goals).where(goals.c.workflow_id == run).values(times))
        execute(update(spending).where(spending.c.workflow_id == run).values(at=at))

    await stores.database.write(write)


async def _take(browser: Browser, url: str, shown: str) -> None:
    async def page_of(path: str, height: int, width: int = 1180, theme: str = "light") -> Page:
        page = await browser.new_page(
            base_url=url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            device_scale_factor=1.25,
            reduced_motion="reduce",
        )
        await page.goto(path)
        return page

    page = await page_of("/", 860)
    await page.fill("#what", "Compare the three tenders and say which is cheapest")
    await page.get_by_text("is suggested by what you wrote").wait_for()
    await _keep(page, "home")
    page = await page_of("/agents/document", 960)
    await page.fill("#description", "Compare the two contracts")
    await page.select_option("[id='parameters.action']", "compare")
    files = [
        {"name": f"contract-{year}.pdf", "mimeType": "application/pdf", "buffer": b"x" * size}
        for year, size in ((2025, 412_000), (2026, 431_000))
    ]
    await page.set_input_files("[data-drop='parameters.paths'] input[type=file]", files)  # type: ignore[arg-type]
    await page.locator(".uploads li.there").nth(1).wait_for()
    await page.locator("#as-command", has_text="contract-2026").wait_for()
    await _keep(page, "start")
    page = await page_of("/goals", 720)
    for number in (1, 4):
        await page.locator("input[name=run]").nth(number).click()
    await _keep(page, "goals")
    page = await page_of(f"/goals/{shown}", 1240)
    await page.locator("#result img").first.scroll_into_view_if_needed()
    await _keep(page, "goal")
    await _keep(await page_of("/usage", 820), "usage")


async def _keep(page: Page, name: str) -> None:
    await page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    picture = Image.open(io.BytesIO(await page.screenshot(animations="disabled"))).convert("RGB")
    small = picture.quantize(_COLOURS, dither=Image.Dither.NONE)
    small.save(FOLDER / f"{name}.png", optimize=True)
    await page.close()


def _agents() -> list[AgentSpec]:
    plugins = [import_module(f"perdure_{name}.plugin") for name in AGENTS]
    return [replace(spec, agent=work) for plugin in plugins for spec in plugin.register_agents()]


async def main() -> None:
    """Take the pictures."""
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory()))
        settings = Settings(home=home)
        binary = (await ensure_server_binary(Settings(), print)).path
        server = await stack.enter_async_context(run_development_server(binary, port=0, ui_port=0))
        stores = await stack.enter_async_context(open_stores(settings))
        client = await connect(server.address)
        registry = registry_of(*_agents())
        await stack.enter_async_context(build_worker(client, stores, registry, settings))
        service = GoalService(client, stores, registry)
        site = create_site(service, settings)
        url = await stack.enter_async_context(
            serve(site, listen(settings.host, settings.port), settings)
        )
        shown = await _work_done(service)
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        await _take(browser, url, shown)
        await browser.close()
        _DONE.set()


if __name__ == "__main__":
    asyncio.run(main())

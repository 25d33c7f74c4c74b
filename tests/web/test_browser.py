"""The pages as people use them: in a real browser, with its keyboard, and without its scripts."""

import re
from typing import Final

import httpx
import pytest
from playwright.async_api import Page, expect

from perdure.web.routes.goals import SHOWN_GOALS
from tests.support.until import until_async
from tests.web.conftest import PHONE, OpenPage

pytestmark = pytest.mark.asyncio(loop_scope="session")

LETTER: Final = {"name": "letter <b>.txt", "mimeType": "text/plain", "buffer": b"Dear Sir"}


async def start(site: httpx.AsyncClient, name: str, **parameters: object) -> str:
    goal = {
        "goal_id": name,
        "description": f"file {name}",
        "agent_type": "clerk",
        "parameters": parameters,
    }
    answer = await site.post("/api/execute-goal", json=goal)
    return str(answer.raise_for_status().json()["workflow_id"])


async def result(site: httpx.AsyncClient, workflow_id: str) -> str:
    await site.get(f"/api/goals/{workflow_id}/events")  # it ends with the run
    return str((await site.get(f"/api/goals/{workflow_id}")).json()["result"]["summary"])


def goal_of(page: Page) -> str:
    found = re.search(r"/goals/(goal-[^/?]+)$", page.url)
    assert found is not None, page.url
    return found[1]


async def test_a_goal_is_started_with_a_file(site: httpx.AsyncClient, open_page: OpenPage) -> None:
    page = await open_page("/")
    await page.get_by_label("What should be done?").fill("file a complaint for me")
    await expect(page.get_by_role("radio", name="clerk")).to_be_checked()
    await page.get_by_role("button", name="Go on").click()
    await page.set_input_files("[data-drop] input[type=file]", LETTER)  # type: ignore[arg-type]
    await expect(page.locator(".uploads li.there")).to_contain_text("letter <b>.txt")
    await expect(page.locator("#as-command")).to_contain_text("--param 'path=upload:")
    await page.get_by_label("Cost at most").fill("ten")
    await page.get_by_role("button", name="Start").click()
    await expect(page.locator(".wrong")).to_have_text("“ten” is no number: write one such as 2")
    await expect(page.locator(".uploads li")).to_contain_text("letter <b>.txt")
    await page.get_by_label("Cost at most").fill("2.50")
    await page.get_by_role("button", name="Start").click()
    await page.wait_for_url("**/goals/goal-web-*")
    assert await result(site, goal_of(page)) == "Dear Sir"
    record = (await site.get(f"/api/goals/{goal_of(page)}")).json()
    assert (record["description"], record["budget"]["cost"]) == ("file a complaint for me", 2.5)


async def test_an_agent_that_somebody_chose_stays_chosen(site: httpx.AsyncClient) -> None:
    async def suggested(description: str, **given: str) -> str:
        query = {"description": description, **given}
        return (await site.get("/start/suggestion", params=query)).text

    first = await suggested("answer the complaint")
    assert 'value="clerk" checked' in first
    assert "clerk is suggested by what you wrote" in first
    # What was suggested goes with the words that suggested it.
    assert "checked" not in await suggested("hello", agent="clerk", suggested="clerk")
    chosen = await suggested("hello", agent="clerk", suggested="")
    assert 'value="clerk" checked' in chosen
    assert "is suggested" not in chosen


async def test_goals_are_chosen_and_cancelled(site: httpx.AsyncClient, open_page: OpenPage) -> None:
    waiting = [await start(site, name, wait=True) for name in ("one", "two")]
    ended = await start(site, "three")
    await result(site, ended)
    page = await open_page("/goals")
    for workflow_id in (*waiting, ended):
        await page.check(f"input[value='{workflow_id}']")
    await expect(page.locator("[data-chosen-count]")).to_have_text("3 chosen")
    await page.get_by_role("button", name="Cancel…").click()
    await page.get_by_role("button", name="Cancel the goals").click()
    await expect(page.get_by_role("status").first).to_contain_text("2 goals were asked to stop")
    await expect(page.get_by_role("status").first).to_contain_text("1 was left alone")
    assert await page.locator("[data-row]").count() == 3
    # The list follows what becomes of them.
    await expect(page.locator(".badge.cancelled")).to_have_count(2)


async def test_the_address_keeps_the_filters_and_the_keyboard_moves(
    site: httpx.AsyncClient, open_page: OpenPage
) -> None:
    for name in ("one", "two"):
        await result(site, await start(site, name))
    page = await open_page("/goals")
    await page.get_by_role("link", name="Completed").click()
    await page.locator("select[name=agent]").select_option("clerk")
    await page.wait_for_url("**/goals?status=completed&agent=clerk")
    await page.reload()
    await expect(page.locator("select[name=agent]")).to_have_value("clerk")
    await page.locator("h1").click()
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    await expect(page.locator("input[name=run]").nth(1)).to_be_checked()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/goals/goal-one-*")
    await page.goto("/goals")
    await page.keyboard.press("/")
    await page.keyboard.type("file tw")
    await page.wait_for_url("**/goals?search=file+tw")
    await expect(page.locator("[data-row]")).to_have_count(1)
    await expect(page.locator(".goal-name")).to_have_text("file two")
    await expect(page.get_by_role("searchbox")).to_be_focused()


async def test_an_approval_is_answered_in_place(
    site: httpx.AsyncClient, open_page: OpenPage
) -> None:
    workflow_id = await start(site, "letter", ask=True)
    page = await open_page("/approvals", size=PHONE)
    while not await page.get_by_text("Send it?").count():
        await page.reload()
    await expect(page.locator(".count")).to_have_text("1")
    await page.get_by_label("Your name").fill("ann")
    await page.get_by_label("Reason").fill("<i>well written</i>")
    await page.get_by_role("button", name="Approve").click()
    card = page.locator("article.approval")
    await expect(card.locator(".badge")).to_have_text("Approved")
    await expect(card).to_contain_text("<i>well written</i>")
    assert await result(site, workflow_id) == "sent"


async def test_without_scripts_forms_are_sent_all_the_same(
    site: httpx.AsyncClient, open_page: OpenPage
) -> None:
    page = await open_page("/agents/clerk?description=file+it&parameters.ask=on", script=False)
    await page.get_by_role("button", name="Start").click()
    workflow_id = goal_of(page)
    await page.goto("/approvals")
    while not await page.get_by_text("Send it?").count():
        await page.reload()
    await page.get_by_label("Your name").fill("ann")
    await page.get_by_role("button", name="Refuse").click()
    await page.wait_for_url("**/approvals")
    assert await result(site, workflow_id) == "kept"
    await page.goto("/goals")
    await page.check(f"input[value='{workflow_id}']")
    await page.get_by_role("button", name="Retry").click()
    await expect(page.get_by_role("alert")).to_contain_text("1 was left alone")


async def test_all_that_fit_are_cancelled_where_a_page_does_not_hold_them(
    site: httpx.AsyncClient, open_page: OpenPage
) -> None:
    other = await start(site, "other", wait=True)
    await site.post(f"/api/goals/{other}/cancel")
    await site.get(f"/api/goals/{other}/events")  # it ends with the run
    for number in range(SHOWN_GOALS + 1):
        await start(site, f"many-{number}", wait=True)
    page = await open_page("/goals?search=many")
    await page.check("[data-choose-all]")
    await page.get_by_text(f"All {SHOWN_GOALS + 1} that fit").click()
    await page.get_by_role("button", name="Cancel…").click()
    await page.get_by_role("button", name="Cancel the goals").click()
    await page.wait_for_url("**/goals?acted=cancel&entry=goals-*")
    await expect(page.get_by_role("status").first).to_contain_text("51 goals were asked to stop")
    await expect(page.locator("[data-row]")).to_have_count(SHOWN_GOALS)
    assert other not in await page.content()
    await page.get_by_role("link", name="Older").click()
    await expect(page.locator(".goal-name")).to_have_text(["file many-0"])

    async def all_have_stopped() -> bool:
        found = {"search": "many", "status": "cancelled", "limit": str(SHOWN_GOALS + 1)}
        goals = (await site.get("/api/goals", params=found)).json()["goals"]
        return len(goals) == SHOWN_GOALS + 1

    await until_async(all_have_stopped, "the end of all goals")
    await page.get_by_role("link", name="Newest").click()
    await expect(page.locator(".badge.cancelled")).to_have_count(SHOWN_GOALS)


async def test_the_theme_is_kept(open_page: OpenPage) -> None:
    page = await open_page("/")
    for theme in ("light", "dark"):
        await page.get_by_role("button", name="Theme").click()
        await expect(page.locator("html")).to_have_attribute("data-theme", theme)
    await page.goto("/goals")
    assert await page.locator("html").get_attribute("data-theme") == "dark"

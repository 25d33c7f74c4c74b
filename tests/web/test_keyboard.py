"""Every page with the keyboard alone: Tab comes to all there is, in order, and one sees where."""

from typing import Any, Final

import httpx
import pytest
from playwright.async_api import Page, expect

from perdure.temporal.server.development_server import DevelopmentServer
from tests.web.conftest import DESK, PHONE, OpenPage
from tests.web.test_accessibility import places_of, until_asked

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

# What one can do something with, and how each looks before it has the focus. Of a group of radio
# buttons Tab comes to one.
BEGIN: Final = """() => {
  document.activeElement.blur(); // a form has taken the focus
  const look = (element) => {
    const looks = [];
    for (let at = element, up = 0; at && up < 4; at = at.parentElement, up++)
      for (const one of up ? [at] : [at, ...(at.labels ?? [])]) {
        const { outlineStyle, outlineWidth, boxShadow, borderColor, backgroundColor, top } =
          getComputedStyle(one);
        looks.push([outlineStyle, outlineWidth, boxShadow, borderColor, backgroundColor, top]);
      }
    return JSON.stringify(looks);
  };
  const groups = new Set();
  const isOne = (element) => {
    if (element.type !== "radio") return true;
    const group = [...document.getElementsByName(element.name)];
    if (group.some((one) => one.checked)) return element.checked;
    return !groups.has(element.name) && groups.add(element.name);
  };
  const all = "a[href], button, input, select, textarea, summary, [tabindex]";
  const reachable = [...document.querySelectorAll(all)].filter((element) =>
    element.tabIndex >= 0 && !element.disabled && element.type !== "hidden" &&
    element.checkVisibility({ visibilityProperty: true }) && isOne(element));
  const before = new Map(reachable.map((one) => [one, look(one)]));
  reachable[0].focus();
  window.walk = { look, reachable, before };
}"""
STEP: Final = """() => {
  const { look, reachable, before } = window.walk;
  const element = document.activeElement;
  if (element === document.body) return null;
  const box = element.getBoundingClientRect();
  return {
    index: reachable.indexOf(element),
    html: element.outerHTML.slice(0, 200),
    isSeen: before.get(element) !== look(element),
    isInView: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""
MOST_STEPS: Final = 400


async def walk(page: Page) -> list[dict[str, Any]]:
    """Press Tab from the page's beginning to its end, and return where that comes to."""
    await page.evaluate(BEGIN)
    steps: list[dict[str, Any]] = []
    for _ in range(MOST_STEPS):
        step = await page.evaluate(STEP)
        if step is None or (len(steps) > 1 and step["index"] == steps[0]["index"]):
            return steps
        # A field for a date has several parts.
        if not steps or step["html"] != steps[-1]["html"] or step["index"] != steps[-1]["index"]:
            steps.append(step)
        await page.keyboard.press("Tab")
    raise AssertionError("it does not end")


async def test_tab_comes_to_everything_in_order_and_shows_where(
    site: httpx.AsyncClient, server: DevelopmentServer, open_page: OpenPage
) -> None:
    places = await places_of(site, server.address)
    for size in (DESK, PHONE):
        page = await open_page("/", size=size)
        for name, place in places.items():
            await page.goto(place)
            where = f"{name} at {size['width']}"
            steps = await walk(page)
            # What scrolls, and what is in a frame, can be come to as well.
            reached = [step for step in steps if step["index"] >= 0]
            assert "Skip to the content" in reached[0]["html"], where
            count = await page.evaluate("window.walk.reachable.length")
            assert [step["index"] for step in reached] == [*range(count)], where
            for step in reached:
                assert step["isSeen"], (where, step["html"])
                assert step["isInView"], (where, step["html"])


async def test_one_skips_to_the_content(site: httpx.AsyncClient, open_page: OpenPage) -> None:
    page = await open_page("/agents")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.closest('main') !== null")


async def test_what_opens_over_a_page_is_left_with_escape(
    site: httpx.AsyncClient, open_page: OpenPage
) -> None:
    await until_asked(site)
    page = await open_page("/goals")
    await page.locator("input[name=run]").first.focus()
    await page.keyboard.press("Space")
    opener = page.get_by_role("button", name="Cancel…")
    await opener.focus()
    await page.keyboard.press("Enter")
    asked = page.locator("#cancel-chosen")
    await expect(asked).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(asked.get_by_role("button", name="Cancel the goals")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(asked).to_be_hidden()
    await expect(opener).to_be_focused()

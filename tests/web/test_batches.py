"""The page of a batch in a browser: it follows the batch, and asks before it cancels."""

import httpx
import pytest
from playwright.async_api import expect

from perdure.temporal.server.development_server import DevelopmentServer
from tests.support.batches import feeding
from tests.web.conftest import CLERK, OpenPage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]


async def test_a_batch_is_followed_paused_and_cancelled(
    site: httpx.AsyncClient, server: DevelopmentServer, open_page: OpenPage
) -> None:
    items = [{"key": "done"}, {"key": "endless", "parameters": {"work": True}}, {"key": "later"}]
    body = {"name": "letters", "agent_type": "clerk", "description": "File it", "ordered": True}
    (await site.post("/api/batches", json=body | {"items": items})).raise_for_status()
    page = await open_page("/")
    await page.get_by_role("link", name="Batches").click()
    await page.get_by_role("link", name="letters").click()
    facts = page.locator(".facts")
    await expect(facts).to_contain_text("of 3; 0 at work, 3 to come")
    async with feeding(server.address, CLERK):
        # It follows without being loaded again.
        await expect(facts).to_contain_text("of 3; 1 at work, 1 to come", timeout=60_000)
        await page.get_by_role("button", name="Pause").click()
        await expect(page.locator("h1 + .status .badge")).to_have_text("Paused")
        await page.get_by_role("button", name="Resume").click()
        await expect(page.locator("h1 + .status .badge")).to_have_text("Running")
        await page.get_by_role("button", name="Cancel…").click()
        asked = page.locator("#cancel-batch")
        await expect(asked).to_be_visible()
        # What is asked stays open while the page follows the batch.
        async with page.expect_response(lambda answer: "/batches/batch-" in answer.url):
            pass
        await expect(asked).to_be_visible()
        await asked.get_by_role("button", name="Cancel the batch").click()
        await expect(page.locator("h1 + .status .badge")).to_have_text("Cancelled", timeout=60_000)
    await expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    await page.get_by_role("link", name="done", exact=True).click()
    await expect(page.get_by_role("heading", name="File it")).to_be_visible()

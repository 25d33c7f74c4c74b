"""The pages of batches: what they show, what their buttons do, and who may press them."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from perdure.api.access.forgery import FORM_HEADER
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer
from tests.api.conftest import ECHO
from tests.support.batches import feeding
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
HOSTILE = "<img src=x onerror=alert(1)>"
ACTIONS = ("pause", "resume", "cancel", "retry")


async def hand_in(api: httpx.AsyncClient, *items: dict[str, Any], **more: Any) -> str:
    """Hand a batch in, and return the path of its page."""
    shared = {"name": "words", "agent_type": "echo", "description": "Say it"}
    answer = await api.post("/api/batches", json=shared | {"items": items} | more)
    assert answer.status_code == 201, answer.text
    return f"/batches/{answer.json()['batch']['batch_id']}"


async def until_shown(api: httpx.AsyncClient, path: str, *texts: str) -> str:
    async def look() -> str:
        page = (await api.get(path)).text
        return page if all(text in page for text in texts) else ""

    return str(await until_async(look, f"{texts} on {path}"))


def token_of(page: str) -> dict[str, str]:
    [token] = re.findall(r'name="csrf-token" content="([^"]+)"', page)
    return {FORM_HEADER: token}


def buttons(page: str) -> set[str]:
    return {name for name in ACTIONS if f'/{name}"' in page}


async def test_they_show_how_a_batch_stands_and_what_became_of_its_items(
    api: httpx.AsyncClient, server: DevelopmentServer
) -> None:
    assert "No batch yet" in (await api.get("/batches")).text
    path = await hand_in(
        api,
        {"key": "a", "parameters": {"depth": "comprehensive"}},
        {"key": HOSTILE, "parameters": {"fail": True}},
        {"key": "wrong", "parameters": {"depth": "deepest"}},
        budget_cost=5,
    )
    async with feeding(server.address, ECHO):
        page = await until_shown(api, path, ">Completed</span>", "of 3; 0 at work, 0 to come")
    assert HOSTILE not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "it was asked to fail: ask otherwise" in page
    assert "and 1 invalid" in page
    assert "of $5" in page
    items = (await api.get(f"/api{path}/items")).json()["items"]
    for item in items[:2]:
        assert f'href="/goals/{item["workflow_id"]}"' in page
    for kind in ("csv", "jsonl", "parquet"):
        address = f"/api{path}/outcome?format={kind}"
        assert f'href="{address}"' in page
        assert (await api.get(address)).status_code == 200
    failed = (await api.get(f"{path}?status=failed")).text
    assert "&lt;img" in failed
    assert items[0]["workflow_id"] not in failed
    assert buttons(page) == {"retry"}
    listed = (await api.get("/batches")).text
    assert f'href="{path}"' in listed
    assert "3 of 3" in listed
    part = (await api.get(path, headers={"HX-Request": "true"})).text
    assert "<html" not in part
    assert "at work" in part
    assert "<html" not in (await api.get("/batches", headers={"HX-Request": "true"})).text
    missing = await api.get("/batches/none", headers={"Accept": "text/html"})
    assert missing.status_code == 404
    assert "no batch &#39;none&#39; is on record" in missing.text
    assert (await api.get("/batches?before=nonsense")).status_code == 422


async def test_its_buttons_do_what_they_say(
    api: httpx.AsyncClient, server: DevelopmentServer
) -> None:
    path = await hand_in(
        api,
        {"key": "failed", "parameters": {"fail": True}},
        {"key": "endless", "parameters": {"wait": True}},
        ordered=True,
    )
    page = (await api.get(path)).text
    token = token_of(page)
    assert buttons(page) == {"pause", "cancel"}

    async def press(name: str, status: int = 303, **fields: str) -> httpx.Response:
        answer = await api.post(f"{path}/{name}", headers=token, data=fields)
        assert answer.status_code == status, answer.text
        return answer

    assert (await press("pause")).headers["location"] == path
    assert buttons((await api.get(path)).text) == {"resume", "cancel"}
    wrong = await press("resume", 422, budget_cost="a lot")
    assert "is no budget: write dollars" in wrong.text
    await press("resume", budget_cost="12.50")
    assert "of $12.50" in (await api.get(path)).text
    async with feeding(server.address, ECHO):
        await until_shown(api, path, "of 2; 1 at work, 0 to come")
        await press("retry")
        await press("cancel")
        page = await until_shown(api, path, ">Cancelled</span>")
    assert buttons(page) == set()
    conflict = await press("pause", 409)
    assert "the batch &#39;words&#39; is cancelled" in conflict.text
    actions = [each["action"] for each in (await api.get("/api/audit")).json()["entries"]]
    assert {f"batch.{name}" for name in ACTIONS} <= set(actions)


async def test_a_budget_that_is_used_up_is_raised_where_it_says_so(
    api: httpx.AsyncClient, server: DevelopmentServer
) -> None:
    path = await hand_in(
        api,
        {"key": "failed", "parameters": {"fail": True}},
        {"key": "good"},
        ordered=True,
        stop_after_failures=1,
        budget_cost=5,
    )
    async with feeding(server.address, ECHO):
        page = await until_shown(api, path, ">Stopped</span>")
        assert "1 of its items failed, and it was to stop after 1" in page
        assert 'name="budget_cost"' in page
        assert buttons(page) == {"resume", "cancel", "retry"}
        await api.post(f"{path}/resume", headers=token_of(page), data={"budget_cost": ""})
        await until_shown(api, path, ">Completed</span>", "of $5")


async def test_pages_of_others_and_keys_that_only_read_change_nothing(
    serve_api: ServeApi, own_home: Path
) -> None:
    async with open_stores(Settings(home=own_home)) as stores:
        submit, _ = await stores.access.keys.create("a", ["read", "submit"])
        read, _ = await stores.access.keys.create("b", ["read"])
    api = await serve_api("127.0.0.1:1", worker=False)
    api.headers["Authorization"] = f"Bearer {submit}"
    path = await hand_in(api, {"key": "a"})
    assert buttons((await api.get(path)).text) == {"pause", "cancel"}
    api.headers["Authorization"] = f"Bearer {read}"
    assert buttons((await api.get(path)).text) == set()
    for name in ACTIONS:
        assert (await api.post(f"{path}/{name}")).status_code == 403
    del api.headers["Authorization"]
    assert (await api.get(path)).status_code == 401
    assert (await api.get("/batches")).status_code == 401


async def test_a_form_of_another_site_is_refused(api: httpx.AsyncClient) -> None:
    path = await hand_in(api, {"key": "a"})
    await api.get(path)  # the browser has its cookie
    for name in ACTIONS:
        assert (await api.post(f"{path}/{name}")).status_code == 403
        forged = await api.post(f"{path}/{name}", headers={FORM_HEADER: "guessed"})
        assert forged.status_code == 403
    assert (await api.get(f"/api{path}")).json()["status"] == "running"


async def test_many_are_listed_a_page_at_a_time(serve_api: ServeApi) -> None:
    api = await serve_api("127.0.0.1:1", worker=False)
    path = await hand_in(api, *({"key": f"k{number:03}"} for number in range(1, 102)))
    first = (await api.get(path)).text
    assert "k050" in first
    assert "k051" not in first
    last = (await api.get(f"{path}?after=100")).text
    assert "k101" in last
    assert "k100" not in last
    [more] = re.findall(r'href="([^"]+)" rel="next"', first)
    assert more == f"{path}?after=50"
    none = (await api.get(f"{path}?status=failed")).text
    assert "No item is like this" in none

"""Schedules over HTTP, and their pages."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from perdure.api.access.forgery import FORM_HEADER
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.schedules.service import ScheduleService
from perdure.temporal.server.development_server import DevelopmentServer
from tests.api.conftest import ServeApi
from tests.support.plugins import registry_of
from tests.support.schedules import delete_all
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOAL = {"goal_id": "news", "description": "News of {scheduled_time}", "agent_type": "echo"}
SCHEDULE = {"name": "morning", "cron": ["0 7 * * *"], "time_zone": "Europe/Berlin", "goal": GOAL}


@pytest_asyncio.fixture(loop_scope="session")
async def site(
    api: httpx.AsyncClient, server: DevelopmentServer, own_home: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the API; there are no schedules before the test, and none after it."""
    client = await connect(server.address)
    async with open_stores(Settings()) as stores:
        schedules = ScheduleService(GoalService(client, stores, registry_of()))
        await delete_all(schedules)
        yield api
        await delete_all(schedules)


async def show(api: httpx.AsyncClient) -> dict[str, Any]:
    answer = await api.get("/api/schedules/morning")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def until_started(api: httpx.AsyncClient, count: int) -> list[dict[str, Any]]:
    async def have_completed() -> list[dict[str, Any]]:
        starts = [one for one in (await show(api))["starts"] if one["status"] == "completed"]
        return starts if len(starts) >= count else []

    return await until_async(have_completed, f"{count} starts")


async def test_the_way_of_a_schedule(site: httpx.AsyncClient) -> None:
    made = await site.post("/api/schedules", json=SCHEDULE)
    assert made.status_code == 201, made.text
    assert made.json()["schedule"]["overlap"] == "skip"
    assert [time[11:16] for time in made.json()["next_times"]] == ["07:00"] * 10

    async def is_listed() -> bool:
        listed = (await site.get("/api/schedules")).json()["schedules"]
        return [one["schedule"]["name"] for one in listed] == ["morning"]

    await until_async(is_listed, "a list with it")
    paused = (await site.post("/api/schedules/morning/pause")).json()
    assert (paused["paused"], paused["note"]) == (True, "by hand")
    assert (await site.post("/api/schedules/morning/trigger")).status_code == 200
    await until_started(site, 1)
    span = {"start_at": "2025-10-25T00:00:00Z", "end_at": "2025-10-26T23:00:00Z"}
    filled = await site.post("/api/schedules/morning/backfill", json=span)
    times = ["2025-10-25T07:00:00+02:00", "2025-10-26T07:00:00+01:00"]
    assert filled.json() == {"name": "morning", "times": times}
    newest, before, _ = await until_started(site, 3)
    described = []
    for start in (before, newest):
        [started] = start["goals"]
        goal = (await site.get(f"/api/goals/{started['workflow_id']}")).json()
        described.append(goal["description"])
    assert described == [f"News of {time}" for time in times]
    assert not (await site.post("/api/schedules/morning/resume")).json()["paused"]

    assert (await site.delete("/api/schedules/morning")).status_code == 204
    gone = await site.get("/api/schedules/morning")
    assert gone.status_code == 404
    assert gone.json()["type"] == "urn:perdure:problem:unknown-schedule"
    audited = (await site.get("/api/audit?subject=morning")).json()["entries"]
    assert [(one["action"], one["status"]) for one in reversed(audited)] == [
        ("schedule.create", 201),
        ("schedule.pause", 200),
        ("schedule.trigger", 200),
        ("schedule.backfill", 200),
        ("schedule.resume", 200),
        ("schedule.delete", 204),
    ]


async def test_what_is_refused(site: httpx.AsyncClient) -> None:
    async def refused(**given: Any) -> tuple[int, str, str]:
        answer = await site.post("/api/schedules", json=SCHEDULE | given)
        problem = answer.json()
        return answer.status_code, problem["type"].rpartition(":")[2], answer.text

    assert (await refused(cron=["0 0 31 4 *"]))[:2] == (422, "invalid-request")
    assert "would never start anything" in (await refused(cron=["0 0 31 4 *"]))[2]
    assert "0.01" not in (await refused(every_seconds=0.01))[1]
    assert (await refused(every_seconds=0.01))[0] == 422
    assert "no time zone" in (await refused(time_zone="Mars/Olympus"))[2]
    assert (await refused(nothing=1))[0] == 422
    assert (await refused(goal=GOAL | {"agent_type": "nobody"}))[:2] == (422, "unknown-agent")
    wrong = GOAL | {"parameters": {"depth": "deep"}}
    assert (await refused(goal=wrong))[:2] == (422, "invalid-parameters")
    assert (await site.post("/api/schedules", json=SCHEDULE)).status_code == 201
    assert (await refused())[:2] == (409, "schedule-exists")
    span = {"start_at": "2025-01-02T00:00:00Z", "end_at": "2025-01-01T00:00:00Z"}
    backwards = await site.post("/api/schedules/morning/backfill", json=span)
    assert (backwards.status_code, "before it begins" in backwards.text) == (422, True)


async def test_its_pages(site: httpx.AsyncClient) -> None:
    assert "No schedule yet" in (await site.get("/schedules")).text
    await site.post("/api/schedules", json=SCHEDULE)

    async def is_listed() -> bool:
        return 'href="/schedules/morning"' in (await site.get("/schedules")).text

    await until_async(is_listed, "a list with it")
    page = (await site.get("/schedules/morning")).text
    assert "0 7 * * * (Europe/Berlin)" in page
    assert "News of {scheduled_time}" in page
    assert "Nothing started yet" in page
    [token] = re.findall(r'name="csrf-token" content="([^"]+)"', page)
    for action in ("pause", "trigger"):
        done = await site.post(f"/schedules/morning/{action}", headers={FORM_HEADER: token})
        assert (done.status_code, done.headers["location"]) == (303, "/schedules/morning")
    [start] = await until_started(site, 1)
    page = (await site.get("/schedules/morning")).text
    assert f'href="/goals/{start["goals"][0]["workflow_id"]}"' in page
    assert "Resume" in page
    part = (await site.get("/schedules/morning", headers={"HX-Request": "true"})).text
    assert "<html" not in part
    assert "Completed" in part
    done = await site.post("/schedules/morning/delete", headers={FORM_HEADER: token})
    assert (done.status_code, done.headers["location"]) == (303, "/schedules")
    missing = await site.get("/schedules/morning", headers={"Accept": "text/html"})
    assert missing.status_code == 404


async def test_a_key_that_only_reads_changes_nothing(
    serve_api: ServeApi, server: DevelopmentServer
) -> None:
    async with open_stores(Settings()) as stores:
        key, _ = await stores.access.keys.create("reader", ["read"])
    api = await serve_api(server.address, worker=False)
    api.headers["Authorization"] = f"Bearer {key}"
    assert (await api.get("/api/schedules")).status_code == 200
    assert (await api.post("/api/schedules", json=SCHEDULE)).status_code == 403
    for action in ("pause", "resume", "trigger"):
        assert (await api.post(f"/api/schedules/morning/{action}")).status_code == 403
    assert (await api.patch("/api/schedules/morning", json={})).status_code == 403
    assert "disabled" in (await api.get("/new-schedule")).text
    assert (await api.delete("/api/schedules/morning")).status_code == 403
    page = await api.get("/schedules/morning")
    assert page.status_code == 404


async def test_it_is_changed_in_place(site: httpx.AsyncClient) -> None:
    missing = await site.patch("/api/schedules/morning", json={"jitter_seconds": 5})
    assert missing.status_code == 404
    await site.post("/api/schedules", json=SCHEDULE)
    changed = await site.patch(
        "/api/schedules/morning", json={"cron": ["0 8 * * *"], "goal": {"description": "Others"}}
    )
    assert changed.status_code == 200, changed.text
    document = changed.json()["schedule"]
    assert (document["cron"], document["time_zone"]) == (["0 8 * * *"], "Europe/Berlin")
    assert document["goal"] == (await show(site))["schedule"]["goal"]
    assert (document["goal"]["description"], document["goal"]["goal_id"]) == ("Others", "news")
    wrong: list[dict[str, Any]] = [
        {"name": "evening"}, {"cron": []}, {"time_zone": "Mars/Olympus"}, {"cron": 7},
    ]  # fmt: skip
    for given in wrong:
        refused = await site.patch("/api/schedules/morning", json=given)
        assert refused.status_code == 422, refused.text
    unknown = await site.patch("/api/schedules/morning", json={"goal": {"agent_type": "nobody"}})
    assert (unknown.status_code, unknown.json()["type"].rpartition(":")[2]) == (
        422,
        "unknown-agent",
    )
    assert (await show(site))["schedule"] == document
    audited = (await site.get("/api/audit?subject=morning&action=schedule.update")).json()
    assert audited["entries"][-1]["status"] == 404
    assert {"changed": ["cron", "goal"]} in [one["details"] for one in audited["entries"]]


async def test_its_goals_are_found_by_it(site: httpx.AsyncClient) -> None:
    await site.post("/api/schedules", json=SCHEDULE)
    await site.post("/api/schedules/morning/trigger")
    [start] = await until_started(site, 1)
    [started] = start["goals"]
    listed = (await site.get("/api/goals?schedule=morning")).json()["goals"]
    assert [goal["workflow_id"] for goal in listed] == [started["workflow_id"]]
    assert (listed[0]["schedule"], listed[0]["scheduled_at"] is not None) == ("morning", True)
    assert (await site.get("/api/goals?schedule=evening")).json()["goals"] == []
    assert (await site.get("/api/goals/counts?schedule=morning")).json()["total"] == 1
    page = (await site.get(f"/goals/{started['workflow_id']}")).text
    assert 'Started by the schedule <a href="/schedules/morning">' in page
    page = (await site.get("/goals?schedule=morning")).text
    assert started["workflow_id"] in page
    assert "Of schedule morning" in page
    assert started["workflow_id"] not in (await site.get("/goals?schedule=evening")).text


async def test_its_form_creates_and_changes_it(site: httpx.AsyncClient) -> None:
    page = (await site.get("/new-schedule")).text
    [token] = re.findall(r'name="csrf-token" content="([^"]+)"', page)
    filled = {
        "name": "morning",
        "agent_type": "echo",
        "description": "News of {scheduled_time}",
        "parameters": "",
        "cron": "0 7 * * *\r\n0 9 * * *",
        "every": "",
        "time_zone": "Europe/Berlin",
        "jitter": "5m",
        "end_at": "2099-01-31T09:00+01:00",
        "overlap": "buffer-one",
        "catch_up": "6h",
        "pause_on_failure": "on",
    }

    async def send(path: str, **given: str) -> httpx.Response:
        return await site.post(path, data=filled | given, headers={FORM_HEADER: token})

    forged = await site.post("/new-schedule", data=filled)
    assert forged.status_code == 403
    for given, said in (
        ({"cron": ""}, "say when"),
        ({"every": "10 minutes"}, "is no duration: write it like 90s"),
        ({"end_at": "tomorrow"}, "a valid datetime"),
        ({"parameters": "[1]"}, "this is no JSON object"),
        ({"parameters": '{"depth": "deep"}'}, "depth"),
        ({"description": " "}, "say in words"),
        ({"name": "a b"}, "is no such name"),
        ({"time_zone": "Mars/Olympus"}, "there is no time zone"),
        ({"cron": "0 0 30 2 *"}, "would never start anything"),
    ):
        refused = await send("/new-schedule", **given)
        assert (refused.status_code, said in refused.text) == (422, True), (given, refused.text)
    made = await send("/new-schedule")
    assert (made.status_code, made.headers["location"]) == (303, "/schedules/morning")
    assert (await send("/new-schedule")).status_code == 409
    document = (await show(site))["schedule"]
    assert document["cron"] == ["0 7 * * *", "0 9 * * *"]
    assert (document["jitter_seconds"], document["catch_up_seconds"]) == (300, 21_600)
    assert datetime.fromisoformat(document["end_at"]) == datetime(2099, 1, 31, 8, tzinfo=UTC)
    assert (document["overlap"], document["pause_on_failure"]) == ("buffer-one", True)
    assert not document["only_if_changed"]

    form = (await site.get("/schedules/morning/edit")).text
    for value in ("0 7 * * *\n0 9 * * *", 'value="5m"', 'value="6h"', "News of {scheduled_time}"):
        assert value in form
    refused = await send("/schedules/morning/edit", cron="", every="soon")
    assert (refused.status_code, "is no duration" in refused.text) == (422, True)
    saved = await send("/schedules/morning/edit", cron="", every="10m", description="Others")
    assert (saved.status_code, saved.headers["location"]) == (303, "/schedules/morning")
    changed = (await show(site))["schedule"]
    assert (changed["cron"], changed["every_seconds"]) == ([], 600)
    assert changed["goal"]["description"] == "Others"
    assert (await send("/schedules/evening/edit")).status_code == 404

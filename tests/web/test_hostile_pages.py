"""Text from agents, models and callers on every page: shown, and never a part of the page."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from perdure.agents import AgentSpec, Goal, InputError, PlannedGoal, Result, Run
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCRIPT: Final = "</title></textarea><script>alert(1)</script><img src=x onerror=alert(1)>"
HOSTILE: Final = (
    f"{SCRIPT}\"'><b onclick=x hx-get=//evil.example>{{{{7*7}}}} '; DROP TABLE goals;--"
    " \x1b[31mred\x1b]0;title\x07 \x9b31m \u202eexe.fdp \u2066x"
)
# As it may be where names have no characters that cannot be printed.
PRINTABLE: Final = f"{SCRIPT}\"'><b onclick=x>"
STEERING: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SOURCES: Final = ("/static/", "/api/goals/", "/goals/", "data:image/")


def _step() -> str:
    return HOSTILE


async def hostile(run: Run, goal: Goal) -> Result:
    await run.progress(10, HOSTILE)
    await run.step(HOSTILE[:200], _step)
    await run.notebook.write(HOSTILE[:200], HOSTILE, version=0)
    planned = PlannedGoal(name=HOSTILE[:100], agent_type=HOSTILE, description=HOSTILE)
    await run.plan([planned, PlannedGoal(name="b", agent_type="b", same_as=HOSTILE[:100])])
    await run.text(HOSTILE)
    await run.artifact(f"a{PRINTABLE.replace('/', '')}.txt", HOSTILE)
    await run.artifact("table.csv", f"=cmd|' /C calc'!A0,{SCRIPT}\n1,{SCRIPT}\n")
    await run.artifact("report.md", f"# {HOSTILE}\n\n{SCRIPT}\n")
    await run.artifact("report.html", f"<script>parent.alert(1)</script>{HOSTILE}")
    await run.artifact("drawing.svg", f"<svg xmlns='http://www.w3.org/2000/svg'>{SCRIPT}</svg>")
    await run.artifact("change.diff", f"--- a/{SCRIPT}\n+++ b/{SCRIPT}\n@@ -1 +1 @@\n-{HOSTILE}\n")
    if await run.approve(f"May it? {HOSTILE}", {HOSTILE[:60]: HOSTILE}):
        return Result(summary=HOSTILE, data={"x": HOSTILE})
    raise InputError(f"refused: {HOSTILE}")


SPEC = AgentSpec(name="hostile", description=PRINTABLE, agent=hostile, examples=(PRINTABLE,))


class Elements(HTMLParser):
    """What a browser would make of a page, as far as it could be turned against a reader."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self._script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._script = tag == "script"
        for name, value in attrs:
            if name.startswith(("on", "hx-on")) or name == "style":
                self.wrong.append(f"{tag} {name}")
            if name in {"src", "data"} and not str(value).startswith(SOURCES):
                self.wrong.append(f"{tag} {name}={value}")
            if name in {"href", "action", "formaction", "hx-get", "hx-post"} and not re.match(
                r"/(?!/)|#|\?|https://", value or ""
            ):
                self.wrong.append(f"{tag} {name}={value}")
        if tag in {"object", "embed", "base", "style"} or (tag == "iframe" and given["sandbox"]):
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.wrong.append(f"script {data}")

    def handle_endtag(self, tag: str) -> None:
        self._script = False


@pytest_asyncio.fixture(loop_scope="session")
async def site(
    serve_api: Callable[..., Awaitable[httpx.AsyncClient]], server: DevelopmentServer
) -> AsyncIterator[httpx.AsyncClient]:
    yield await serve_api(server.address, agent=SPEC)


def places(run: str, approval: str, files: list[str]) -> Iterator[str]:
    yield from ("/", "/start", "/agents", "/agents/hostile", "/approvals", "/workers", "/keys")
    yield from (
        "/audit",
        "/usage",
        "/usage?by=key",
        f"/goals/{run}",
        f"/goals/{run}/again",
        "/nothing",
    )
    yield f"/approvals/{approval}"
    text = quote(HOSTILE)
    for name in ("search", "status", "agent", "since", "run", "acted"):
        yield f"/goals?{name}={text}"
    yield from (f"/goals/{text}", f"/agents/{text}", f"/approvals/{text}", f"/?description={text}")
    yield f"/agents/hostile?description={text}&goal_id={text}&budget.cost={text}"
    yield from (f"/sign-in?next={text}", f"/goals/{run}/again?from_step={text}")
    yield from (f"/goals/{run}?file={quote(name, safe='')}" for name in [*files, HOSTILE])


async def test_no_page_is_made_of_what_it_shows(site: httpx.AsyncClient, own_home: Path) -> None:
    goal = {"goal_id": "g", "description": HOSTILE, "agent_type": "hostile"}
    runs = []
    for approved in (True, False):
        started = await site.post("/api/execute-goal", json=goal)
        run = started.raise_for_status().json()["workflow_id"]

        async def asked(run: str = run) -> Any:
            found = (await site.get(f"/api/approvals?workflow_id={run}")).json()["approvals"]
            return found and found[0]["approval_id"]

        approval = await until_async(asked)
        vote = {"approved": approved, "by": PRINTABLE[:150], "reason": HOSTILE}
        (await site.post(f"/api/approvals/{approval}", json=vote)).raise_for_status()
        await site.get(f"/api/goals/{run}/events")
        runs.append((run, approval))
    async with open_stores(Settings(home=own_home)) as stores:
        await stores.access.keys.create(PRINTABLE, ["read"], tenant="default")
        key, _ = await stores.access.keys.create("a", ["admin"])
    page = {"Accept": "text/html", "Authorization": f"Bearer {key}"}
    for run, approval in runs:
        record = (await site.get(f"/api/goals/{run}", headers=page)).json()
        assert record["status"] in {"completed", "failed"}
        files = [file["name"] for file in record["artifacts"]]
        assert len(files) == 6
        for place in places(run, approval, files):
            answer = await site.get(place, headers=page)
            assert answer.status_code < 500, place
            if answer.is_redirect:
                assert answer.headers["location"].startswith("/")
                assert not answer.headers["location"].startswith("//")
                continue
            assert "text/html" in answer.headers["content-type"]
            assert Elements(answer.text).wrong == [], place
            assert not STEERING.search(answer.text), place
        # What is downloaded is no page of this site, whatever it is called and says.
        for name in files:
            path = f"/api/goals/{run}/artifacts/{quote(name)}"
            answer = await site.get(path, headers=page)
            assert answer.headers["content-security-policy"] == "sandbox"
            assert answer.headers["content-disposition"].startswith("attachment; filename")
    framed = await site.get(f"/goals/{runs[0][0]}/framed/report.html", headers=page)
    assert framed.headers["content-security-policy"].startswith("sandbox; default-src 'none'")

"""The pages: a goal handed in through the form of its agent, and what is told of it."""

import re
from collections.abc import Awaitable, Callable
from html.parser import HTMLParser

import httpx
import pytest

from perdure.api.keys import new_key
from perdure.temporal.server.development_server import DevelopmentServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]


class Form(HTMLParser):
    """What a browser would send of a page's form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self.invalid: list[str] = []
        self._choice = self._text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if given.get("aria-invalid"):
            self.invalid.append(name)
        if tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self.sent[name] = given.get("value") or ("on" if "checked" in given else "")
        if tag == "textarea":
            self._text, self.sent[name] = name, ""
        if tag == "select":
            self._choice = name
        if tag == "option" and "selected" in given:
            self.sent[self._choice] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self._text:  # the first line break of a textarea is none of its text
            self.sent[self._text] = (self.sent[self._text] + data).removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = ""


async def form(api: httpx.AsyncClient) -> dict[str, str]:
    page = await api.get("/agents/echo")
    assert page.headers["content-type"].startswith("text/html")
    return Form(page.text).sent


async def test_a_goal_is_handed_in_through_its_agents_form(api: httpx.AsyncClient) -> None:
    assert 'href="/agents/echo"' in (await api.get("/agents")).text
    filled = await form(api)
    assert filled["parameters.depth"] == "quick"
    filled |= {"description": "say <b>it</b>", "parameters.depth": "comprehensive"}
    answer = await api.post("/agents/echo", data=filled)
    assert answer.status_code == 303
    place = answer.headers["location"]
    workflow_id = place.removeprefix("/goals/")
    await api.get(f"/api/goals/{workflow_id}/events")  # it ends with the run
    record = (await api.get(f"/api/goals/{workflow_id}")).json()
    assert record["parameters"] == {"depth": "comprehensive", "fail": False, "wait": False}
    shown = (await api.get(place)).text
    assert "completed" in shown
    assert "say &lt;b&gt;it&lt;/b&gt;" in shown
    assert f"/api/goals/{workflow_id}/artifacts/notes/echo.md" in shown
    assert place in (await api.get("/goals")).text


async def test_pages_and_their_files_are_compressed_for_who_takes_it(
    api: httpx.AsyncClient,
) -> None:
    plain = await api.get("/agents", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    sizes = set()
    for _ in range(20):
        page = await api.get("/agents", headers={"Accept-Encoding": "gzip, br"})
        assert page.headers["content-encoding"] == "gzip"
        assert "Accept-Encoding" in page.headers["vary"]
        assert page.text.startswith(plain.text[:15])
        sizes.add(int(page.headers["content-length"]))
    assert max(sizes) < len(plain.content) / 2
    assert len(sizes) > 1  # how long it is says nothing of the secrets in it
    for path in set(re.findall(r"/static/[\w./-]+", plain.text)):
        whole = await api.get(path, headers={"Accept-Encoding": "identity"})
        sent = await api.get(path, headers={"Accept-Encoding": "gzip"})
        assert sent.content == whole.content
        assert int(sent.headers["content-length"]) <= int(whole.headers["content-length"])


async def test_a_form_that_is_sent_twice_hands_in_one_goal(api: httpx.AsyncClient) -> None:
    filled = await form(api) | {"description": "say it"}
    first, second = [await api.post("/agents/echo", data=filled) for _ in range(2)]
    assert first.headers["location"] == second.headers["location"]
    changed = await api.post("/agents/echo", data=filled | {"description": "say more"})
    assert changed.status_code == 409
    again = await api.post("/agents/echo", data=Form(changed.text).sent)
    assert again.headers["location"] != first.headers["location"]


async def test_what_does_not_fit_is_shown_beside_its_field(api: httpx.AsyncClient) -> None:
    filled = await form(api) | {"description": "say it", "parameters.depth": "endless"}
    answer = await api.post("/agents/echo", data=filled)
    assert answer.status_code == 422
    again = Form(answer.text)
    assert again.invalid == ["parameters.depth"]
    assert again.sent["description"] == "say it"
    assert "&#39;quick&#39; or &#39;comprehensive&#39;" in answer.text
    answer = await api.post("/agents/echo", data=filled | {"goal_id": "a b"})
    assert answer.status_code == 422
    assert Form(answer.text).invalid == ["goal_id"]
    assert "“a b” is no such name" in answer.text


async def test_a_page_elsewhere_hands_nothing_in(api: httpx.AsyncClient) -> None:
    filled = await form(api) | {"description": "say it", "goal_id": "from-elsewhere"}
    strange = {"Origin": "http://elsewhere.example"}
    assert (await api.post("/agents/echo", data=filled, headers=strange)).status_code == 403
    own = {"Origin": str(api.base_url).rstrip("/")}
    assert (await api.post("/agents/echo", data=filled, headers=own)).status_code == 303


async def test_an_unknown_page_says_what_there_is(api: httpx.AsyncClient) -> None:
    answer = await api.get("/agents/nothing")
    assert answer.status_code == 422
    assert "choose one of echo" in answer.text
    assert (await api.get("/goals/goal-nothing")).status_code == 404


async def test_pages_are_closed_where_keys_are_asked(
    serve_api: ServeApi, server: DevelopmentServer
) -> None:
    key, digest = new_key()
    api = await serve_api(server.address, worker=False, api_keys=[digest])
    assert (await api.get("/")).status_code == 401
    assert (await api.get("/", headers={"Authorization": f"Bearer {key}"})).status_code == 200

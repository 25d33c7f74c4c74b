"""Signing in to the pages with a key, the forms' tokens, and the page of keys."""

import re
from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from perdure.api.keys import new_key
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.web.forms.forgery import with_tokens
from perdure.web.routes.sign_in import own_path

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
PAGE = {"Accept": "text/html"}


class Forms(HTMLParser):
    """The hidden fields of each form of a page, by where it is sent."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.hidden: dict[str, dict[str, str]] = {}
        self._action = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._action = given.get("action", "")
            self.hidden[self._action] = {}
        if tag == "input" and given.get("type") == "hidden":
            self.hidden[self._action][given["name"]] = given["value"]


async def sign_in(api: httpx.AsyncClient, key: str, back: str = "/") -> httpx.Response:
    page = await api.get("/sign-in", params={"next": back})
    hidden = Forms(page.text).hidden["/sign-in"]
    return await api.post("/sign-in", data=hidden | {"key": key})


async def test_a_key_signs_in_until_sign_out(
    serve_api: ServeApi, server: DevelopmentServer
) -> None:
    key, digest = new_key()
    api = await serve_api(server.address, worker=False, api_keys=[digest])
    sent_away = await api.get("/goals?status=failed", headers=PAGE)
    assert sent_away.status_code == 303
    assert sent_away.headers["location"] == "/sign-in?next=/goals%3Fstatus%3Dfailed"
    asked = await api.get(sent_away.headers["location"], headers=PAGE)
    assert asked.status_code == 200
    hidden = Forms(asked.text).hidden["/sign-in"]
    assert hidden["next"] == "/goals?status=failed"

    wrong = await api.post("/sign-in", data=hidden | {"key": "perdure_" + "0" * 12 + "_nothing"})
    assert wrong.status_code == 401
    assert "not known" in wrong.text
    entered = await api.post("/sign-in", data=hidden | {"key": f" {key} "})
    assert entered.status_code == 303
    assert entered.headers["location"] == "/goals?status=failed"
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie  # nothing is encrypted here
    assert key not in cookie

    page = await api.get("/goals", headers=PAGE)
    assert page.status_code == 200
    assert (await api.get("/api/goals")).status_code == 200
    refused = await api.post("/sign-out")
    assert refused.status_code == 403
    out = await api.post("/sign-out", data=Forms(page.text).hidden["/sign-out"])
    assert out.status_code == 303
    assert (await api.get("/goals", headers=PAGE)).status_code == 303
    assert (await api.get("/api/goals")).status_code == 401


async def test_the_cookie_of_a_session_that_ended_opens_nothing(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    async with open_stores(Settings(home=own_home)) as stores:
        key, record = await stores.access.keys.create("Ann", ["read"])
        api = await serve_api(server.address, worker=False)
        await sign_in(api, key)
        cookie = api.cookies["perdure-session"]
        assert (await api.get("/api/goals")).status_code == 200
        await stores.access.keys.revoke(record.key_id)
        assert (await api.get("/api/goals")).status_code == 401
        assert (await api.get("/goals", headers=PAGE)).status_code == 303
        assert await stores.access.sessions.get(cookie) is not None  # its key is what has ended
    api.cookies.clear()
    strange = {"Cookie": "perdure-session=x; other=%00; broken"}
    assert (await api.get("/api/goals", headers=strange)).status_code == 401


async def test_a_session_may_do_what_its_key_may(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    async with open_stores(Settings(home=own_home)) as stores:
        key, _ = await stores.access.keys.create("Ann", ["read"])
    api = await serve_api(server.address, worker=False)
    await sign_in(api, key)
    page = await api.get("/agents/echo")
    assert 'href="/keys"' not in page.text
    assert (await api.get("/keys", headers=PAGE)).status_code == 403
    sent = {"csrf_token": Forms(page.text).hidden["/sign-out"]["csrf_token"], "description": "x"}
    refused = await api.post("/agents/echo", data=sent)
    assert refused.status_code == 403
    assert "needs the scope submit" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),  # a browser says where a request comes from; what does not needs the token
        ({"X-CSRF-Token": "0" * 64}, 403),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 404),
        ({"Origin": "{own}"}, 404),
        ({"X-CSRF-Token": "{token}"}, 404),
    ],
)
async def test_a_cookie_alone_changes_nothing(
    serve_api: ServeApi, server: DevelopmentServer, headers: dict[str, str], status: int
) -> None:
    key, digest = new_key()
    api = await serve_api(server.address, worker=False, api_keys=[digest])
    await sign_in(api, key)
    token = Forms((await api.get("/")).text).hidden["/sign-out"]["csrf_token"]
    own = str(api.base_url).rstrip("/")
    given = {name: value.format(own=own, token=token) for name, value in headers.items()}
    answer = await api.post("/api/goals/goal-x/cancel", headers=given)
    assert answer.status_code == status


async def test_a_form_needs_its_token_on_this_machine_too(
    serve_api: ServeApi, server: DevelopmentServer
) -> None:
    api = await serve_api(server.address, worker=False)
    assert (await api.get("/sign-in")).headers["location"] == "/"
    await api.get("/agents/echo")
    body = {"description": "say it", "goal_id": "x", "key": "y"}
    for more in ({}, {"csrf_token": ""}, {"csrf_token": "0" * 64}, {"csrf_token": "é"}):
        refused = await api.post("/agents/echo", data=body | more)
        assert refused.status_code == 403
        assert "load the page again" in refused.json()["detail"]


async def test_keys_are_made_and_revoked_on_their_page(
    serve_api: ServeApi, server: DevelopmentServer
) -> None:
    key, digest = new_key()
    api = await serve_api(server.address, worker=False, api_keys=[digest])
    await sign_in(api, key)
    page = await api.get("/keys")
    assert 'href="/keys"' in page.text
    hidden = Forms(page.text).hidden["/keys"]
    fields = {"name": "<script>alert(1)</script>", "scope.read": "on", "days": "30"}
    made = await api.post("/keys", data=hidden | fields)
    assert made.status_code == 201
    assert "<script>alert" not in made.text
    [new] = re.findall(r"perdure_[0-9a-f]{12}_[\w-]{43}", made.text)
    async with httpx.AsyncClient(base_url=api.base_url) as other:
        assert (await sign_in(other, new)).status_code == 303
        assert (await other.get("/api/goals")).status_code == 200
        shown = await api.get("/keys")
        assert new not in shown.text
        [path] = [path for path in Forms(shown.text).hidden if path.endswith("/revoke")]
        assert (await api.post(path, data=Forms(shown.text).hidden[path])).status_code == 303
        assert (await other.get("/api/goals")).status_code == 401
    for wrong in ({"name": ""}, {"days": "7"}, {"scope.read": ""}):
        assert (await api.post("/keys", data=hidden | fields | wrong)).status_code == 422


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/goals?status=failed", "/goals?status=failed"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\t/evil.example", "/"),
        (" //evil.example", "/"),
        ("/\u00a0/evil.example", "/"),
        ("evil.example", "/"),
        ("/%2F/evil.example", "/%2F/evil.example"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("", "/"),
    ],
)
async def test_one_comes_back_to_this_server_only(path: str, own: str) -> None:
    assert own_path(path) == own


async def test_every_form_that_is_posted_gets_the_token() -> None:
    page = (
        '<form class="a" method="post" action="/x"><p></form><FORM METHOD=POST><form action="/s">'
    )
    assert with_tokens(page, "t").count('name="csrf_token" value="t"') == 2

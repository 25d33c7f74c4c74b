"""Who may do what: every route by itself, keys, and this machine alone."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from perdure.api.access.address import check_address
from perdure.api.access.errors import RefusedAddress
from perdure.api.app import create_app
from perdure.api.keys import new_key
from perdure.schemas.access import KeyRecord, Scope
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer
from tests.api.conftest import ECHO
from tests.support.plugins import registry_of
from tests.support.routes import every_requirement

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]

# Whoever reaches the server gets these.
PUBLIC = {
    "/healthz",
    "/readyz",
    "/sign-in",
    "/sign-in/provider",
    "/sign-in/provider/callback",
    "/static/{digest}/{name:path}",
    "/worker/uploads/{upload_id}",  # a token of its own
}
# These need a key, and any will do.
ANY_KEY = {"/openapi.json", "/docs", "/docs/{name}", "/sign-out"}


async def make_key(home: Path, *scopes: str, **more: Any) -> tuple[str, KeyRecord]:
    async with open_stores(Settings(home=home)) as stores:
        return await stores.access.keys.create("a test", scopes, **more)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def every_route() -> list[tuple[str, str, tuple[Scope, ...]]]:
    """Return method, path and scopes of each route of the site: one of them is enough."""
    return [
        (method, path, requirement.scopes if requirement else ())
        for method, path, requirement in every_requirement()
    ]


def requested(path: str) -> str:
    """Return a path with something in place of each parameter."""
    return "/".join("x" if part.startswith("{") else part for part in path.split("/"))


async def test_every_route_needs_a_key_with_its_scope(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    routes = every_route()
    assert len(routes) > 25
    without = {path for _, path, scopes in routes if not scopes}
    assert without == PUBLIC | ANY_KEY
    keys = {scope: (await make_key(own_home, scope))[0] for scope in Scope}
    api = await serve_api(server.address, worker=False)
    for method, path, needed in routes:
        if path in PUBLIC:
            if method == "POST":  # a form, which its page has to send
                continue
            assert (await api.request(method, requested(path))).status_code not in {401, 403, 500}
            continue
        refused = await api.request(method, requested(path))
        assert refused.status_code == 401, path
        assert refused.headers["www-authenticate"] == "Bearer"
        for scope, key in keys.items():
            answer = await api.request(method, requested(path), headers=bearer(key))
            if not needed or scope in {*needed, Scope.ADMIN}:
                assert answer.status_code not in {401, 403, 500}, (path, scope)
            else:
                assert answer.status_code == 403, (path, scope)
                assert f"needs the scope {' or '.join(needed)}," in answer.json()["detail"]


async def test_who_hands_goals_in_sees_for_which_agents_and_no_goal(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    several = {path: scopes for _, path, scopes in every_route() if len(scopes) > 1}
    assert several == {"/api/agents": (Scope.READ, Scope.SUBMIT)}
    key, _ = await make_key(own_home, "submit")
    api = await serve_api(server.address, worker=False)
    [agent] = (await api.get("/api/agents", headers=bearer(key))).json()["agents"]
    assert agent["parameters_schema"]["properties"]["depth"]["default"] == "quick"
    body = {"goal_id": "own", "description": "x", "agent_type": "echo"}
    started = await api.post("/api/execute-goal", headers=bearer(key), json=body)
    own = f"/api/goals/{started.json()['workflow_id']}"
    for path in (own, f"{own}/result", f"{own}/events", "/api/goals", "/api/plugins"):
        assert (await api.get(path, headers=bearer(key))).status_code == 403


async def test_every_route_that_changes_something_is_on_record() -> None:
    unrecorded = {
        path
        for method, path, requirement in every_requirement()
        if method != "GET" and requirement is not None and requirement.action is None
    }
    assert unrecorded == {"/agents/{name}/commands"}  # which shows a form as a command


async def test_the_document_says_which_scope_a_route_needs() -> None:
    service = SimpleNamespace(registry=registry_of(ECHO))
    document = create_app(service, Settings(_env_file=None)).openapi()  # type: ignore[arg-type]
    said = {
        (method.upper(), path): operation["security"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    for method, path, needed in every_route():
        if (security := said.get((method, path.replace(":path", "")))) is not None:
            entries = [{"key": [scope]} for scope in needed]
            assert security == ([*entries, {}] if needed else []), path


async def test_a_key_opens_until_it_is_revoked_or_expires(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    key, record = await make_key(own_home, "read")
    soon = datetime.now(UTC) + timedelta(seconds=0.3)
    short, _ = await make_key(own_home, "read", expires_at=soon)
    api = await serve_api(server.address, worker=False)
    assert (await api.get("/api/goals", headers=bearer(key))).status_code == 200
    while datetime.now(UTC) < soon:
        await api.get("/healthz")
    assert (await api.get("/api/goals", headers=bearer(short))).status_code == 401
    async with open_stores(Settings(home=own_home)) as stores:
        used = (await stores.access.keys.get(record.key_id)).last_used_at
        assert used is not None
        await api.get("/api/goals", headers=bearer(key))  # within the minute: not written again
        assert (await stores.access.keys.get(record.key_id)).last_used_at == used
        await stores.access.keys.revoke(record.key_id)
    refused = await api.get("/api/goals", headers=bearer(key))
    assert refused.status_code == 401
    assert key not in refused.text


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer perdure_",
        "Bearer perdure_000000000000_",
        "Bearer perdure_000000000000_" + "a" * 43,
        "Bearer " + "a" * 20_000,
        "Bearer é\xff",
        "Basic cGVyZHVyZTpwZXJkdXJl",
        "perdure",
        "",
    ],
)
async def test_what_is_no_key_opens_nothing(
    serve_api: ServeApi, server: DevelopmentServer, authorization: str
) -> None:
    _, digest = new_key()
    api = await serve_api(server.address, worker=False, api_keys=[digest])
    answer = await api.get(
        "/api/goals", headers={b"Authorization": authorization.encode("latin-1")}
    )
    assert answer.status_code == 401
    # Its digest is on record and public enough to be in a file: it is no key.
    assert (await api.get("/api/goals", headers=bearer(digest))).status_code == 401


async def test_an_admin_makes_lists_and_revokes_keys_of_their_tenant(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    admin, _ = await make_key(own_home, "admin", tenant="one")
    other, others = await make_key(own_home, "admin", tenant="two")
    api = await serve_api(server.address, worker=False)
    made = await api.post(
        "/api/keys", headers=bearer(admin), json={"name": " nightly ", "scopes": ["read"]}
    )
    assert made.status_code == 201
    record = made.json()["record"]
    assert (record["name"], record["tenant"], record["scopes"]) == ("nightly", "one", ["read"])
    key = made.json()["key"]
    assert (await api.get("/api/goals", headers=bearer(key))).status_code == 200
    listed = await api.get("/api/keys", headers=bearer(admin))
    assert [item["name"] for item in listed.json()["keys"]] == ["nightly", "a test"]
    secret = key.removeprefix("perdure_").partition("_")[2]
    assert len(secret) > 40
    assert secret not in listed.text
    path = f"/api/keys/{record['key_id']}"
    assert (await api.delete(path, headers=bearer(other))).status_code == 404
    assert (
        await api.delete(f"/api/keys/{others.key_id}", headers=bearer(admin))
    ).status_code == 404
    assert (await api.delete(path, headers=bearer(admin))).json()["revoked_at"]
    assert (await api.get("/api/goals", headers=bearer(key))).status_code == 401
    for body in (
        {"name": ""},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["root"]},
        {"name": "a\x1b[2Jb"},
        {"name": "x", "expires_at": "2001-01-01T00:00:00Z"},
    ):
        assert (await api.post("/api/keys", headers=bearer(admin), json=body)).status_code == 422


async def test_this_machine_alone_needs_no_key_until_one_is_made(
    api: httpx.AsyncClient, own_home: Path
) -> None:
    assert (await api.get("/api/goals")).status_code == 200
    await make_key(own_home, "read", expires_at=datetime.now(UTC) + timedelta(days=1))
    assert (await api.get("/api/goals")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 400),
        ({"Host": "evil.example", "Authorization": "Bearer x"}, 400),
        ({"Host": "localhost:1", "Origin": "http://localhost:1"}, 404),
        ({}, 404),
    ],
)
async def test_a_page_elsewhere_does_nothing_here(
    api: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    answer = await api.post("/api/goals/goal-x/cancel", headers=headers)
    assert answer.status_code == status


async def test_another_address_needs_a_key(own_home: Path) -> None:
    messages: list[str] = []
    for refused in ({"host": "0.0.0.0"}, {"trusted_proxies": "127.0.0.1"}):
        settings = Settings.model_validate({"home": own_home, **refused})
        with pytest.raises(RefusedAddress, match="perdure keys create"):
            await check_address(settings, messages.append)
        with_digest = settings.model_copy(update={"api_keys": (new_key()[1],)})
        await check_address(with_digest, messages.append)
    await check_address(Settings(home=own_home), messages.append)
    await make_key(own_home, "read")
    await check_address(Settings(home=own_home, host="0.0.0.0"), messages.append)

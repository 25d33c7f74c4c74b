"""The identity provider: a real one, and a scripted one for the tokens that no real one gives."""

import base64
import hmac
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import ValidationError

from perdure.api.access.errors import ProviderUnavailable, TokenRefused
from perdure.api.oidc import provider as provider_module
from perdure.api.oidc.code_flow import CodeFlow, PendingSignIn
from perdure.schemas.access import Scope
from perdure.settings import Settings
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.server.ports import free_port
from tests.support.identity_provider import CLIENT, PERSON, run_identity_provider

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
PAGE = {"Accept": "text/html"}
SCOPES = "read, engineers=submit, leads=approve"


class Issuer(ThreadingHTTPServer):
    """A provider that signs whatever it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.name = self.url
        self.keys = [RSAKey.generate_key(parameters={"kid": "one", "use": "sig"})]
        self.fetched = 0
        self.id_token = ""

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.url, "aud": "perdure", "sub": "ann", "exp": now + 60, "iat": now}
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def sign(
        self, claims: dict[str, Any], key: Any = None, alg: str = "RS256", **header: Any
    ) -> str:
        head = {"alg": alg, "kid": "one"} | header
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(head, claims, key or self.keys[0], algorithms=[alg])


class _Handler(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        if self.path == "/keys":
            self.server.fetched += 1
            public = [key.as_dict(private=False) for key in self.server.keys]
            self._answer({"keys": [{"kty": "odd", "kid": "x"}, "no key", *public]})
        else:
            url = self.server.url
            endpoints = {"authorization_endpoint": f"{url}/authorize", "token_endpoint": url}
            self._answer({"issuer": self.server.name, "jwks_uri": f"{url}/keys"} | endpoints)

    def do_POST(self) -> None:
        self._answer({"id_token": self.server.id_token})

    def _answer(self, document: object) -> None:
        content = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    server = Issuer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def settings_of(issuer: Issuer, **more: Any) -> Settings:
    given = {
        "oidc_issuer": issuer.url,
        "oidc_client_id": "perdure",
        "oidc_scopes": SCOPES,
        "oidc_scopes_claim": "groups",
    }
    return Settings.model_validate(given | more)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def by_hmac(secret: bytes, claims: dict[str, Any]) -> str:
    """Return a token as one makes it who takes the public key for a secret."""
    signed = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(claims)}"
    digest = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


OTHER_KEY = RSAKey.generate_key(parameters={"kid": "one"})


def hostile(issuer: Issuer) -> dict[str, str]:
    """Return tokens that are not valid, by what is wrong with them."""
    good, now, key = issuer.claims(), int(time.time()), issuer.keys[0]
    public_pem = key.as_pem(private=False)
    head, body, signature = issuer.sign(good).split(".")
    critical = {"alg": "RS256", "kid": "one", "crit": ["x"], "x": 1}
    admin = part(good | {"sub": "admin"})
    return {
        "alg none": f"{part({'alg': 'none', 'kid': 'one'})}.{body}.",
        "alg None": f"{part({'alg': 'None', 'kid': 'one'})}.{body}.{signature}",
        "HMAC with the public key": by_hmac(public_pem, good),
        "no algorithm": f"{part({'kid': 'one'})}.{body}.{signature}",
        "another issuer": issuer.sign(good | {"iss": "https://evil.example"}),
        "issuer with a slash": issuer.sign(good | {"iss": issuer.url + "/"}),
        "no issuer": issuer.sign(issuer.claims(iss=None)),
        "another audience": issuer.sign(good | {"aud": "another"}),
        "other audiences": issuer.sign(good | {"aud": ["a", "b"]}),
        "no audience": issuer.sign(issuer.claims(aud=None)),
        "another's key": issuer.sign(good, OTHER_KEY),
        "unknown key id": issuer.sign(good, OTHER_KEY, kid="two"),
        "key id that is a path": issuer.sign(good, OTHER_KEY, kid="../../dev/null"),
        "key in its header": issuer.sign(good, OTHER_KEY, jwk=OTHER_KEY.as_dict(private=False)),
        "expired": issuer.sign(good | {"exp": now - 31}),
        "never expires": issuer.sign(issuer.claims(exp=None)),
        "expiry that is a word": issuer.sign(good | {"exp": "never"}),
        "expiry that is true": issuer.sign(good | {"exp": True}),
        "not yet valid": issuer.sign(good | {"nbf": now + 120}),
        "issued in the future": issuer.sign(good | {"iat": now + 120}),
        "nobody's": issuer.sign(issuer.claims(sub=None)),
        "tampered claims": f"{head}.{admin}.{signature}",
        "tampered signature": f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        "no signature": f"{head}.{body}.",
        "of another kind": issuer.sign(good, typ="logout+jwt"),
        "critical extension": f"{part(critical)}.{body}.{signature}",
        "not JSON": f"{head}.AAAA.{signature}",
        "a list": f"{part([])}.{part([])}.{signature}",
        "dots": "..",
        "deep": f"{part({'alg': 'RS256'})}.{base64.urlsafe_b64encode(b'[' * 9000).decode()}.x",
        "letters": "é.ü.ö",
    }


async def test_hostile_tokens_are_nobodys(issuer: Issuer) -> None:
    tokens = CodeFlow(settings_of(issuer)).tokens
    assert await tokens.principal(issuer.sign(issuer.claims())) is not None
    for what, token in hostile(issuer).items():
        assert await tokens.principal(token) is None, what
    # However many keys were named, the provider was asked once, and once more at most.
    assert issuer.fetched <= 2


async def test_times_have_a_leeway_for_clocks(issuer: Issuer) -> None:
    tokens, now = CodeFlow(settings_of(issuer)).tokens, int(time.time())
    for late in ({"exp": now - 20}, {"nbf": now + 20}, {"iat": now + 20}):
        assert await tokens.principal(issuer.sign(issuer.claims(**late))) is not None


async def test_a_provider_may_change_its_keys(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = CodeFlow(settings_of(issuer)).tokens
    for _ in range(3):
        assert await tokens.principal(issuer.sign(issuer.claims())) is not None
    assert issuer.fetched == 1  # and kept
    issuer.keys = [RSAKey.generate_key(parameters={"kid": "new"})]
    new = issuer.sign(issuer.claims(), kid="new")
    assert await tokens.principal(new) is None  # it was asked a moment ago
    monkeypatch.setattr(provider_module, "_RENEWAL_SECONDS", 0.0)
    assert await tokens.principal(new) is not None
    old = RSAKey.generate_key(parameters={"kid": "one"})
    assert await tokens.principal(issuer.sign(issuer.claims(), old)) is None


async def test_claims_say_name_tenant_and_scopes(issuer: Issuer) -> None:
    more = {"oidc_tenant_claim": "org.name", "oidc_scopes_claim": "realm_access.roles"}
    tokens = CodeFlow(settings_of(issuer, **more)).tokens
    told = {
        "org": {"name": "acme"},
        "realm_access": {"roles": ["engineers", "guests"]},
        "email": "ann@acme.example",
        "email_verified": True,
    }
    principal = await tokens.principal(issuer.sign(issuer.claims(**told)))
    assert principal is not None
    assert principal.name == "ann@acme.example"
    assert principal.tenant == "acme"
    assert principal.scopes == {Scope.READ, Scope.SUBMIT}
    unverified = told | {"email_verified": "true"}
    principal = await tokens.principal(issuer.sign(issuer.claims(**unverified)))
    assert principal is not None
    assert principal.name == "ann"
    for org in ({}, {"name": "../x"}, {"name": ""}, {"name": ["acme"]}, {"name": "A" * 99}, None):
        assert await tokens.principal(issuer.sign(issuer.claims(**told | {"org": org}))) is None


async def test_a_provider_that_is_another_or_away_lets_nobody_in(issuer: Issuer) -> None:
    issuer.name = "https://another.example"
    with pytest.raises(ProviderUnavailable, match="calls itself"):
        await CodeFlow(settings_of(issuer)).tokens.principal(issuer.sign(issuer.claims()))
    nowhere = f"http://127.0.0.1:{free_port()}"
    flow = CodeFlow(settings_of(issuer, oidc_issuer=nowhere))
    with pytest.raises(ProviderUnavailable, match="PERDURE_OIDC_ISSUER"):
        await flow.begin("http://localhost/x", "/")


async def test_a_sign_in_ends_in_the_browser_that_began_it(issuer: Issuer) -> None:
    flow = CodeFlow(settings_of(issuer))
    back_to = "http://localhost:8000/sign-in/provider/callback"
    address, pending = await flow.begin(back_to, "/goals")
    sent = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
    assert sent["code_challenge_method"] == "S256"
    assert pending.verifier not in address
    issuer.id_token = issuer.sign(issuer.claims(nonce=pending.nonce))
    query = {"code": "x", "state": pending.state}
    assert (await flow.finish(query, pending, back_to)).name == "ann"
    assert PendingSignIn.of_cookie(pending.cookie()) == pending
    _, other = await flow.begin(back_to, "/")
    for wrong_query, kept in (
        (query, other),
        (query, None),
        (query | {"state": ""}, pending),
        ({"state": pending.state, "error": "access_denied"}, pending),
        (query | {"iss": "https://evil.example"}, pending),
        (query, pending.model_copy(update={"nonce": other.nonce})),
    ):
        with pytest.raises(TokenRefused):
            await flow.finish(wrong_query, kept, back_to)
    for claims in ({"nonce": None}, {"nonce": pending.nonce, "azp": "another"}):
        issuer.id_token = issuer.sign(issuer.claims(**claims))
        with pytest.raises(TokenRefused):
            await flow.finish(query, pending, back_to)
    for cookie in ("", "x", "é", part({"state": "x"})):
        assert PendingSignIn.of_cookie(cookie) is None


async def test_hostile_tokens_open_no_route(
    serve_api: ServeApi, server: DevelopmentServer, issuer: Issuer
) -> None:
    given = settings_of(issuer).model_dump(include={"oidc_issuer", "oidc_client_id"})
    api = await serve_api(server.address, worker=False, oidc_scopes="read", **given)
    assert (await api.get("/api/goals")).status_code == 401
    good = {"Authorization": f"Bearer {issuer.sign(issuer.claims())}"}
    assert (await api.get("/api/goals", headers=good)).status_code == 200
    refused = await api.post("/api/goals/goal-x/cancel", headers=good)
    assert refused.status_code == 403
    for what in ("alg none", "HMAC with the public key", "expired", "another audience"):
        headers = {"Authorization": f"Bearer {hostile(issuer)[what]}"}
        answer = await api.get("/api/goals", headers=headers)
        assert answer.status_code == 401, what
        assert hostile(issuer)[what] not in answer.text


async def test_people_vote_in_their_own_name(
    serve_api: ServeApi, server: DevelopmentServer, issuer: Issuer
) -> None:
    given = settings_of(issuer).model_dump(include={"oidc_issuer", "oidc_client_id"})
    api = await serve_api(server.address, worker=False, oidc_scopes="approve,submit", **given)
    ann = {"Authorization": f"Bearer {issuer.sign(issuer.claims())}"}
    for by, status in (("bob", 403), ("ann", 404)):
        vote = {"approved": True, "by": by}
        answer = await api.post("/api/approvals/nothing", json=vote, headers=ann)
        assert answer.status_code == status
        settled = {"step": "pay", "done": False, "by": by}
        path = "/api/goals/goal-x/steps/settle"
        assert (await api.post(path, json=settled, headers=ann)).status_code == status


async def test_people_sign_in_at_a_real_provider(
    serve_api: ServeApi, server: DevelopmentServer
) -> None:
    # The provider has to know where the API will be, and the API what the provider is called.
    port = free_port()
    own = f"http://localhost:{port}"
    async with run_identity_provider(f"{own}/sign-in/provider/callback") as issuer:
        api = await serve_api(
            server.address,
            worker=False,
            oidc_issuer=issuer,
            oidc_scopes="read",
            listen_port=port,
            **CLIENT,
        )
        browser = httpx.AsyncClient(follow_redirects=False, timeout=30)
        async with browser:
            sent_away = await browser.get(f"{own}/goals", headers=PAGE)
            page = await browser.get(own + sent_away.headers["location"], headers=PAGE)
            [link] = re.findall(r'href="(/sign-in/provider[^"]*)"', page.text)
            step = await browser.get(own + link.replace("&amp;", "&"))
            login = await browser.get(step.headers["location"], follow_redirects=True)
            [request] = re.findall(r'name="id" value="([^"]*)"', login.text)
            step = await browser.post(f"{issuer}login/username", data=PERSON | {"id": request})
            while not step.headers["location"].startswith(own):
                step = await browser.get(httpx.URL(issuer).join(step.headers["location"]))
            callback = step.headers["location"]
            entered = await browser.get(callback)
            assert entered.status_code == 303
            assert entered.headers["location"] == "/goals"
            assert (await browser.get(f"{own}/goals", headers=PAGE)).status_code == 200
            assert (await browser.get(f"{own}/api/goals")).status_code == 200
            # Neither a second time, nor in another browser, does the code open anything.
            assert (await browser.get(callback)).status_code == 401
        assert (await api.get(callback)).status_code == 401


async def test_settings_of_a_provider_are_checked() -> None:
    for wrong in (
        {"oidc_issuer": "http://login.example", "oidc_client_id": "x"},
        {"oidc_issuer": "https://login.example"},
        {"oidc_scopes": "engineers=root"},
    ):
        with pytest.raises(ValidationError):
            Settings.model_validate(wrong)

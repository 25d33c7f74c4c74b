"""Lets requests through whose sender is known, and puts the principal into their state."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Request

from perdure.api.access.audited import AuditedAction
from perdure.api.access.authentication import LOCAL, Authentication
from perdure.api.access.errors import ProviderUnavailable, Unauthenticated
from perdure.api.access.forgery import (
    SAFE_METHODS,
    has_key,
    is_cross_site,
    is_from_own_page,
    is_local_host,
)
from perdure.api.access.paths import SIGN_IN, is_public
from perdure.api.access.principals import Principal
from perdure.api.access.quotas import TooManyRequests
from perdure.api.gateway.lasting import LastingRequest
from perdure.api.gateway.metrics_readers import METRICS, MetricsReaders
from perdure.api.problems.types import ProblemType
from perdure.api.routes.problems import problem
from perdure.schemas.access import Scope
from perdure.settings import Settings
from perdure.stores import StoreUnavailable
from perdure.stores.access.access_stores import AccessStores

if TYPE_CHECKING:
    from perdure.api.oidc.code_flow import CodeFlow

# What a request says of its sender: the headers Authorization and Cookie.
_Credentials = tuple[str | None, str | None]

_RETRY_SECONDS: Final = "5"
_NOT_A_PAGE: Final = "send the token of the page, as X-CSRF-Token, with what a cookie is to allow"
_OTHER_HOST: Final = "this server is this machine's own: name it 127.0.0.1 or localhost"


class AuthenticationMiddleware:
    """Answers requests of unknown senders itself, and those that other sites' pages send."""

    def __init__(
        self, app: ASGIApp, access: Callable[[], AccessStores], settings: Settings
    ) -> None:
        self._app = app
        self._code_flow = _code_flow_of(settings)
        of_token = self._code_flow.tokens.principal if self._code_flow else None
        self._authentication = Authentication(access(), settings, of_token)
        self._metrics_readers = MetricsReaders(self._authentication.principal)
        self._checks: dict[_Credentials, asyncio.Task[frozenset[Scope] | None]] = {}

    async def __call__(self, scope: Request, receive: Receive, send: Send) -> None:  # noqa: D102 -- ASGI
        if scope["type"] != "http":
            return
        response = await self._refusal(scope)
        if response is None:
            request = LastingRequest(receive, lambda: self._may_go_on(scope))
            await self._app(scope, request.receive, send)
        else:
            await response(scope, receive, send)

    async def _refusal(self, scope: Request) -> Response | None:
        """Return the response to a request that goes no further; ``None`` for the others."""
        headers, state = Headers(scope=scope), scope.setdefault("state", {})
        state["authentication"], state["code_flow"] = self._authentication, self._code_flow
        is_by_browser = scope["method"] not in SAFE_METHODS and not has_key(headers)
        if is_by_browser and is_cross_site(headers) and not state.get("allowed_origin"):
            detail = "a page of another site sent this: use this server's own pages"
            return problem(ProblemType.FORBIDDEN, detail)
        if is_public(scope["path"]):
            return None
        principal = await self._principal(scope, headers)
        if isinstance(principal, Response):
            return principal
        state["principal"], state["tenant"] = principal, principal.tenant
        if principal is LOCAL and not is_local_host(headers):
            return problem(ProblemType.MALFORMED_REQUEST, _OTHER_HOST)
        # Of what is sent to a page, its own dependency checks the token that its form has.
        is_form = not scope["path"].startswith("/api/")
        if is_by_browser and principal.by_cookie and not (is_form or is_from_own_page(headers)):
            return problem(ProblemType.FORBIDDEN, _NOT_A_PAGE)
        return None

    async def _may_go_on(self, scope: Request) -> bool:
        """Return whether the caller of a request that lasts would still be let in."""
        if "principal" not in scope["state"]:
            return True
        headers = Headers(scope=scope)
        credentials = (headers.get("authorization"), headers.get("cookie"))
        checking = self._checks.get(credentials)
        if checking is None:
            # One check for all that ask at once: hundreds of streams may have begun together.
            checking = asyncio.create_task(self._scopes_now(headers))
            self._checks[credentials] = checking
            checking.add_done_callback(lambda _: self._checks.pop(credentials))
        now = await asyncio.shield(checking)
        before: Principal = scope["state"]["principal"]
        return now is None or now >= before.scopes

    async def _scopes_now(self, headers: Headers) -> frozenset[Scope] | None:
        """Return what a sender may do by now; ``None`` when that cannot be found out."""
        try:
            return (await self._authentication.principal(headers)).scopes
        except Unauthenticated:
            return frozenset()
        except (StoreUnavailable, ProviderUnavailable):
            return None

    async def _principal(self, scope: Request, headers: Headers) -> Principal | Response:
        """Return who sends a request, or the response to one of whom that is not known."""
        try:
            if scope["path"] == METRICS:
                return await self._metrics_readers.principal(headers)
            return await self._authentication.principal(headers)
        except Unauthenticated as error:
            if error.was_tried and (refusal := self._too_many(scope)) is not None:
                return refusal
            return _unauthenticated(scope, headers, str(error))
        except StoreUnavailable as error:
            return _unavailable(ProblemType.STORES_UNAVAILABLE, error)
        except ProviderUnavailable as error:
            return _unavailable(ProblemType.IDENTITY_PROVIDER_UNAVAILABLE, error)

    def _too_many(self, scope: Request) -> Response | None:
        """Count an unknown key: each is on record, until too many come from one address."""
        try:
            self._authentication.failed_attempts.count((scope.get("client") or ("",))[0])
        except TooManyRequests as error:
            response = problem(ProblemType.TOO_MANY_REQUESTS, str(error))
            response.headers["Retry-After"] = str(error.retry_after)
            return response
        scope["state"]["audited"] = AuditedAction("access", scope["path"])
        return None


def _code_flow_of(settings: Settings) -> "CodeFlow | None":
    """Return how people sign in at the identity provider, if there is one."""
    if not settings.oidc_issuer:
        return None
    from perdure.api.oidc.code_flow import CodeFlow

    return CodeFlow(settings)


def _unavailable(kind: ProblemType, error: Exception) -> Response:
    response = problem(kind, str(error))
    response.headers["Retry-After"] = _RETRY_SECONDS
    return response


def _unauthenticated(scope: Request, headers: Headers, detail: str) -> Response:
    """Return the answer to an unknown sender: for a person the page to sign in on."""
    is_page = not scope["path"].startswith("/api/")
    if is_page and "hx-request" in headers:
        current = urlsplit(headers.get("hx-current-url", "/"))
        back = current.path + (f"?{current.query}" if current.query else "")
        return Response(None, 401, {"HX-Redirect": _sign_in(back)})
    if is_page and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        query = scope["query_string"].decode("latin-1")
        return RedirectResponse(_sign_in(scope["path"] + (f"?{query}" if query else "")), 303)
    response = problem(ProblemType.UNAUTHORIZED, detail)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _sign_in(back: str) -> str:
    return f"{SIGN_IN}?next={quote(back, safe='/')}"

"""The pages to sign in with a key or at the identity provider, and out again."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from perdure.api.access.audited import AuditedAction
from perdure.api.access.authentication import SESSION_COOKIE, Authentication
from perdure.api.access.errors import TokenRefused
from perdure.api.access.paths import (
    SIGN_IN,
    SIGN_IN_AT_PROVIDER,
    SIGN_OUT,
    SIGNED_IN_AT_PROVIDER,
)
from perdure.api.access.principals import Principal
from perdure.api.access.quotas import TooManyRequests
from perdure.api.access.requirements import Audited, audits
from perdure.api.routes.dependencies import Authenticator, Service
from perdure.temporal.client.goal_service import GoalService
from perdure.web.forms.sent import sent_form
from perdure.web.rendering.pages import render_page

if TYPE_CHECKING:
    from perdure.api.oidc.code_flow import CodeFlow

# A sign-in that was begun at the identity provider, and how long it may take there.
_PENDING_COOKIE: Final = "perdure-sign-in"
_PENDING_SECONDS: Final = 600
_WRONG_KEY: Final = "This key is not known here, was revoked or has expired."

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get(SIGN_IN)
async def sign_in_page(
    request: Request,
    authenticator: Authenticator,
    back: Annotated[str, Query(alias="next")] = "/",
) -> Response:
    """Ask for a key; or go on, where none is asked for."""
    if await authenticator.is_open():
        return RedirectResponse(own_path(back), 303)
    return _ask(request, own_path(back))


@router.post(SIGN_IN, dependencies=[audits("session.start")])
async def sign_in(
    request: Request, service: Service, authenticator: Authenticator, audited: Audited
) -> Response:
    """Start a session for the bearer of a key, and go to the page that was asked for."""
    form = await sent_form(request)
    back = own_path(form.get("next", "/"))
    principal = await authenticator.by_key(form.get("key", "").strip())
    if principal is None:
        _count_failure(request, authenticator)
        return _ask(request, back, _WRONG_KEY, 401)
    return await _start_session(request, service, audited, principal, back)


@router.get(SIGN_IN_AT_PROVIDER)
async def sign_in_at_provider(
    request: Request, back: Annotated[str, Query(alias="next")] = "/"
) -> Response:
    """Send the browser to the identity provider."""
    flow: CodeFlow | None = request.state.code_flow
    if flow is None:
        return RedirectResponse(SIGN_IN, 303)
    address, pending = await flow.begin(_callback_of(request), own_path(back))
    response = RedirectResponse(address, 303)
    response.set_cookie(
        _PENDING_COOKIE,
        pending.cookie(),
        max_age=_PENDING_SECONDS,
        path=SIGN_IN,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


@router.get(SIGNED_IN_AT_PROVIDER, dependencies=[audits("session.start")])
async def signed_in_at_provider(
    request: Request, service: Service, authenticator: Authenticator, audited: Audited
) -> Response:
    """Start a session for whom the identity provider sends back."""
    flow: CodeFlow | None = request.state.code_flow
    if flow is None:
        return RedirectResponse(SIGN_IN, 303)
    from perdure.api.oidc.code_flow import PendingSignIn

    pending = PendingSignIn.of_cookie(request.cookies.get(_PENDING_COOKIE, ""))
    back = own_path(pending.back) if pending is not None else "/"
    try:
        principal = await flow.finish(request.query_params, pending, _callback_of(request))
    except TokenRefused as error:
        _count_failure(request, authenticator)
        response: Response = _ask(request, back, f"You are not signed in: {error}.", 401)
    else:
        response = await _start_session(request, service, audited, principal, back)
    response.delete_cookie(_PENDING_COOKIE, path=SIGN_IN)
    return response


@router.post(SIGN_OUT, dependencies=[audits("session.end")])
async def sign_out(request: Request, service: Service) -> Response:
    """End the session."""
    if cookie := request.cookies.get(SESSION_COOKIE):
        await service.stores.access.sessions.end(cookie)
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(SESSION_COOKIE)
    return response


async def _start_session(
    request: Request,
    service: GoalService,
    audited: AuditedAction,
    principal: Principal,
    back: str,
) -> Response:
    audited.principal = principal
    cookie, session = await service.stores.access.sessions.start(
        principal.name,
        sorted(principal.scopes),
        tenant=principal.tenant,
        key_id=principal.key_id,
    )
    response = RedirectResponse(back, 303)
    response.set_cookie(
        SESSION_COOKIE,
        cookie,
        max_age=int((session.expires_at - datetime.now(UTC)).total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


def _count_failure(request: Request, authenticator: Authentication) -> None:
    try:
        authenticator.failed_attempts.count(request.client.host if request.client else "")
    except TooManyRequests:
        request.state.audited = None  # who only fills the audit table does not get there
        raise


def _ask(request: Request, back: str, problem: str = "", status: int = 200) -> HTMLResponse:
    values = {
        "back": back,
        "problem": problem,
        "has_provider": request.state.code_flow is not None,
    }
    return render_page(request, "sign-in", values, status)


def _callback_of(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{SIGNED_IN_AT_PROVIDER}"


def own_path(path: str) -> str:
    """Return a path of this server; the first page's instead of an address anywhere else."""
    is_own = path.startswith("/") and path.isprintable() and "\\" not in path
    # A browser takes //elsewhere for another server.
    return path if is_own and not path.startswith("//") else "/"

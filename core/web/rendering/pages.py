"""Rendering of pages from the templates."""

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from perdure.api.access.principals import Principal
from perdure.schemas.access import Scope
from perdure.timelines.figures import age, duration, money
from perdure.web.forms.forgery import BROWSER_COOKIE, form_token, with_tokens
from perdure.web.rendering import data, figures
from perdure.web.rendering.compression import LEAST_BYTES, compressed_page, takes_gzip
from perdure.web.rendering.static_files import static_url
from perdure.web.rendering.visible import visible

# Nothing but this server's own files, and no script or style that stands in a page. What pages show
# of agents is data, whatever it says.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # A page, and the part of it that htmx gets, have one address.
    "Cache-Control": "no-store",
    "Vary": "Accept-Encoding",
}


class Place(NamedTuple):
    """An entry of the navigation."""

    name: str
    path: str
    icon: str
    is_current: bool


_PLACES: Final = (
    ("Home", "/", "home"),
    ("Goals", "/goals", "goals"),
    ("Approvals", "/approvals", "approvals"),
    ("Batches", "/batches", "batches"),
    ("Schedules", "/schedules", "schedules"),
    ("Agents", "/agents", "agents"),
    ("Workers", "/workers", "workers"),
    ("Usage", "/usage", "usage"),
)
_FOR_ADMINS: Final = (("Keys", "/keys", "keys"), ("Audit trail", "/audit", "file"))


def render_page(
    request: Request, page: str, values: Mapping[str, object], status: int = 200
) -> HTMLResponse:
    """Return a page.

    Args:
        request: What asks for it: the navigation shows where it is, the theme is the reader's.
        page: The template's name without its suffix, such as ``agents``.
        values: The template's variables.
        status: The HTTP status.
    """
    principal: Principal | None = getattr(request.state, "principal", None)
    token = form_token(request)
    shared = {
        "principal": principal,
        "may_submit": principal is not None and Scope.SUBMIT in principal.scopes,
        "may_approve": principal is not None and Scope.APPROVE in principal.scopes,
        # Where keys or an identity provider say who it is, they say whose goals these are too.
        "tells_tenants": principal is not None
        and (principal.by_cookie or principal.is_person or principal.key_id is not None),
        "form_token": token.token,
        "path": request.url.path,
        "waiting_approvals": getattr(request.state, "waiting_approvals", 0),
        "theme": request.cookies.get("theme", "system"),
        "places": [
            Place(name, path, icon, is_current=_is_within(request.url.path, path))
            for name, path, icon in _places(principal)
        ],
    }
    content = _templates().get_template(f"{page}.html").render(shared | dict(values))
    sent = with_tokens(content, token.token).encode()
    response = HTMLResponse(sent, status, headers=_HEADERS)
    if len(sent) >= LEAST_BYTES and takes_gzip(request):
        response = HTMLResponse(compressed_page(sent), status, headers=_HEADERS)
        response.headers["Content-Encoding"] = "gzip"
    if token.new_cookie is not None:
        is_https = request.url.scheme == "https"
        response.set_cookie(
            BROWSER_COOKIE, token.new_cookie, httponly=True, samesite="lax", secure=is_https
        )
    return response


def _places(principal: Principal | None) -> tuple[tuple[str, str, str], ...]:
    if principal is None:
        return ()
    return (*_PLACES, *(_FOR_ADMINS if Scope.ADMIN in principal.scopes else ()))


def _is_within(path: str, place: str) -> bool:
    return path == place or (place != "/" and path.startswith(f"{place}/"))


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("perdure.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = static_url
    for show in (
        age,
        figures.cost,
        figures.count,
        duration,
        money,
        figures.size,
        figures.tokens,
        figures.utc,
        figures.score,
        data.plain_pairs,
        data.pretty,
    ):
        environment.filters[show.__name__] = show
    return environment

"""Refuses what pages of other sites send in a reader's name (CSRF).

Every form, and every request of htmx, has a token that only this server's pages can know: it is
derived from the browser's cookie, which other sites can have sent and cannot read. Where nobody has
to sign in, the browser gets a cookie for that alone.
"""

import re
from typing import Final, NamedTuple

from starlette.requests import Request

from perdure.api.access.authentication import SESSION_COOKIE
from perdure.api.access.forgery import (
    FORM_FIELD,
    FORM_HEADER,
    SAFE_METHODS,
    has_key,
    is_token_of,
    token_of,
)
from perdure.stores.access.secrets import new_secret
from perdure.web.forms.sent import sent_form

BROWSER_COOKIE: Final = "perdure-browser"


_FORM: Final = re.compile(r"<form\b[^>]*\bmethod=[\"']?post\b[^>]*>", re.IGNORECASE)


class FormToken(NamedTuple):
    """The token for the forms of a page.

    Attributes:
        token: The token.
        new_cookie: What the browser gets as its cookie with the page, where it had none.
    """

    token: str
    new_cookie: str | None


class ForgedForm(Exception):
    """A form that no page of this server sent, or an old page."""

    def __init__(self) -> None:
        super().__init__(
            "this was not sent by a page of this server that is still valid: load the page again,"
            " and send it from there"
        )


def browser_secret(request: Request) -> str | None:
    """Return the value of the cookie that the tokens of a browser are derived from."""
    cookies = request.cookies
    return cookies.get(SESSION_COOKIE) or cookies.get(BROWSER_COOKIE)


def form_token(request: Request) -> FormToken:
    """Return the token for the forms of the page that a request gets."""
    secret = browser_secret(request)
    if secret is not None:
        return FormToken(token_of(secret), None)
    new = new_secret()
    return FormToken(token_of(new), new)


def with_tokens(page: str, token: str) -> str:
    """Return a page in which every form that is posted has the token.

    Here and not in the templates, so that none is forgotten. What pages show of agents is escaped
    or sanitised, and has no forms.
    """
    field = f'<input type="hidden" name="{FORM_FIELD}" value="{token}">'
    return _FORM.sub(lambda form: form[0] + field, page)


async def sent_by_own_page(request: Request) -> None:
    """Check, as a dependency of every page, that what is sent comes from one of them.

    A program that sends a key with each request is no browser, and needs no token.

    Raises:
        ForgedForm: It does not, or the page is of an earlier session.
        InputRefused: It has more fields than any form.
    """
    if request.method in SAFE_METHODS or has_key(request.headers):
        return
    secret = browser_secret(request)
    token = request.headers.get(FORM_HEADER)
    if token is None and secret is not None:
        token = (await sent_form(request)).get(FORM_FIELD)
    if secret is None or not is_token_of(token or "", secret):
        raise ForgedForm

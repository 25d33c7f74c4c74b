"""Fetching a URL, with limits on time and size."""

from dataclasses import dataclass
from typing import Final

from perdure.agents import InputError, TransientError, WebClient, WebResponse

MOST_PAGE_BYTES: Final = 20 * 1024 * 1024
TIME_LIMIT_SECONDS: Final = 60.0
_TRY_LATER: Final = frozenset({408, 425, 429})
_ACCEPT: Final = "text/html,application/xhtml+xml,application/pdf,text/markdown,text/plain;q=0.9"
_OTHER_TEXT: Final = frozenset({"", "application/octet-stream", "application/pdf"})


class SourceUnreachable(Exception):
    """A URL did not answer; another attempt may find it well."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was read, and what it is said to be.

    Attributes:
        content: The bytes.
        url: Where they came from, after redirects.
        media_type: What the server calls them.
        charset: The encoding the server names.
    """

    content: bytes
    url: str
    media_type: str
    charset: str | None = None


def open_web() -> WebClient:
    """Return the client for the pages of one run."""
    return WebClient(max_bytes=MOST_PAGE_BYTES, seconds=TIME_LIMIT_SECONDS)


async def fetch(url: str, web: WebClient) -> Fetched:
    """Fetch a page.

    Raises:
        InputError: The server has no such page, refuses it, it is too large or no text, or it may
            not be fetched.
        PermanentError: The server's certificate is not to be trusted.
        SourceUnreachable: It does not answer in time, or says that it cannot now.
    """
    try:
        response = await web.get(url, headers={"Accept": _ACCEPT})
    except TransientError as error:
        raise SourceUnreachable(str(error)) from error
    _check(url, response)
    return Fetched(
        content=response.content,
        url=response.url,
        media_type=response.media_type,
        charset=response.charset,
    )


def _check(url: str, response: WebResponse) -> None:
    status = response.status
    if status in _TRY_LATER or status >= 500:
        raise SourceUnreachable(f"{url} answered with status {status}: try again later")
    if status != 200:
        raise InputError(f"{url} answered with status {status}: give a URL that opens freely")
    media_type = response.media_type
    known = media_type.startswith("text/") or media_type == "application/xhtml+xml"
    if not known and media_type not in _OTHER_TEXT:
        raise InputError(
            f"{url} is {media_type}, no text: give the URL of a web page, a text or a PDF"
        )

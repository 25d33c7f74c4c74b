"""Fetching a URL, with limits on time and size."""

import asyncio
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from perdure.agents import InputError

if TYPE_CHECKING:
    import httpx

MOST_PAGE_BYTES: Final = 20 * 1024 * 1024
WAIT_SECONDS: Final = 15.0
TIME_LIMIT_SECONDS: Final = 60.0
_REDIRECTS: Final = 5
_TRY_LATER: Final = frozenset({408, 425, 429})
_ACCEPT: Final = "text/html,application/xhtml+xml,application/pdf,text/markdown,text/plain;q=0.9"
_OTHER_TEXT: Final = frozenset({"", "application/octet-stream", "application/pdf"})


class SourceUnreachable(Exception):
    """A URL did not answer; another attempt may find it well."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was read, and what it is said to be.

    Attributes:
        suffix: The ending of its name, in lower case with its dot.
        media_type: What the server calls it; empty for a file.
        charset: The encoding the server names.
    """

    content: bytes
    suffix: str = ""
    media_type: str = ""
    charset: str | None = None


async def fetch(url: str) -> Fetched:
    """Fetch a page.

    Raises:
        InputError: The server has no such page, refuses it, or it is too large or no text.
        SourceUnreachable: It does not answer in time, or says that it cannot now.
    """
    import httpx

    try:
        async with (
            asyncio.timeout(TIME_LIMIT_SECONDS),
            httpx.AsyncClient(
                follow_redirects=True,
                max_redirects=_REDIRECTS,
                timeout=WAIT_SECONDS,
                headers={"User-Agent": "perdure-research", "Accept": _ACCEPT},
            ) as client,
            client.stream("GET", url) as response,
        ):
            return await _take(url, response)
    except (TimeoutError, httpx.TimeoutException) as error:
        raise SourceUnreachable(f"{url} did not answer in time: try again later") from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
        raise InputError(f"{url} leads nowhere ({error}): give another URL") from error
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise SourceUnreachable(
            f"{url} cannot be reached ({reason}): look whether it opens from the worker's machine"
        ) from error


async def _take(url: str, response: "httpx.Response") -> Fetched:
    status = response.status_code
    if status in _TRY_LATER or status >= 500:
        raise SourceUnreachable(f"{url} answered with status {status}: try again later")
    if status != 200:
        raise InputError(f"{url} answered with status {status}: give a URL that opens freely")
    media_type = response.headers.get("content-type", "").split(";")[0].strip().lower()
    known = media_type.startswith("text/") or media_type == "application/xhtml+xml"
    if not known and media_type not in _OTHER_TEXT:
        raise InputError(
            f"{url} is {media_type}, no text: give the URL of a web page, a text or a PDF"
        )
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MOST_PAGE_BYTES:
            raise InputError(
                f"{url} is larger than {MOST_PAGE_BYTES // 1024**2} MB: give a smaller page"
            )
    return Fetched(
        content=bytes(content),
        suffix=PurePosixPath(urlsplit(str(response.url)).path).suffix.lower(),
        media_type=media_type,
        charset=response.charset_encoding,
    )

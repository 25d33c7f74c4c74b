"""One request and its response, with the errors said in our words; imports httpx."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx

from perdure.agents.steps.errors import InputError, PermanentError, TransientError
from perdure.agents.web_client.addresses import Allowed
from perdure.agents.web_client.body import ACCEPTED, read_body
from perdure.agents.web_client.response import WebResponse
from perdure.agents.web_client.robots import PRODUCT
from perdure.agents.web_client.transport import GuardedTransport
from perdure.version import core_version

_LONGEST_URL: Final = 8_000
_WAIT_SECONDS: Final = 15.0
_CONNECT_SECONDS: Final = 10.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# The Fetch standard's "bad ports": what listens there is no web server, and may take a request's
# lines for commands of its own.
# fmt: off
_OTHER_SERVICES: Final = frozenset({
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95,
    101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161,
    179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563,
    587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
    6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
})
# fmt: on


def parse_url(text: str, base: httpx.URL | None = None) -> httpx.URL:
    """Return a URL that may be fetched as far as its text says, without its fragment.

    Args:
        text: The URL.
        base: The URL from which it counts, when it may be a relative one.

    Raises:
        InputError: It is none, its scheme is not http or https, it has credentials in it, or its
            port is that of another service.
    """
    shown = text[:200]
    if len(text) > _LONGEST_URL:
        raise InputError(f"{shown!r}… is longer than {_LONGEST_URL} characters: give another URL")
    try:
        url = (httpx.URL(text) if base is None else base.join(text)).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError) as error:
        raise InputError(f"{shown!r} is no URL ({error}): give an http or https URL") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise InputError(f"{shown!r} is no URL that can be read: give an http or https URL")
    if url.userinfo:  # which is not shown: it may be a password
        raise InputError(
            f"the URL of {url.host} has credentials in it: leave out what stands before the @"
        )
    if url.port in _OTHER_SERVICES:
        raise InputError(f"{url} names port {url.port}, where no web server is: give another URL")
    return url


def open_client(allowed: Allowed, proxy: str) -> httpx.AsyncClient:
    """Return a client for one chain of redirects; it keeps their cookies and follows none."""
    return httpx.AsyncClient(
        transport=GuardedTransport(allowed, proxy),
        trust_env=False,
        timeout=httpx.Timeout(_WAIT_SECONDS, connect=_CONNECT_SECONDS),
        headers={
            "User-Agent": f"{PRODUCT}/{core_version()} (+https://pypi.org/project/perdure/)",
            "Accept-Encoding": ACCEPTED,
            "Connection": "close",
        },
    )


async def exchange(
    client: httpx.AsyncClient,
    method: str,
    url: httpx.URL,
    headers: Mapping[str, str],
    content: bytes,
    most_bytes: int,
) -> WebResponse:
    """Send a request and read the response; of a redirect only the headers.

    Raises:
        PermanentError: The address may not be connected to, the body is too large, or the server
            is not the one that it says it is.
        TransientError: It does not answer, or breaks off.
    """
    about = str(url)
    with _errors_of(about):
        request = client.build_request(method, url, headers=headers, content=content or None)
        response = await client.send(request, stream=True)
        try:
            body = b""
            if redirect_target(response.status_code, response.headers) is None:
                encoding = response.headers.get("content-encoding", "")
                body = await read_body(about, response.aiter_raw(), encoding, most_bytes)
        finally:
            await response.aclose()
    return WebResponse(about, response.status_code, dict(response.headers), body)


def redirect_target(status: int, headers: Mapping[str, str]) -> str | None:
    """Return where a response redirects to, as it says it; ``None`` when it does not."""
    return (headers.get("location") or None) if status in _REDIRECTS else None


@contextmanager
def _errors_of(about: str) -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise TransientError(f"{about} did not answer in time: try again later") from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
        raise InputError(f"{about} cannot be asked for ({error}): give another URL") from error
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        if isinstance(error.__context__, httpx.InvalidURL):  # httpx reads where it redirects to
            raise InputError(
                f"{about} redirects to what is no URL ({reason}): give another URL"
            ) from error
        if _is_certificate_refused(error):
            raise PermanentError(
                f"{about} has a certificate that is not to be trusted ({reason}): give another URL"
            ) from error
        raise TransientError(
            f"{about} cannot be reached ({reason}): look whether it opens from the worker's machine"
        ) from error


def _is_certificate_refused(error: BaseException | None) -> bool:
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False

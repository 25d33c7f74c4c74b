"""Connections that failed, as errors of the client."""

from typing import TYPE_CHECKING

from perdure.client.connection.errors import ServerUnreachable

if TYPE_CHECKING:
    import httpx


def failure_of(error: "httpx.TransportError", url: str) -> ServerUnreachable:
    """Return what is raised when no response came, or none that is whole."""
    import httpx

    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return ServerUnreachable(
            f"{url} cannot be reached ({reason}): see whether the server runs, and whether that is"
            " its address",
            may_have_arrived=False,
        )
    if isinstance(error, httpx.TimeoutException):
        sentence = f"{url} did not answer in time: see whether it is well, or give it longer"
        return ServerUnreachable(sentence, may_have_arrived=True)
    return ServerUnreachable(
        f"the connection to {url} broke ({reason}): see what became of it, and try again",
        may_have_arrived=True,
    )

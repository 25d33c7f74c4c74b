"""Which server a client talks to, and with which key."""

import os
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from perdure.client.connection.errors import ClientError

SERVER_VARIABLE: Final = "PERDURE_SERVER"
KEY_VARIABLE: Final = "PERDURE_API_KEY"
DEFAULT_SERVER: Final = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Server:
    """A server, and the key that it is sent.

    Attributes:
        url: Its address, without a slash at the end.
        api_key: What requests carry; empty for none.
    """

    url: str
    api_key: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The header fields of every request."""
        headers = {"User-Agent": "perdure-client"}
        return {**headers, "Authorization": f"Bearer {self.api_key}"} if self.api_key else headers


def find_server(base_url: str | None, api_key: str | None) -> Server:
    """Return the server that is meant: what is given, or else what the environment says.

    Raises:
        ClientError: The address is none of HTTP, or the key cannot be sent.
    """
    url = base_url or os.environ.get(SERVER_VARIABLE) or DEFAULT_SERVER
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ClientError(
            f"{url!r} is no address of a server: give one such as https://perdure.example, or set"
            " PERDURE_SERVER"
        )
    key = (os.environ.get(KEY_VARIABLE, "") if api_key is None else api_key).strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ClientError(
            "the API key holds a character that no key has: give it, or PERDURE_API_KEY, as"
            " `perdure keys create` printed it"
        )
    return Server(url.rstrip("/"), key)

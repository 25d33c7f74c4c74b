"""What a server answered."""

import json
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus

from pydantic import JsonValue

from perdure.agents.steps.classification import retry_after_in
from perdure.agents.steps.errors import PermanentError, Throttled, TransientError

_TRY_LATER = frozenset({408, 425})


@dataclass(frozen=True, slots=True)
class WebResponse:
    """What a server answered; a step may return it, for the journal keeps it as it is.

    Attributes:
        url: Where it came from, after redirects.
        status: The HTTP status, such as 200.
        headers: Its headers, their names in lower case.
        content: The body, unpacked.
    """

    url: str
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def media_type(self) -> str:
        """What the server calls the body, such as ``text/html``; empty when it does not say."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """The encoding of the text that the server names, if it does."""
        message = Message()
        message["content-type"] = self.headers.get("content-type", "")
        return message.get_content_charset()

    @property
    def text(self) -> str:
        """The body as text, by the encoding that the server names, or else UTF-8."""
        try:
            return self.content.decode(self.charset or "utf-8", errors="replace")
        except LookupError:
            return self.content.decode(errors="replace")

    def json(self) -> JsonValue:
        """Return the body as JSON.

        Raises:
            PermanentError: It is none.
        """
        try:
            value: JsonValue = json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise PermanentError(
                f"{self.url} answered with no JSON ({error}): see what it is for"
            ) from error
        return value

    def raise_for_status(self) -> "WebResponse":
        """Return the response itself if its status is one of success, from 200 to 299.

        Raises:
            Throttled: It asks to wait: 429, or a server's error with ``Retry-After``.
            TransientError: It may do better later: 408, 425, 500 and above.
            PermanentError: Any other status.
        """
        status = self.status
        if 200 <= status < 300:
            return self
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "unknown"
        told = f"{self.url} answered with status {status} ({phrase})"
        retry_after = retry_after_in(self.headers)
        if status == HTTPStatus.TOO_MANY_REQUESTS or (status >= 500 and retry_after is not None):
            raise Throttled(f"{told}: it asks to wait", retry_after)
        if status in _TRY_LATER or status >= 500:
            raise TransientError(f"{told}: try again later")
        raise PermanentError(f"{told}: give a URL that opens freely")

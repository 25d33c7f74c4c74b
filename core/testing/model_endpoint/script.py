"""Scripts of a :class:`~perdure.testing.ModelServer`: the requests it gets, and its replies."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final

from pydantic import JsonValue

CHARACTERS_A_TOKEN: Final = 4


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one of the agent's tools.

    Attributes:
        name: The tool.
        arguments: What it is called with.
    """

    name: str
    arguments: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request.

    Attributes:
        text: The text of the answer.
        tool_calls: The tools it calls.
        status: The HTTP status; anything but 200 is an error.
        retry_after: The ``Retry-After`` header of an error: seconds, or a date.
        code: The error's code, such as ``insufficient_quota``.
        delay: Seconds before the first byte.
        pause: Seconds between two pieces of a stream.
        pieces: In how many pieces a streamed text comes.
        cut_after: The connection is cut after so many pieces of a stream, or in the middle of the
            body when it is not streamed.
        garbage: Whether the body is no JSON.
        silent: Whether nothing is ever answered.
        gate: Nothing more is sent until this event is set …
        gate_after: … once so many pieces were.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    status: int = 200
    retry_after: str | float | None = None
    code: str | None = None
    delay: float = 0.0
    pause: float = 0.0
    pieces: int = 4
    cut_after: int | None = None
    garbage: bool = False
    silent: bool = False
    gate: threading.Event | None = None
    gate_after: int = 0


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request, as the script sees it.

    Attributes:
        number: 1 for the server's first request.
        times: 1 when the same was never asked before.
        prompt: What tells one prompt from another: a digest of model, messages and tools.
        model: The model's name.
        messages: The messages, as OpenAI's protocol writes them.
        streamed: Whether a stream is asked for.
        max_tokens: How long the answer may be.
        input_tokens: What the provider charges for the request.
        body: The whole body.
        headers: Its headers, names in lower case.
    """

    number: int
    times: int
    prompt: str
    model: str
    messages: list[dict[str, Any]]
    streamed: bool
    max_tokens: int | None
    input_tokens: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def last(self) -> str:
        """The text of the last message."""
        content = self.messages[-1].get("content") if self.messages else None
        return content if isinstance(content, str) else json.dumps(content)


Script = Callable[[ChatRequest], Reply] | Sequence[Reply]


def says(text: str, *, pieces: int = 4, delay: float = 0.0, pause: float = 0.0) -> Reply:
    """Answer a text."""
    return Reply(text, pieces=pieces, delay=delay, pause=pause)


def calls(*tools: ToolCall) -> Reply:
    """Call tools, all at once."""
    return Reply(tool_calls=tools)


def refuses(
    status: int, *, retry_after: str | float | None = None, code: str | None = None
) -> Reply:
    """Answer an error."""
    return Reply(status=status, retry_after=retry_after, code=code)


def breaks_off(text: str, *, after: int = 2) -> Reply:
    """Begin to answer, and cut the connection after some pieces."""
    return Reply(text, cut_after=after)


def garbles() -> Reply:
    """Answer what is no JSON."""
    return Reply(garbage=True)


def keeps_silent() -> Reply:
    """Take the request, and never answer."""
    return Reply(silent=True)


def in_turn(replies: Sequence[Reply]) -> Callable[[ChatRequest], Reply]:
    """Answer with one reply after another, whatever is asked; with 400 when none is left."""
    left: Iterator[Reply] = iter(replies)
    return lambda _: next(left, refuses(400, code="script_is_over"))


def count_tokens(text: str) -> int:
    """Return how many tokens a text is charged for: a quarter of its characters, rounded up."""
    return ceil(len(text) / CHARACTERS_A_TOKEN)


def prompt_digest(body: Mapping[str, Any]) -> str:
    """Return what tells one prompt from another: a digest of model, messages and tools."""
    shown = [body.get("model"), body.get("messages"), body.get("tools")]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]

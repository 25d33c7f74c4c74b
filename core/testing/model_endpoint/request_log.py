"""The requests that a model endpoint has had, and what a provider would charge for each."""

import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from perdure.testing.model_endpoint.script import ChatRequest


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request that was made.

    Attributes:
        number: 1 for the first.
        at: When it came, in seconds since the epoch.
        prompt: What tells one prompt from another.
        model: The model's name.
        streamed: Whether a stream was asked for.
        status: The HTTP status answered; 0 when there was none.
        input_tokens: Tokens charged for what was sent.
        output_tokens: Tokens charged for what was answered.
        complete: Whether the whole answer was sent.
    """

    number: int
    at: float
    prompt: str
    model: str
    streamed: bool
    status: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    complete: bool = False

    @property
    def tokens(self) -> int:
        """Tokens charged."""
        return self.input_tokens + self.output_tokens


class RequestLog:
    """Every request of one endpoint, in the order in which they came; safe in any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests: list[RecordedRequest] = []
        self._prompt_counts: Counter[str] = Counter()

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """Every request so far; those under way are charged with nothing yet."""
        with self._changed:
            return tuple(self._requests)

    def begin(self, prompt: str, model: str, *, streamed: bool) -> tuple[int, int]:
        """Add a request; returns its number, and how often its prompt came."""
        with self._changed:
            self._prompt_counts[prompt] += 1
            number = len(self._requests) + 1
            self._requests.append(RecordedRequest(number, time.time(), prompt, model, streamed))
            self._changed.notify_all()
            return number, self._prompt_counts[prompt]

    def end(self, request: ChatRequest, status: int, output_tokens: int, *, complete: bool) -> None:
        """Record how a request was answered."""
        charged = request.input_tokens if status == 200 else 0
        with self._changed:
            if request.number > len(self._requests):
                return  # the log was cleared meanwhile
            self._requests[request.number - 1] = replace(
                self._requests[request.number - 1],
                status=status,
                input_tokens=charged,
                output_tokens=output_tokens,
                complete=complete,
            )
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget every request so far."""
        with self._changed:
            self._requests.clear()
            self._prompt_counts.clear()

    def wait_for(self, count: int, seconds: float) -> None:
        """Block until so many requests have come.

        Raises:
            TimeoutError: They did not come in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._requests) >= count, seconds):
                raise TimeoutError(
                    f"{len(self._requests)} of {count} requests came within {seconds} s"
                )

    def as_json(self) -> bytes:
        """Return every request so far as JSON, for :func:`fetch_requests`."""
        return json.dumps([asdict(request) for request in self.requests]).encode()


def fetch_requests(url: str) -> tuple[RecordedRequest, ...]:
    """Return the requests that an endpoint in another process has had so far.

    Args:
        url: Its base URL.
    """
    with urllib.request.urlopen(f"{url}/requests", timeout=10) as response:  # noqa: S310 -- loopback
        return tuple(RecordedRequest(**request) for request in json.load(response))


def wasted_requests(requests: Iterable[RecordedRequest]) -> int:
    """Return the tokens charged for anything but the first complete answer to each prompt."""
    total, useful = 0, dict[str, int]()
    for request in requests:
        total += request.tokens
        if request.complete:
            useful.setdefault(request.prompt, request.tokens)
    return total - sum(useful.values())

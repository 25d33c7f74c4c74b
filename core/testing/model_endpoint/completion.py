"""A reply of a script as OpenAI's chat completions protocol writes it."""

import json
from collections.abc import Iterator
from typing import Final, TypedDict

from perdure.testing.model_endpoint.script import ChatRequest, Reply, count_tokens

CREATED: Final = 1_700_000_000


class _ToolCall(TypedDict):
    index: int
    id: str
    type: str
    function: dict[str, str]


class ChatCompletion:
    """A reply in OpenAI's protocol, cut off where the request's ``max_tokens`` says.

    Attributes:
        text: The text of the reply.
        tool_calls: Its calls of tools.
        finish_reason: Why it ends: ``stop``, ``tool_calls`` or ``length``.
    """

    def __init__(self, request: ChatRequest, reply: Reply) -> None:
        self._request = request
        self._reply = reply
        self.text = reply.text
        self.finish_reason = "tool_calls" if reply.tool_calls else "stop"
        if request.max_tokens is not None and count_tokens(reply.text) > request.max_tokens:
            self.text = reply.text[: request.max_tokens * 4]
            self.finish_reason = "length"
        self.tool_calls: list[_ToolCall] = [
            {
                "index": index,
                # The same on every attempt, so that what follows is the same prompt.
                "id": f"call_{request.prompt[:8]}_{index}",
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
            }
            for index, call in enumerate(reply.tool_calls)
        ]

    def pieces(self) -> Iterator[str]:
        """Yield the text in as many pieces as the script says."""
        size = max(1, -(-len(self.text) // max(1, self._reply.pieces)))
        for start in range(0, len(self.text), size):
            yield self.text[start : start + size]

    def output_tokens(self, text: str) -> int:
        """Return what is charged once so much of the text was sent; all of it brings the calls."""
        whole = text == self.text
        return count_tokens(text) + sum(
            count_tokens(call["function"]["arguments"]) for call in self.tool_calls if whole
        )

    def usage(self) -> dict[str, int]:
        """Return the tokens of the whole reply."""
        sent, received = self._request.input_tokens, self.output_tokens(self.text)
        return {
            "prompt_tokens": sent,
            "completion_tokens": received,
            "total_tokens": sent + received,
        }

    def body(self) -> dict[str, object]:
        """Return the whole reply, for a request that is not streamed."""
        message: dict[str, object] = {"role": "assistant", "content": self.text or None}
        if self.tool_calls:
            message["tool_calls"] = self.tool_calls
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        return {**self._envelope("chat.completion"), "choices": [choice], "usage": self.usage()}

    def chunk(self, delta: object, finish: str | None = None) -> dict[str, object]:
        """Return a chunk of a stream; without a delta the one that has the usage."""
        envelope = self._envelope("chat.completion.chunk")
        if delta is None:
            return {**envelope, "choices": [], "usage": self.usage()}
        return {**envelope, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    def _envelope(self, kind: str) -> dict[str, object]:
        number = self._request.number
        return {
            "id": f"chatcmpl-{number}",
            "object": kind,
            "created": CREATED + number,
            "model": self._request.model,
        }

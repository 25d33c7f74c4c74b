"""An endpoint of OpenAI's chat protocol that sends one message, whole or in pieces, as asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

ENVELOPE: Final = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "scripted"}
USAGE: Final = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "completion_tokens_details": {"reasoning_tokens": 3},
}
TEXT_FIELDS: Final = ("reasoning_content", "content", "refusal")


@dataclass
class ChatEndpoint:
    """What an endpoint sends, and what it was asked.

    Attributes:
        message: The message, as it is sent whole.
        finish: Why it ends.
        logprobs: The log probabilities of its tokens.
        streams: Whether it streams: it does, it refuses to, or it ignores that it was asked to.
        counts_streams: Whether a stream brings its usage.
        piece: How many characters a piece of a stream has.
        requests: The bodies of the requests so far.
    """

    message: Mapping[str, Any]
    finish: str | None = "stop"
    logprobs: list[dict[str, Any]] | None = None
    streams: Literal["yes", "refused", "ignored"] = "yes"
    counts_streams: bool = True
    piece: int = 5
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def streamed(self) -> list[bool]:
        """Whether each request asked for a stream."""
        return [bool(request.get("stream")) for request in self.requests]

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve on loopback; yields the base URL."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0])
        request = json.loads(await reader.readexactly(length))
        self.requests.append(request)
        streamed = bool(request.get("stream"))
        if streamed and self.streams == "refused":
            error = {"message": "This model does not support streaming.", "param": "stream"}
            _send(writer, "400 Bad Request", "application/json", json.dumps({"error": error}))
        elif streamed and self.streams == "yes":
            body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in self._chunks())
            _send(writer, "200 OK", "text/event-stream", f"{body}data: [DONE]\n\n")
        else:
            _send(writer, "200 OK", "application/json", json.dumps(self._whole()))
        await writer.drain()
        writer.close()

    def _whole(self) -> dict[str, Any]:
        choice = self._choice("message", {"role": "assistant", **self.message}, self.finish)
        if self.logprobs is not None:
            choice["logprobs"] = {"content": self.logprobs}
        return {**ENVELOPE, "object": "chat.completion", "choices": [choice], "usage": USAGE}

    def _chunks(self) -> list[dict[str, Any]]:
        deltas: list[dict[str, Any]] = [{"role": "assistant"}]
        for name in TEXT_FIELDS:
            text = self.message.get(name) or ""
            starts = range(0, len(text), self.piece)
            deltas += [{name: text[start : start + self.piece]} for start in starts]
        deltas += [
            {"tool_calls": [{"index": index, **call}]}
            for index, call in enumerate(self.message.get("tool_calls", []))
        ]
        choices = [self._choice("delta", delta, None) for delta in deltas]
        for choice, logprob in zip(choices[1:], self.logprobs or [], strict=False):
            choice["logprobs"] = {"content": [logprob]}
        choices.append(self._choice("delta", {}, self.finish))
        envelope = {**ENVELOPE, "object": "chat.completion.chunk"}
        chunks: list[dict[str, Any]] = [{**envelope, "choices": [choice]} for choice in choices]
        if self.counts_streams:
            chunks.append({**envelope, "choices": [], "usage": USAGE})
        return chunks

    @staticmethod
    def _choice(name: str, message: Mapping[str, Any], finish: str | None) -> dict[str, Any]:
        return {"index": 0, name: dict(message), "finish_reason": finish}


def _send(writer: asyncio.StreamWriter, status: str, kind: str, body: str) -> None:
    writer.write(f"HTTP/1.0 {status}\r\nContent-Type: {kind}\r\n\r\n{body}".encode())

"""One client's connection to a scripted model endpoint: HTTP/1.1, and OpenAI's protocol in it."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypedDict

from perdure.testing.model_endpoint.script import Asked, Reply, prompt_of, tokens_in

if TYPE_CHECKING:
    from perdure.testing.model_endpoint.server import ModelServer

COMPLETIONS: Final = "/v1/chat/completions"
RECORD: Final = "/v1/requests"
GATE_SECONDS: Final = 0.002
CREATED: Final = 1_700_000_000


class _Call(TypedDict):
    index: int
    id: str
    type: str
    function: dict[str, str]


class Connection:
    """Answers the requests of one connection, one after another."""

    def __init__(
        self, server: "ModelServer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer

    async def serve(self) -> None:
        """Answer until the client, or a reply, ends the connection."""
        try:
            while await self._one():
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            self._writer.transport.abort()

    async def _one(self) -> bool:
        """Answer one request; returns whether the connection stays."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in _fields(head[1:])}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        if method == "GET" and path == RECORD:
            await self._send(200, self._server.as_json())
            return True
        if method != "POST" or path != COMPLETIONS:
            await self._send(404, _error(f"there is no {path} here", "not_found"))
            return True
        asked = self._asked(json.loads(body), headers)
        return await self._reply(asked, self._server.reply(asked))

    def _asked(self, body: dict[str, Any], headers: Mapping[str, str]) -> Asked:
        prompt, streamed = prompt_of(body), bool(body.get("stream"))
        model = str(body.get("model"))
        number, times = self._server.begin(prompt, model, streamed=streamed)
        return Asked(
            number=number,
            times=times,
            prompt=prompt,
            model=model,
            messages=body.get("messages", []),
            streamed=streamed,
            max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
            input_tokens=tokens_in(json.dumps([body.get("messages"), body.get("tools")])),
            body=body,
            headers=headers,
        )

    async def _reply(self, asked: Asked, reply: Reply) -> bool:
        await asyncio.sleep(reply.delay)
        if reply.silent:
            await self._reader.read()  # until the client gives up
            return False
        if reply.gate is not None and reply.gate_after == 0:
            await _opened(reply)
        if reply.status != 200:
            self._server.end(asked, reply.status, 0, complete=False)
            await self._refuse(reply)
            return True
        answer = _Answer(asked, reply)
        if reply.garbage:
            self._server.end(asked, 200, answer.tokens(answer.text), complete=False)
            await self._send(200, b"<html>upstream is not well</html>")
            return True
        return await (self._stream if asked.streamed else self._whole)(asked, reply, answer)

    async def _refuse(self, reply: Reply) -> None:
        extra = {} if reply.retry_after is None else {"Retry-After": str(reply.retry_after)}
        message = f"the script answers {reply.status}"
        await self._send(reply.status, _error(message, reply.code), extra)

    async def _whole(self, asked: Asked, reply: Reply, answer: "_Answer") -> bool:
        body = json.dumps(answer.completion()).encode()
        whole = reply.cut_after is None
        tokens = answer.tokens(answer.text)
        # Charged before it is sent: whoever has read the answer finds it in the record.
        self._server.end(asked, 200, tokens, complete=whole)
        await self._send(200, body, cut=not whole)
        return whole

    async def _stream(self, asked: Asked, reply: Reply, answer: "_Answer") -> bool:
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
        self._writer.write(f"{head}\r\n\r\n".encode())
        sent = ""
        try:
            await self._chunk(answer.chunk({"role": "assistant", "content": ""}))
            for number, piece in enumerate(answer.pieces()):
                if reply.gate is not None and 0 < reply.gate_after == number:
                    await _opened(reply)
                if number == reply.cut_after:
                    self._server.end(asked, 200, answer.tokens(sent), complete=False)
                    self._writer.write(b"40\r\ndata: {")
                    await self._writer.drain()
                    return False
                await self._chunk(answer.chunk({"content": piece}))
                sent += piece
                await asyncio.sleep(reply.pause)
            await self._finish(asked, answer)
        except BaseException:
            self._server.end(asked, 200, answer.tokens(sent), complete=False)
            raise
        return True

    async def _finish(self, asked: Asked, answer: "_Answer") -> None:
        if answer.calls:
            await self._chunk(answer.chunk({"tool_calls": answer.calls}))
        self._server.end(asked, 200, answer.tokens(answer.text), complete=True)
        last = answer.chunk({}, finish=answer.finish_reason)
        if (asked.body.get("stream_options") or {}).get("include_usage"):
            await self._chunk(last)
            last = answer.chunk(None)
        event = f"data: {json.dumps(last)}\n\ndata: [DONE]\n\n".encode()
        self._writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n0\r\n\r\n")
        await self._writer.drain()

    async def _chunk(self, chunk: dict[str, object]) -> None:
        event = f"data: {json.dumps(chunk)}\n\n".encode()
        self._writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        await self._writer.drain()

    async def _send(
        self,
        status: int,
        body: bytes,
        extra: Mapping[str, str] | None = None,
        *,
        cut: bool = False,
    ) -> None:
        fields = {"Content-Type": "application/json", "Content-Length": len(body), **(extra or {})}
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        sent = body[: len(body) // 2] if cut else body
        self._writer.write(head.encode() + b"\r\n" + sent)
        await self._writer.drain()


class _Answer:
    """A reply as OpenAI's protocol writes it, cut off where the request's ``max_tokens`` says."""

    def __init__(self, asked: Asked, reply: Reply) -> None:
        self._asked = asked
        self._reply = reply
        self.text = reply.text
        self.finish_reason = "tool_calls" if reply.tool_calls else "stop"
        if asked.max_tokens is not None and tokens_in(reply.text) > asked.max_tokens:
            self.text = reply.text[: asked.max_tokens * 4]
            self.finish_reason = "length"
        self.calls: list[_Call] = [
            {
                "index": index,
                # The same on every attempt, so that what follows is the same prompt.
                "id": f"call_{asked.prompt[:8]}_{index}",
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
            }
            for index, call in enumerate(reply.tool_calls)
        ]

    def pieces(self) -> Iterator[str]:
        size = max(1, -(-len(self.text) // max(1, self._reply.pieces)))
        for start in range(0, len(self.text), size):
            yield self.text[start : start + size]

    def tokens(self, text: str) -> int:
        whole = text == self.text
        return tokens_in(text) + sum(
            tokens_in(call["function"]["arguments"]) for call in self.calls if whole
        )

    def usage(self) -> dict[str, int]:
        sent, received = self._asked.input_tokens, self.tokens(self.text)
        return {
            "prompt_tokens": sent,
            "completion_tokens": received,
            "total_tokens": sent + received,
        }

    def completion(self) -> dict[str, object]:
        message: dict[str, object] = {"role": "assistant", "content": self.text or None}
        if self.calls:
            message["tool_calls"] = self.calls
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        return {**self._about("chat.completion"), "choices": [choice], "usage": self.usage()}

    def chunk(self, delta: object, finish: str | None = None) -> dict[str, object]:
        """Return a piece of a stream; without a delta the one that tells the usage."""
        about = self._about("chat.completion.chunk")
        if delta is None:
            return {**about, "choices": [], "usage": self.usage()}
        return {**about, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    def _about(self, kind: str) -> dict[str, object]:
        number = self._asked.number
        return {
            "id": f"chatcmpl-{number}",
            "object": kind,
            "created": CREATED + number,
            "model": self._asked.model,
        }


async def _opened(reply: Reply) -> None:
    # The test opens it from another thread.
    while reply.gate is not None and not reply.gate.is_set():  # noqa: ASYNC110
        await asyncio.sleep(GATE_SECONDS)


def _fields(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    return (line.partition(":") for line in lines if line)


def _error(message: str, code: str | None) -> bytes:
    return json.dumps(
        {"error": {"message": message, "type": code or "error", "code": code, "param": None}}
    ).encode()

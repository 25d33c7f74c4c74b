"""One client's connection to a scripted model endpoint, over HTTP/1.1."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from perdure.testing.model_endpoint.completion import ChatCompletion
from perdure.testing.model_endpoint.request_log import RequestLog
from perdure.testing.model_endpoint.script import ChatRequest, Reply, count_tokens, prompt_digest

COMPLETIONS_PATH: Final = "/v1/chat/completions"
REQUESTS_PATH: Final = "/v1/requests"
GATE_SECONDS: Final = 0.002


class Connection:
    """Answers the requests of one connection, one after another."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        log: RequestLog,
        script: Callable[[ChatRequest], Reply],
    ) -> None:
        """Bind a connection to a script.

        Args:
            reader: Where its requests come from.
            writer: Where they are answered.
            log: Where they are recorded.
            script: Returns the reply to a request, and raises nothing.
        """
        self._reader = reader
        self._writer = writer
        self._log = log
        self._script = script

    async def serve(self) -> None:
        """Answer until the client, or a reply, ends the connection."""
        try:
            while await self._serve_request():
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            self._writer.transport.abort()

    async def _serve_request(self) -> bool:
        """Answer one request; returns whether the connection stays."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in _header_fields(head[1:])}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        if method == "GET" and path == REQUESTS_PATH:
            await self._send(200, self._log.as_json())
            return True
        if method != "POST" or path != COMPLETIONS_PATH:
            await self._send(404, _error(f"there is no {path} here", "not_found"))
            return True
        request = self._parse_request(json.loads(body), headers)
        return await self._reply(request, self._script(request))

    def _parse_request(self, body: dict[str, Any], headers: Mapping[str, str]) -> ChatRequest:
        prompt, streamed = prompt_digest(body), bool(body.get("stream"))
        model = str(body.get("model"))
        number, times = self._log.begin(prompt, model, streamed=streamed)
        return ChatRequest(
            number=number,
            times=times,
            prompt=prompt,
            model=model,
            messages=body.get("messages", []),
            streamed=streamed,
            max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
            input_tokens=count_tokens(json.dumps([body.get("messages"), body.get("tools")])),
            body=body,
            headers=headers,
        )

    async def _reply(self, request: ChatRequest, reply: Reply) -> bool:
        await asyncio.sleep(reply.delay)
        if reply.silent:
            await self._reader.read()  # until the client gives up
            return False
        if reply.gate is not None and reply.gate_after == 0:
            await _wait_for_gate(reply)
        if reply.status != 200:
            self._log.end(request, reply.status, 0, complete=False)
            await self._send_error(reply)
            return True
        completion = ChatCompletion(request, reply)
        if reply.garbage:
            tokens = completion.output_tokens(completion.text)
            self._log.end(request, 200, tokens, complete=False)
            await self._send(200, b"<html>upstream is not well</html>")
            return True
        send = self._stream if request.streamed else self._send_whole
        return await send(request, reply, completion)

    async def _send_error(self, reply: Reply) -> None:
        extra = {} if reply.retry_after is None else {"Retry-After": str(reply.retry_after)}
        message = f"the script answers {reply.status}"
        await self._send(reply.status, _error(message, reply.code), extra)

    async def _send_whole(
        self, request: ChatRequest, reply: Reply, completion: ChatCompletion
    ) -> bool:
        body = json.dumps(completion.body()).encode()
        whole = reply.cut_after is None
        tokens = completion.output_tokens(completion.text)
        # Charged before it is sent: whoever has read the answer finds it in the log.
        self._log.end(request, 200, tokens, complete=whole)
        await self._send(200, body, cut=not whole)
        return whole

    async def _stream(self, request: ChatRequest, reply: Reply, completion: ChatCompletion) -> bool:
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
        self._writer.write(f"{head}\r\n\r\n".encode())
        sent = ""
        try:
            await self._send_chunk(completion.chunk({"role": "assistant", "content": ""}))
            for number, piece in enumerate(completion.pieces()):
                if reply.gate is not None and 0 < reply.gate_after == number:
                    await _wait_for_gate(reply)
                if number == reply.cut_after:
                    self._log.end(request, 200, completion.output_tokens(sent), complete=False)
                    self._writer.write(b"40\r\ndata: {")
                    await self._writer.drain()
                    return False
                await self._send_chunk(completion.chunk({"content": piece}))
                sent += piece
                await asyncio.sleep(reply.pause)
            await self._end_stream(request, completion)
        except BaseException:
            self._log.end(request, 200, completion.output_tokens(sent), complete=False)
            raise
        return True

    async def _end_stream(self, request: ChatRequest, completion: ChatCompletion) -> None:
        if completion.tool_calls:
            await self._send_chunk(completion.chunk({"tool_calls": completion.tool_calls}))
        self._log.end(request, 200, completion.output_tokens(completion.text), complete=True)
        last = completion.chunk({}, finish=completion.finish_reason)
        if (request.body.get("stream_options") or {}).get("include_usage"):
            await self._send_chunk(last)
            last = completion.chunk(None)
        event = f"data: {json.dumps(last)}\n\ndata: [DONE]\n\n".encode()
        self._writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n0\r\n\r\n")
        await self._writer.drain()

    async def _send_chunk(self, chunk: dict[str, object]) -> None:
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


async def _wait_for_gate(reply: Reply) -> None:
    # The test opens it from another thread.
    while reply.gate is not None and not reply.gate.is_set():  # noqa: ASYNC110
        await asyncio.sleep(GATE_SECONDS)


def _header_fields(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    return (line.partition(":") for line in lines if line)


def _error(message: str, code: str | None) -> bytes:
    return json.dumps(
        {"error": {"message": message, "type": code or "error", "code": code, "param": None}}
    ).encode()

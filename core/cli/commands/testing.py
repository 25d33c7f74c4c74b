"""``perdure testing``: tools for authors who try their agents by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import print_json, print_message
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import run_async, until_stopped
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.server_choice import this_machine_only

if TYPE_CHECKING:
    from perdure.testing import ChatRequest, ModelServer, Reply

_MAX_CHARACTERS = 60


@click.group()
def testing() -> None:
    """Try agents by hand."""


@testing.command("serve-model")
@click.argument("script", type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where to listen.")
@json_option
@handle_errors
@this_machine_only
def serve_model(script: Path, port: int, as_json: bool) -> None:
    """Serve a model that answers by SCRIPT, a YAML file, until Ctrl-C.

    \b
    replies:
      - text: Let me look.
      - calls: [{name: search, arguments: {query: moss}}]
      - when: weather            # whenever the last message holds this text
        text: It rains.
      - {status: 429, retry_after: 2}
    otherwise: {text: I have nothing left to say.}

    A reply has text, calls, or status (with retry_after, code); or garbage: true, or silent: true;
    besides delay and pause (seconds), pieces, cut_after, times. It speaks OpenAI's protocol: type
    the lines that it prints where the agent runs, and each agent that asks through PERDURE_MODEL
    asks this model.
    """  # noqa: D301 -- \b keeps click from joining the lines
    run_async(_serve(script, port, as_json))


async def _serve(script: Path, port: int, as_json: bool) -> None:
    from perdure.testing import ModelServer
    from perdure.testing.model_endpoint.yaml_script import read_script

    scripted = read_script(script)

    def answer(asked: "ChatRequest") -> "Reply":
        reply = scripted(asked)
        print_message(f"{asked.number}  {_shorten(asked.last)}  ->  {_describe(reply)}")
        return reply

    with _started(ModelServer(answer, port=port)) as server:
        if as_json:
            print_json({"url": server.url, "environment": dict(server.environment)})
        else:
            click.echo(f"# {script} is served at {server.url}; type this where the agent runs:")
            for name, value in server.environment.items():
                click.echo(f"export {name}={value}")
            print_message("Ready. Ctrl-C ends it.")
        await until_stopped()


@contextmanager
def _started(server: "ModelServer") -> "Iterator[ModelServer]":
    try:
        server.start()
    except OSError as error:
        raise click.ClickException(
            f"port {server.port} cannot be had ({error.strerror}): choose another with --port"
        ) from None
    try:
        yield server
    finally:
        server.stop()


def _describe(reply: "Reply") -> str:
    if reply.silent:
        return "silence"
    if reply.garbage:
        return "garbage"
    if reply.status != 200:
        return " ".join(["status", str(reply.status), reply.code or ""]).rstrip()
    calls = [f"{call.name}({', '.join(call.arguments)})" for call in reply.tool_calls]
    cut = "" if reply.cut_after is None else f", cut after {reply.cut_after} pieces"
    return " ".join([*([_shorten(reply.text)] if reply.text else []), *calls]) + cut


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= _MAX_CHARACTERS else f"{line[:_MAX_CHARACTERS]}…")

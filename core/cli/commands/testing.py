"""``perdure testing``: what authors try their agents with by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import print_json, say
from perdure.cli.runtime.command import command_errors, json_option, run_async, until_stopped

if TYPE_CHECKING:
    from perdure.testing import Asked, ModelServer, Reply

_SHOWN = 60


@click.group()
def testing() -> None:
    """Try agents by hand."""


@testing.command("serve-model")
@click.argument("script", type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where to listen.")
@json_option
@command_errors
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
    from perdure.testing.model_endpoint.written_script import read_script

    written = read_script(script)

    def answer(asked: "Asked") -> "Reply":
        reply = written(asked)
        say(f"{asked.number}  {_short(asked.last)}  ->  {_described(reply)}")
        return reply

    with _bound(ModelServer(answer, port=port)) as server:
        if as_json:
            print_json({"url": server.url, "environment": dict(server.environment)})
        else:
            click.echo(f"# {script} is served at {server.url}; type this where the agent runs:")
            for name, value in server.environment.items():
                click.echo(f"export {name}={value}")
            say("Ready. Ctrl-C ends it.")
        await until_stopped()


@contextmanager
def _bound(server: "ModelServer") -> "Iterator[ModelServer]":
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


def _described(reply: "Reply") -> str:
    if reply.silent:
        return "silence"
    if reply.garbage:
        return "garbage"
    if reply.status != 200:
        return " ".join(["status", str(reply.status), reply.code or ""]).rstrip()
    calls = [f"{call.name}({', '.join(call.arguments)})" for call in reply.tool_calls]
    cut = "" if reply.cut_after is None else f", cut after {reply.cut_after} pieces"
    return " ".join([*([_short(reply.text)] if reply.text else []), *calls]) + cut


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…")

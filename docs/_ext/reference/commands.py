"""The page of commands, from click."""

import inspect
import re
from collections.abc import Iterator
from typing import Final

import click

from perdure.cli.main import perdure

_KEEP: Final = "\b\n"
_TYPED: Final = re.compile(r"\b(?:PERDURE|TEMPORAL)_[A-Z_]+|\bperdure(?: [a-z]+)+ --[a-z-]+")


def markdown() -> str:
    """Return one section for each command, each group before its own."""
    return "\n".join(_sections(perdure, None, "perdure"))


def commands() -> dict[str, click.Command]:
    """Return every command by its whole name, such as ``perdure goals list``."""
    return dict(_walk(perdure, "perdure"))


def _walk(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for inner in sorted(command.commands):
            yield from _walk(command.commands[inner], f"{name} {inner}")


def _sections(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    # The names of the help option are inherited from the context above.
    context = click.Context(
        command, parent=parent, info_name=name.rsplit(maxsplit=1)[-1], **command.context_settings
    )
    level = "##" if len(name.split()) < 3 else "###"
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    yield f"{level} {name}\n\n```text\n{usage}\n```\n\n{_help(command)}\n"
    rows = list(_options(command, context))
    if rows:
        yield "| option | what it does |\n|---|---|"
        yield from (f"| {_code(option)} | {_cell(told)} |" for option, told in rows)
        yield ""
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from _sections(command.commands[inner], context, f"{name} {inner}")


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Return the options with their words; every command has ``--help``, which is told once."""
    for one in command.get_params(context):
        if isinstance(one, click.Option) and "--help" not in one.opts:
            record = one.get_help_record(context)
            if record is not None:
                yield record


def _help(command: click.Command) -> str:
    """Return what a command says of itself; where click keeps its lines, they are a block."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(
        f"```text\n{text.removeprefix(_KEEP)}\n```" if text.startswith(_KEEP) else _words(text)
        for text in paragraphs
    )


def _words(text: str) -> str:
    return _TYPED.sub(r"`\g<0>`", text)


def _code(option: str) -> str:
    return f"`{option.replace('|', chr(92) + '|')}`"


def _cell(told: str) -> str:
    return re.sub(r"[|\[\]<]", r"\\\g<0>", _words(" ".join(told.split())))

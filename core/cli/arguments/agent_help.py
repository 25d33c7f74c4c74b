"""``perdure run AGENT --help``: the parameters of that agent, from its description."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from perdure.cli.runtime.errors import error_message

if TYPE_CHECKING:
    from perdure.schemas.agents import AgentDescription, ParameterDescription

_ARGUMENTS: Final = "perdure.cli.arguments"


class CommandWithAgent(click.Command):
    """A command with an argument AGENT, whose help shows the parameters of the named agent.

    Args:
        describe: Returns the agent of a name, with the plugin files that the command was given.
        arguments: What every command takes.
    """

    def __init__(
        self, *, describe: "Callable[[str, tuple[Path, ...]], AgentDescription]", **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self._describe = describe

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the arguments: ``--help`` is handled before they are parsed."""
        ctx.meta[_ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the agent's parameters after the options."""
        super().format_options(ctx, formatter)
        parsed: dict[str, Any]
        parsed, _, _ = self.make_parser(ctx).parse_args(list(ctx.meta.get(_ARGUMENTS, ())))
        agent = parsed.get("agent")
        if isinstance(agent, str):
            files = tuple(Path(file) for file in parsed.get("plugin_files") or ())
            self._write_parameters(agent, files, formatter)

    def _write_parameters(
        self, name: str, files: tuple[Path, ...], formatter: click.HelpFormatter
    ) -> None:
        try:
            agent = self._describe(name, files)
        except Exception as error:
            message = error_message(error)
            if message is None:
                raise
            with formatter.section("Parameters"):
                formatter.write_text(message)
            return
        with formatter.section(f"Parameters of {name}"):
            formatter.write_text(_agent_text(agent))
            formatter.write_paragraph()
            if agent.parameters:
                rows = [
                    (f"{parameter.name}=", _parameter_text(parameter))
                    for parameter in agent.parameters
                ]
                formatter.write_dl(rows)
            else:
                formatter.write_text("It takes none.")


def _agent_text(agent: "AgentDescription") -> str:
    return f"{agent.description} ({agent.distribution} {agent.version})"


def _parameter_text(parameter: "ParameterDescription") -> str:
    default = "required" if parameter.required else f"default: {parameter.default}"
    return f"{parameter.description}  [{parameter.type}; {default}]".strip()

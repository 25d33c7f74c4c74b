"""``perdure run AGENT --help``: what that agent takes, from the model of its parameters."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from perdure.cli.runtime.connections import settings_with

if TYPE_CHECKING:
    from perdure.agents.description import AgentDescription, ParameterDescription

_GIVEN: Final = "perdure.cli.given"


class CommandWithAgent(click.Command):
    """A command with an argument AGENT: its help shows the parameters of the one that is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep what was given: help is asked for before the arguments are read."""
        ctx.meta[_GIVEN] = list(args)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the agent's parameters after the options."""
        super().format_options(ctx, formatter)
        given: dict[str, Any]
        given, _, _ = self.make_parser(ctx).parse_args(list(ctx.meta.get(_GIVEN, ())))
        agent = given.get("agent")
        if isinstance(agent, str):
            files = tuple(Path(file) for file in given.get("plugin_files") or ())
            _write(agent, files, formatter)


def _write(name: str, files: tuple[Path, ...], formatter: click.HelpFormatter) -> None:
    from perdure.agents.description import describe_agents
    from perdure.agents.plugins.registry import UnknownAgent
    from perdure.temporal.installation import known_agents

    registry = known_agents(settings_with(files))
    try:
        registry.agent(name)
    except UnknownAgent as error:
        with formatter.section("Parameters"):
            formatter.write_text(str(error))
        return
    (agent,) = describe_agents(registry, only=name).agents
    with formatter.section(f"Parameters of {name}"):
        formatter.write_text(_about(agent))
        formatter.write_paragraph()
        if agent.parameters:
            rows = [(f"{one.name}=", _meaning(one)) for one in agent.parameters]
            formatter.write_dl(rows)
        else:
            formatter.write_text("It takes none.")


def _about(agent: "AgentDescription") -> str:
    return f"{agent.description} ({agent.distribution} {agent.version})"


def _meaning(parameter: "ParameterDescription") -> str:
    told = "required" if parameter.required else f"default: {parameter.default}"
    return f"{parameter.description}  [{parameter.type}; {told}]".strip()

"""Which server a command is for: that of ``--server`` or ``PERDURE_SERVER``, or none."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import click
from click.core import ParameterSource

from perdure.cli.runtime.errors import WrongInput

P = ParamSpec("P")
T = TypeVar("T")

Command = TypeVar("Command", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """The server that all commands of a command line are for.

    Attributes:
        url: Its address.
        key: The key to send it, if one was given.
        is_option: Whether the command line names it, and not the environment.
    """

    url: str
    key: str | None = field(repr=False)
    is_option: bool

    @property
    def remedy(self) -> str:
        """What to do for a command to be for this machine."""
        return "leave --server out" if self.is_option else "unset PERDURE_SERVER"


def server_options(command: Command) -> Command:
    """Give the group of all commands the options that choose a server."""
    server = click.option(
        "--server",
        metavar="URL",
        envvar="PERDURE_SERVER",
        help="Work on the server at this address, with its goals, its agents and its workers; or"
        " set PERDURE_SERVER.",
    )
    key = click.option(
        "--key",
        envvar="PERDURE_API_KEY",
        help="The key that the server asks for; better set PERDURE_API_KEY, for others on this"
        " machine can read command lines.",
    )
    return server(key(command))


def choose_server(server: str | None, key: str | None) -> None:
    """Note the server for the commands that follow in the current context.

    Raises:
        click.UsageError: A key was given, and no server.
    """
    context = click.get_current_context()
    if server:
        is_option = context.get_parameter_source("server") is ParameterSource.COMMANDLINE
        context.obj = ServerChoice(server, key or None, is_option)
    elif key and context.get_parameter_source("key") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--key is what a server asks for: give --server too")


def chosen_server() -> ServerChoice | None:
    """Return the server that the current command is for; ``None`` for this machine."""
    context = click.get_current_context(silent=True)
    return context.find_object(ServerChoice) if context is not None else None


def this_machine_only(function: Callable[P, T]) -> Callable[P, T]:
    """Refuse a command for a server: one that makes sense only where its processes or files are.

    It stands below :func:`.handle_errors`.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        server = chosen_server()
        if server is not None:
            raise WrongInput(
                f"{click.get_current_context().command_path} is for the machine that it is typed"
                f" on: {server.remedy}"
            )
        return function(*args, **kwargs)

    return run

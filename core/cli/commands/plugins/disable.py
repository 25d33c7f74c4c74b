"""``perdure plugins disable`` and ``enable``: go on without a plugin that stays installed."""

from pathlib import Path

import click

from perdure.cli.output.printing import print_json, print_message
from perdure.cli.runtime.completion import complete_disabled_plugins, complete_plugins
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.server_choice import this_machine_only


@click.command()
@click.argument("name", shell_complete=complete_plugins)
@json_option
@handle_errors
@this_machine_only
def disable(name: str, as_json: bool) -> None:
    """Leave a plugin out of every command, worker and API of this home; it stays installed.

    NAME is the distribution, with or without perdure- before it. What runs already goes on with it
    until it is started again.
    """
    from perdure.agents.plugins.disabling import disable_plugin
    from perdure.settings import Settings

    home = Settings().home
    distribution, is_new = disable_plugin(name, home)
    if as_json:
        print_json({"distribution": distribution, "disabled": True, "changed": is_new})
        return
    done = "is disabled" if is_new else "is disabled already"
    click.echo(f"{distribution} {done}: perdure plugins enable {distribution} takes it back")
    _say_what_runs(home, f"goes on with {distribution} until it is started again", is_new)


@click.command()
@click.argument("name", shell_complete=complete_disabled_plugins)
@json_option
@handle_errors
@this_machine_only
def enable(name: str, as_json: bool) -> None:
    """Load a plugin again that was disabled.

    NAME is the distribution, with or without perdure- before it. What runs already loads it when it
    is started again.
    """
    from perdure.agents.plugins.disabling import enable_plugin
    from perdure.settings import Settings

    home = Settings().home
    distribution, is_new = enable_plugin(name, home)
    if as_json:
        print_json({"distribution": distribution, "disabled": False, "changed": is_new})
        return
    click.echo(f"{distribution} is enabled" + ("" if is_new else " already"))
    _say_what_runs(home, f"loads {distribution} when it is started again", is_new)


def _say_what_runs(home: Path, consequence: str, is_new: bool) -> None:
    from perdure.temporal.installation import read_installation

    running = read_installation(home)
    if running is not None and is_new:
        print_message(f"perdure {running.command}, process {running.pid}, {consequence}")

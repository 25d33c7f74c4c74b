"""Says in a sentence why an agent is not there, and what to do about it."""

import difflib
from collections.abc import Collection, Sequence
from typing import Final

from perdure.agents.plugins.claims import joined
from perdure.schemas.plugins import FILE_VERSION, Plugin

# So many names are a list that people read; of more, only the nearest are shown.
_MOST_NAMES: Final = 5
_NEAREST: Final = 3
_PREFIX: Final = "perdure-"


def explain_missing_agent(
    name: str, agents: Collection[str], plugins: Sequence[Plugin], last_version: str = ""
) -> str:
    """Return why there is no agent of a name.

    Args:
        name: The name.
        agents: The agents that there are.
        plugins: All plugins, with why some were left out.
        last_version: Distribution and version of the agent when it ran last, if it ever did.
    """
    claimants = [one for one in plugins if name in one.claims and not one.is_file]
    if claimants:
        keep = "one" if len(claimants) == 2 else "all but one"
        return (
            f"agent {name!r} is left out, for {joined([one.label for one in claimants])} claim"
            f" that name: uninstall {keep}, or name {keep} in PERDURE_PLUGINS_DENY"
        )
    if last_version:
        return _removed(name, plugins, *last_version.rsplit(" ", 1))
    unloaded = [one for one in plugins if one.status != "loaded" and not one.is_file]
    for plugin in unloaded:
        if name in _likely_agents(plugin):
            return (
                f"no agent {name!r} is there, for plugin {plugin.label} is left out:"
                f" {plugin.reason}"
            )
    message = f"no agent {name!r}{_choice(name, agents)}"
    if failed := [one for one in unloaded if one.status == "failed"]:
        left_out = (
            f"plugin {failed[0].label} is" if len(failed) == 1 else f"{len(failed)} plugins are"
        )
        message += f"; {left_out} left out, and perdure plugins says why"
    broken = [plugin for plugin in plugins if plugin.is_file and plugin.reason]
    return message + "".join(f"; {plugin.distribution}: {plugin.reason}" for plugin in broken)


def _choice(name: str, agents: Collection[str]) -> str:
    if not agents:
        return ", and none at all is installed: install one, e.g. pip install perdure-research"
    names = sorted(agents)
    if len(names) <= _MOST_NAMES:
        return f" is installed: choose one of {', '.join(names)}"
    nearest = difflib.get_close_matches(name, names, n=_NEAREST) or names[:_NEAREST]
    others = len(names) - len(nearest)
    return (
        f" is installed: choose one of {', '.join(nearest)}, or of {others} more, which perdure"
        " agents lists"
    )


def _likely_agents(plugin: Plugin) -> set[str]:
    """Return the names that a plugin's agent is likely to have, as nothing else is known of it."""
    names = {plugin.distribution, plugin.module.partition(".")[0].replace("_", "-")}
    return {name.removeprefix(_PREFIX) for name in names} | names


def _removed(name: str, plugins: Sequence[Plugin], distribution: str, version: str = "") -> str:
    message = f"agent {name!r} is not here, which {distribution} {version} brought"
    for plugin in plugins:
        if plugin.distribution == distribution:
            return f"{message}: {plugin.reason or 'its present version brings it no longer'}"
    if version == FILE_VERSION:
        return f"{message}: start perdure dev with --plugin {distribution}"
    return f"{message}: install it again, pip install {distribution}"

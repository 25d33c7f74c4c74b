"""Agent names that several plugins claim, which none of them gets."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from perdure.agents.plugins.hooks.printable import shortened
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin
from perdure.schemas.plugins import Plugin

_MOST_NAMES: Final = 5


def leave_out_claimed(
    loaded: Mapping[Plugin, LoadedPlugin],
) -> tuple[dict[Plugin, LoadedPlugin], list[Plugin]]:
    """Take each agent name that several plugins claim away from all of them.

    Args:
        loaded: The plugins that were loaded, and what they registered.

    Returns:
        Those that have something left, warned of what they lost; and those that have nothing,
        which count as failed.
    """
    claimants: dict[str, list[str]] = defaultdict(list)
    for plugin in loaded:
        for name in plugin.agents:
            claimants[name].append(plugin.distribution)
    usable: dict[Plugin, LoadedPlugin] = {}
    unusable: list[Plugin] = []
    for plugin, registered in loaded.items():
        claims = tuple(name for name in plugin.agents if len(claimants[name]) > 1)
        if not claims:
            usable[plugin] = registered
            continue
        rest = tuple(name for name in plugin.agents if name not in set(claims))
        reason = _reason({name: claimants[name] for name in claims})
        changed = replace(plugin, agents=rest, claims=claims)
        if rest or registered.observers:
            usable[replace(changed, warnings=(*plugin.warnings, reason))] = registered
        else:
            unusable.append(replace(changed, status="failed", reason=reason))
    return usable, unusable


def joined(names: Sequence[str]) -> str:
    """Return names as a list, of which the last follows on ``and``."""
    if len(names) > _MOST_NAMES:
        return shortened(names, _MOST_NAMES)
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _reason(claimants: Mapping[str, Sequence[str]]) -> str:
    names_by_claimants: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, distributions in claimants.items():
        names_by_claimants[tuple(distributions)].append(name)
    claims = [
        (f"agent name {names[0]!r} is" if len(names) == 1 else f"agent names {_quoted(names)} are")
        + f" claimed by {joined(distributions)}"
        for distributions, names in names_by_claimants.items()
    ]
    keep = "all but one" if any(len(some) > 2 for some in names_by_claimants) else "one"
    return f"{'; '.join(claims)}: uninstall {keep}, or name {keep} in PERDURE_PLUGINS_DENY"


def _quoted(names: Sequence[str]) -> str:
    return joined([repr(name) for name in names])

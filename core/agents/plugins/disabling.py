"""Disables installed plugins in a home, so that a person can go on without one, and enables them.

No plugin is imported for that.
"""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from perdure.agents.plugins.distributions.discovery import find_candidates
from perdure.agents.plugins.hooks.printable import printable, shortened
from perdure.agents.plugins.records.agents import AgentsRecord
from perdure.agents.plugins.records.disabled import DisabledRecord
from perdure.schemas.plugins import Plugin

_PREFIX: Final = "perdure-"
_MOST_NAMES: Final = 5
_SHOWN_CHARACTERS: Final = 60


class UnknownPlugin(Exception):
    """No plugin of that name is installed; the message names the nearest."""


class RecordNotWritten(Exception):
    """The home does not take which plugins are disabled."""


def disable_plugin(name: str, home: Path) -> tuple[str, bool]:
    """Disable an installed plugin.

    Args:
        name: The distribution, spelled in any way that means it, with or without ``perdure-``.
        home: The installation's home.

    Returns:
        Its canonical name, and whether it was enabled before.

    Raises:
        UnknownPlugin: There is none.
        RecordNotWritten: The home cannot be written.
    """
    record = DisabledRecord(home)
    distribution = _find(name, home, [*_installed(), *record.names])
    try:
        return distribution, record.disable(distribution)
    except OSError as error:
        raise _not_written(distribution, home, error) from error


def enable_plugin(name: str, home: Path) -> tuple[str, bool]:
    """Enable a plugin, installed or not; see :func:`disable_plugin`.

    Returns:
        Its canonical name, and whether it was disabled before.
    """
    record = DisabledRecord(home)
    distribution = _find(name, home, [*record.names, *_installed()])
    try:
        return distribution, record.enable(distribution)
    except OSError as error:
        raise _not_written(distribution, home, error) from error


def disabled_plugin_of(agent: str, plugins: Iterable[Plugin]) -> Plugin | None:
    """Return the disabled plugin that has an agent, or is likely to where that is not known.

    Args:
        agent: The agent's name.
        plugins: Every plugin.
    """
    for plugin in plugins:
        likely = plugin.agents or (plugin.distribution.removeprefix(_PREFIX), plugin.distribution)
        if plugin.status == "disabled" and agent in likely:
            return plugin
    return None


def _installed() -> list[str]:
    return [candidate.distribution for candidate in find_candidates()]


def _find(name: str, home: Path, known: Sequence[str]) -> str:
    """Return the canonical name of the plugin that a person means.

    Raises:
        UnknownPlugin: There is none.
    """
    canonical = canonicalize_name(name.strip())
    for distribution in (canonical, f"{_PREFIX}{canonical}"):
        if distribution in known:
            return distribution
    shown = repr(printable(name, _SHOWN_CHARACTERS))
    if canonical == "perdure":
        raise UnknownPlugin(
            f"{shown} is the core and no plugin: name one that perdure plugins lists"
        )
    plugin = AgentsRecord(home).plugin_of(canonical)
    if plugin in known:
        raise UnknownPlugin(f"{shown} is an agent and no plugin: name its plugin, {plugin}")
    names = sorted(set(known))
    if not names:
        raise UnknownPlugin(f"no plugin {shown} is installed, and none at all")
    nearest = difflib.get_close_matches(canonical, names, _MOST_NAMES, 0.5)
    short = {name.removeprefix(_PREFIX): name for name in names}
    nearest += [
        short[one]
        for one in difflib.get_close_matches(canonical, short, _MOST_NAMES)
        if short[one] not in nearest
    ]
    if nearest:
        choice = f"did you mean {' or '.join(nearest[:3])}?"
    else:
        choice = f"perdure plugins lists {shortened(names, _MOST_NAMES)}"
    raise UnknownPlugin(f"no plugin {shown} is installed: {choice}")


def _not_written(distribution: str, home: Path, error: OSError) -> RecordNotWritten:
    return RecordNotWritten(
        f"whether {distribution} is disabled cannot be written to {home / 'plugins'}"
        f" ({error.strerror}): let PERDURE_HOME be a folder that can be written"
    )

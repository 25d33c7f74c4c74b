"""Loads every installed plugin that may be loaded, and finds what each brings."""

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from perdure.agents.plugins.claims import leave_out_claimed
from perdure.agents.plugins.distributions.candidate import Candidate
from perdure.agents.plugins.distributions.shadows import shadow_warning
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin, load_plugin
from perdure.agents.plugins.records.loaded import LoadedRecord
from perdure.agents.plugins.records.loading import LoadingMarker
from perdure.agents.plugins.trial.survey import not_loaded, survey_plugins
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings

_log: Final = logging.getLogger("perdure")


@dataclass(slots=True)
class InstalledPlugins:
    """Every installed plugin.

    Attributes:
        loaded: Those that are loaded, and what they registered.
        unusable: The others, each with the reason.
    """

    loaded: dict[Plugin, LoadedPlugin] = field(default_factory=dict)
    unusable: list[Plugin] = field(default_factory=list)


def load_installed(settings: Settings) -> InstalledPlugins:
    """Load every installed plugin that the settings allow; never raises because of a plugin.

    One whose files are not those that loaded well the last time is imported in a process of its own
    first, so that it can do no harm to this one.
    """
    survey = survey_plugins(settings)
    installed = InstalledPlugins(unusable=survey.unusable)
    with LoadingMarker(settings.home) as marker:
        for candidate in survey.allowed:
            marker.begin(candidate.distribution)
            plugin, registered = _load(candidate, survey.reasons.get(candidate, ""), settings)
            marker.end()
            if registered is None:
                installed.unusable.append(plugin)
            else:
                installed.loaded[plugin] = registered
    good = {plugin.distribution for plugin in installed.loaded}
    LoadedRecord(settings.home).add(
        {
            one.distribution: mark
            for one, mark in survey.fingerprints.items()
            if one.distribution in good
        }
    )
    installed.loaded, left_with_nothing = leave_out_claimed(installed.loaded)
    installed.unusable += left_with_nothing
    return installed


def agent_names(loaded: LoadedPlugin) -> tuple[str, ...]:
    """Return the names of the agents that a plugin registered.

    Raises:
        PluginError: Two have the same.
    """
    names = tuple(spec.name for spec in loaded.agents)
    if len(set(names)) < len(names):
        duplicate = min(name for name, count in Counter(names).items() if count > 1)
        raise PluginError(f"it registers agent {duplicate!r} twice: give each a name of its own")
    return names


def _load(
    candidate: Candidate, fault: str, settings: Settings
) -> tuple[Plugin, LoadedPlugin | None]:
    """Load a plugin, unless it proved faulty in the trial."""
    plugin = not_loaded(candidate)
    shadow = shadow_warning(candidate)
    if fault:
        return replace(plugin, reason=_with(fault, shadow)), None
    try:
        loaded = load_plugin(candidate, settings.plugin_import_seconds)
        names = agent_names(loaded)
    except PluginError as error:
        return replace(plugin, reason=_with(str(error), shadow)), None
    warnings = (*plugin.warnings, *loaded.warnings)
    plugin = replace(
        plugin,
        status="loaded",
        hooks=loaded.hooks,
        agents=names,
        warnings=(*warnings, shadow) if shadow else warnings,
    )
    return plugin, loaded


def _with(reason: str, shadow: str) -> str:
    return f"{reason}; {shadow}" if shadow else reason

"""The registry: every installed plugin with its status, every agent by name."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal

from packaging.utils import canonicalize_name

from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.hookspecs.observer import Observer
from perdure.agents.plugins.discovery import Candidate, built_in_candidates, find_candidates
from perdure.agents.plugins.files import (
    FILE_VERSION,
    PluginFile,
    load_file,
    read_file,
    read_stamp,
)
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.import_guard import gc_disabled
from perdure.agents.plugins.loading import LoadedPlugin, load_plugin
from perdure.agents.steps.errors import PermanentError
from perdure.settings import Settings

PluginStatus = Literal["loaded", "failed", "denied"]


class UnknownAgent(PermanentError):
    """No installed agent has that name; the message names those that exist."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed plugin.

    Attributes:
        distribution: Its canonical name, such as ``perdure-research``.
        version: Its version.
        module: The module that its entry point names, or the path of a plugin file.
        status: ``loaded``, ``failed``, or ``denied`` by the settings.
        reason: Why it is not loaded; empty when it is.
        hooks: The hooks it implements.
        agents: The names of its agents.
        warnings: What works, and what its author should change all the same.
    """

    distribution: str
    version: str
    module: str
    status: PluginStatus
    reason: str = ""
    hooks: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def failure_message(self) -> str:
        """What to log when it failed; empty when it did not."""
        if self.status != "failed":
            return ""
        name = self.module if self.is_file else f"{self.distribution} {self.version}".rstrip()
        return f"plugin {name} is left out: {self.reason}"

    @property
    def is_file(self) -> bool:
        """Whether it is a plugin file, and not a distribution."""
        return self.version == FILE_VERSION


@dataclass(frozen=True, slots=True)
class InstalledAgent:
    """An agent that goals may name.

    Attributes:
        spec: Its specification.
        distribution: The distribution that registers it.
        version: That distribution's version.
    """

    spec: AgentSpec
    distribution: str
    version: str

    @property
    def agent_version(self) -> str:
        """Distribution and version, such as ``perdure-research 0.1.0``."""
        return f"{self.distribution} {self.version}"


@dataclass(slots=True)
class AgentRegistry:
    """Every plugin and every agent of this process.

    Installed plugins are loaded once; plugin files can be added, changed and removed.

    Attributes:
        plugins: All plugins, those that failed with their reason.
        agents: Usable agents by name.
        observers: The plugins' observers.
        files: The plugin files by path.
        on_change: Called when a plugin file has changed the registry.
    """

    plugins: tuple[Plugin, ...] = ()
    agents: Mapping[str, InstalledAgent] = field(default_factory=dict)
    observers: tuple[Observer, ...] = ()
    files: dict[Path, PluginFile] = field(default_factory=dict)
    on_change: Callable[[], None] | None = None

    @classmethod
    def load(cls, settings: Settings | None = None) -> "AgentRegistry":
        """Load every installed plugin that the settings allow; never raises because of a plugin."""
        settings = settings or Settings()
        loaded: dict[Plugin, LoadedPlugin] = {}
        unusable: list[Plugin] = []
        with gc_disabled():
            for candidate in (*built_in_candidates(settings), *find_candidates()):
                plugin, registered = _try_to_load(candidate, settings)
                if registered is None:
                    unusable.append(plugin)
                else:
                    loaded[plugin] = registered
        for plugin, reason in _conflicts(loaded).items():
            del loaded[plugin]
            unusable.append(replace(plugin, status="failed", reason=reason, agents=()))
        registry = cls.from_loaded(loaded, unusable)
        for path in settings.plugin_files:
            registry.add_file(path, settings.plugin_import_seconds)
        return registry

    @classmethod
    def from_loaded(
        cls, loaded: Mapping[Plugin, LoadedPlugin], unusable: list[Plugin]
    ) -> "AgentRegistry":
        """Build a registry from the plugins that were loaded and those that were not."""
        return cls(
            plugins=_sorted([*loaded, *unusable]),
            agents={
                spec.name: InstalledAgent(spec, plugin.distribution, plugin.version)
                for plugin, registered in loaded.items()
                for spec in registered.agents
            },
            observers=tuple(
                observer for registered in loaded.values() for observer in registered.observers
            ),
        )

    def add_file(self, path: Path, seconds: float) -> None:
        """Load a plugin file, unless it was added before; one that fails is listed with its reason.

        Args:
            path: The file.
            seconds: How long its import may take.
        """
        if path in self.files:
            return
        file = self._new_file(path)
        file.stamp = read_stamp(path)
        try:
            source = read_file(path)
            self.replace_file(file, source, load_file(path, source, seconds))
        except PluginError as error:
            self.mark_file_failed(path, str(error))

    def add_file_version(
        self, path: Path, source: bytes | None, reason: str, seconds: float
    ) -> None:
        """Load the version of a plugin file that another process has, unless it was added before.

        Args:
            path: The file.
            source: The source that the process has loaded; ``None`` when it has none.
            reason: Why it has no newer one; empty when this is the newest.
            seconds: How long its import may take.
        """
        if path in self.files:
            return
        file = self._new_file(path)
        if source is None:
            self.mark_file_failed(path, reason)
            return
        try:
            self.replace_file(file, source, load_file(path, source, seconds))
        except PluginError as error:
            self.mark_file_failed(path, str(error))
        else:
            self.plugins = tuple(
                replace(plugin, reason=reason) if plugin.module == str(path) else plugin
                for plugin in self.plugins
            )

    def replace_file(self, file: PluginFile, source: bytes, loaded: LoadedPlugin) -> None:
        """Replace what a plugin file registered with a version that was just loaded.

        Raises:
            PluginError: Another plugin has an agent of such a name; nothing has changed then.
        """
        names = _agent_names(loaded)
        previous = self._plugin_of_file(file.path)
        for name in names:
            if name in self.agents and (previous is None or name not in previous.agents):
                raise PluginError(
                    f"agent name {name!r} is claimed by {self.agents[name].distribution} already:"
                    " choose another"
                )
        plugin = Plugin(
            distribution=file.path.name,
            version=FILE_VERSION,
            module=str(file.path),
            status="loaded",
            hooks=loaded.hooks,
            agents=names,
            warnings=loaded.warnings,
        )
        agents = {
            spec.name: InstalledAgent(spec, plugin.distribution, plugin.version)
            for spec in loaded.agents
        }
        self.agents = {**self._agents_without(file.path), **agents}
        self._list_file(plugin)
        file.source, file.observers.observers = source, loaded.observers
        self._notify()

    def mark_file_failed(self, path: Path, reason: str) -> bool:
        """Record why a plugin file cannot be loaded; what it registered before stays.

        Returns:
            Whether an earlier version of it is loaded.
        """
        previous = self._plugin_of_file(path)
        failed = Plugin(path.name, FILE_VERSION, str(path), "failed", reason=reason)
        had_version = previous is not None and previous.status == "loaded"
        if previous is not None and had_version:
            failed = replace(previous, reason=f"its last good version goes on: {reason}")
        self._list_file(failed)
        self._notify()
        return had_version

    def remove_file(self, file: PluginFile) -> tuple[str, ...]:
        """Remove what a plugin file that is gone registered; return the names of its agents."""
        previous = self._plugin_of_file(file.path)
        self.agents = self._agents_without(file.path)
        reason = f"there is no file {file.path}"
        self._list_file(
            Plugin(file.path.name, FILE_VERSION, str(file.path), "failed", reason=reason)
        )
        file.source, file.observers.observers = None, ()
        self._notify()
        return previous.agents if previous is not None else ()

    def _new_file(self, path: Path) -> PluginFile:
        file = self.files[path] = PluginFile(path)
        self.observers = (*self.observers, file.observers)
        return file

    def _plugin_of_file(self, path: Path) -> Plugin | None:
        return next((plugin for plugin in self.plugins if plugin.module == str(path)), None)

    def _list_file(self, plugin: Plugin) -> None:
        others = [other for other in self.plugins if other.module != plugin.module]
        self.plugins = _sorted([*others, plugin])

    def _notify(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _agents_without(self, path: Path) -> dict[str, InstalledAgent]:
        plugin = self._plugin_of_file(path)
        removed = plugin.agents if plugin is not None else ()
        return {name: agent for name, agent in self.agents.items() if name not in removed}

    def agent(self, name: str) -> InstalledAgent:
        """Return the agent of that name.

        Raises:
            UnknownAgent: There is none.
        """
        try:
            return self.agents[name]
        except KeyError:
            raise self.unknown_agent(name) from None

    def unknown_agent(self, name: str, last_version: str = "") -> UnknownAgent:
        """Return the error for a name that no agent of this registry has.

        Args:
            name: The name.
            last_version: Distribution and version of the agent when it ran last, if it ever did.
        """
        if last_version:
            return UnknownAgent(self._removed_message(name, *last_version.rsplit(" ", 1)))
        if not self.agents:
            message = (
                f"no agent {name!r}, and none at all is installed: install one, e.g."
                " pip install perdure-research"
            )
        else:
            message = (
                f"no agent {name!r} is installed: choose one of {', '.join(sorted(self.agents))}"
            )
        broken = [plugin for plugin in self.plugins if plugin.is_file and plugin.reason]
        return UnknownAgent(
            message + "".join(f"; {plugin.distribution}: {plugin.reason}" for plugin in broken)
        )

    def _removed_message(self, name: str, distribution: str, version: str = "") -> str:
        message = f"agent {name!r} is not here, which {distribution} {version} brought"
        for plugin in self.plugins:
            if plugin.distribution == distribution:
                return f"{message}: {plugin.reason or 'its present version brings it no longer'}"
        if version == FILE_VERSION:
            return f"{message}: start perdure dev with --plugin {distribution}"
        return f"{message}: install it again, pip install {distribution}"


@cache
def installed_agents() -> AgentRegistry:
    """Return the registry of this process, loaded at the first call."""
    return AgentRegistry.load()


def _sorted(plugins: list[Plugin]) -> tuple[Plugin, ...]:
    return tuple(sorted(plugins, key=lambda plugin: plugin.distribution))


def _agent_names(loaded: LoadedPlugin) -> tuple[str, ...]:
    names = tuple(spec.name for spec in loaded.agents)
    duplicates = {name for name in names if names.count(name) > 1}
    if duplicates:
        raise PluginError(
            f"it registers agent {min(duplicates)!r} twice: give each a name of its own"
        )
    return names


def _try_to_load(candidate: Candidate, settings: Settings) -> tuple[Plugin, LoadedPlugin | None]:
    plugin = Plugin(candidate.distribution, candidate.version, candidate.module, "failed")
    if candidate.installed and (denial := _denial(candidate.distribution, settings)):
        return replace(plugin, status="denied", reason=denial), None
    if candidate.refusal:
        return replace(plugin, reason=candidate.refusal), None
    try:
        loaded = load_plugin(candidate, settings.plugin_import_seconds)
        names = _agent_names(loaded)
    except PluginError as error:
        return replace(plugin, reason=str(error)), None
    plugin = replace(
        plugin,
        status="loaded",
        hooks=loaded.hooks,
        agents=names,
        warnings=loaded.warnings,
    )
    return plugin, loaded


def _denial(distribution: str, settings: Settings) -> str:
    if distribution in {canonicalize_name(name) for name in settings.plugins_deny}:
        return "PERDURE_PLUGINS_DENY names it"
    allowed = {canonicalize_name(name) for name in settings.plugins_allow}
    if allowed and distribution not in allowed:
        return "PERDURE_PLUGINS_ALLOW is set and does not name it"
    return ""


def _conflicts(loaded: Mapping[Plugin, LoadedPlugin]) -> dict[Plugin, str]:
    claims: dict[str, list[Plugin]] = defaultdict(list)
    for plugin in loaded:
        for name in plugin.agents:
            claims[name].append(plugin)
    reasons: dict[Plugin, str] = {}
    for name, plugins in claims.items():
        if len(plugins) > 1:
            names = " and ".join(plugin.distribution for plugin in plugins)
            for plugin in plugins:
                reasons[plugin] = (
                    f"agent name {name!r} is claimed by {names}: uninstall one, or name one in"
                    " PERDURE_PLUGINS_DENY"
                )
    return reasons

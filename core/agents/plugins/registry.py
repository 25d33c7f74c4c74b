"""The registry: every installed plugin with its status, every agent by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.hookspecs.observer import Observer
from perdure.agents.plugins.disabling import disabled_plugin_of
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.installed import agent_names, load_installed
from perdure.agents.plugins.loading.file_imports import read_stamp
from perdure.agents.plugins.loading.files import PluginFile, load_file, read_file
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin
from perdure.agents.plugins.missing_agents import explain_missing_agent
from perdure.agents.plugins.process.guard import gc_disabled
from perdure.agents.plugins.records.loading import LoadingMarker
from perdure.agents.steps.errors import PermanentError
from perdure.schemas.plugins import FILE_VERSION, Plugin
from perdure.settings import Settings


class UnknownAgent(PermanentError):
    """No installed agent has that name; the message names those that exist."""


class MissingAgent(UnknownAgent):
    """An agent that was installed is not here now; the message says what brings it back."""


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
        with gc_disabled():
            installed = load_installed(settings)
        registry = cls.from_loaded(installed.loaded, installed.unusable)
        with LoadingMarker(settings.home) as marker:
            for path in settings.plugin_files:
                marker.begin(str(path))
                registry.add_file(path, settings.plugin_import_seconds)
        return registry

    @classmethod
    def from_loaded(
        cls, loaded: Mapping[Plugin, LoadedPlugin], unusable: Sequence[Plugin]
    ) -> "AgentRegistry":
        """Build a registry from the plugins that were loaded and those that were not."""
        return cls(
            plugins=_sorted([*loaded, *unusable]),
            agents={
                spec.name: InstalledAgent(spec, plugin.distribution, plugin.version)
                for plugin, registered in loaded.items()
                for spec in registered.agents
                if spec.name not in plugin.claims
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
            loaded = load_file(path, source, seconds, imported=file.imported)
            self.replace_file(file, source, loaded)
        except PluginError as error:
            self.mark_file_failed(path, str(error), error.claims)

    def add_file_version(
        self,
        path: Path,
        source: bytes | None,
        reason: str,
        seconds: float,
        claims: tuple[str, ...] = (),
    ) -> None:
        """Load the version of a plugin file that another process has, unless it was added before.

        Args:
            path: The file.
            source: The source that the process has loaded; ``None`` when it has none.
            reason: Why it has no newer one; empty when this is the newest.
            seconds: How long its import may take.
            claims: The names of agents that a newer one brings and others have, if that is why.
        """
        if path in self.files:
            return
        file = self._new_file(path)
        if source is None:
            self.mark_file_failed(path, reason, claims)
            return
        try:
            self.replace_file(file, source, load_file(path, source, seconds))
        except PluginError as error:
            self.mark_file_failed(path, str(error), error.claims)
        else:
            self.plugins = tuple(
                replace(plugin, reason=reason, claims=claims)
                if plugin.module == str(path)
                else plugin
                for plugin in self.plugins
            )

    def replace_file(self, file: PluginFile, source: bytes, loaded: LoadedPlugin) -> None:
        """Replace what a plugin file registered with a version that was just loaded.

        Raises:
            PluginError: Another plugin has an agent of such a name; nothing has changed then.
        """
        names = agent_names(loaded)
        previous = self._plugin_of_file(file.path)
        own = previous.agents if previous is not None else ()
        if claims := tuple(name for name in names if name in self.agents and name not in own):
            raise PluginError(self._claim_message(claims[0]), claims)
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

    def mark_file_failed(self, path: Path, reason: str, claims: tuple[str, ...] = ()) -> bool:
        """Record why a plugin file cannot be loaded; what it registered before stays.

        Args:
            path: The file.
            reason: Why.
            claims: The names of agents that it brings and others have, if that is why.

        Returns:
            Whether an earlier version of it is loaded.
        """
        previous = self._plugin_of_file(path)
        failed = Plugin(path.name, FILE_VERSION, str(path), "failed", reason=reason, claims=claims)
        had_version = previous is not None and previous.status == "loaded"
        if previous is not None and had_version:
            reason = f"its last good version goes on: {reason}"
            failed = replace(previous, reason=reason, claims=claims)
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

    def _claim_message(self, name: str) -> str:
        other = self.agents[name]
        message = f"agent name {name!r} is claimed by {other.distribution} already: choose another"
        if other.version == FILE_VERSION:
            return message
        return f"{message}, or leave that one out, PERDURE_PLUGINS_DENY={other.distribution}"

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
        if disabled := disabled_plugin_of(name, self.plugins):
            return MissingAgent(
                f"agent {name!r} is of {disabled.distribution}, which is disabled: perdure plugins"
                f" enable {disabled.distribution}"
            )
        kind = MissingAgent if last_version else UnknownAgent
        return kind(explain_missing_agent(name, self.agents, self.plugins, last_version))


@cache
def installed_agents() -> AgentRegistry:
    """Return the registry of this process, loaded at the first call."""
    return AgentRegistry.load()


def _sorted(plugins: list[Plugin]) -> tuple[Plugin, ...]:
    return tuple(sorted(plugins, key=lambda plugin: plugin.distribution))

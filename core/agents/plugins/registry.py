"""What is installed: every plugin with its status, every agent by name."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal

from packaging.utils import canonicalize_name

from perdure.agents.hookspecs.spec import AgentSpec, Observer
from perdure.agents.plugins.discovery import Candidate, built_in, find_candidates
from perdure.agents.plugins.files import VERSION as FILE_VERSION
from perdure.agents.plugins.files import PluginFile, load_file, read_file, stamp_of
from perdure.agents.plugins.import_guard import collector_at_rest
from perdure.agents.plugins.loading import Loaded, PluginError, load
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
        module: The module its entry point names.
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
    def left_out(self) -> str:
        """What to tell whoever runs it when it failed; empty when it did not."""
        if self.status != "failed":
            return ""
        name = self.module if self.is_file else f"{self.distribution} {self.version}".rstrip()
        return f"plugin {name} is left out: {self.reason}"

    @property
    def is_file(self) -> bool:
        """Whether it is a plugin file, and no distribution."""
        return self.version == FILE_VERSION


@dataclass(frozen=True, slots=True)
class InstalledAgent:
    """An agent that goals may name.

    Attributes:
        spec: Its description.
        distribution: The distribution that brings it.
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

    What is installed stays as it was loaded; plugin files come, change and go.

    Attributes:
        plugins: All that are installed, those that failed with their reason.
        agents: Usable agents by name.
        observers: What the plugins registered as observers.
        files: The plugin files by their place.
        on_change: Called when a plugin file has changed what is here.
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
        loaded: dict[Plugin, Loaded] = {}
        others: list[Plugin] = []
        with collector_at_rest():
            for candidate in (*built_in(settings), *find_candidates()):
                plugin, brought = _try_to_load(candidate, settings)
                if brought is None:
                    others.append(plugin)
                else:
                    loaded[plugin] = brought
        for plugin, reason in _conflicts(loaded).items():
            del loaded[plugin]
            others.append(replace(plugin, status="failed", reason=reason, agents=()))
        registry = cls.of(loaded, others)
        for path in settings.plugin_files:
            registry.add_file(path, settings.plugin_import_seconds)
        return registry

    @classmethod
    def of(cls, loaded: Mapping[Plugin, Loaded], others: list[Plugin]) -> "AgentRegistry":
        """Build a registry from what was loaded and what was not."""
        return cls(
            plugins=_sorted([*loaded, *others]),
            agents={
                spec.name: InstalledAgent(spec, plugin.distribution, plugin.version)
                for plugin, brought in loaded.items()
                for spec in brought.agents
            },
            observers=tuple(
                observer for brought in loaded.values() for observer in brought.observers
            ),
        )

    def add_file(self, path: Path, seconds: float) -> None:
        """Load a plugin file, unless it is here already; one that fails is listed with its reason.

        Args:
            path: The file.
            seconds: How long its import may take.
        """
        if path in self.files:
            return
        file = self._new_file(path)
        file.stamp = stamp_of(path)
        try:
            source = read_file(path)
            self.put_file(file, source, load_file(path, source, seconds))
        except PluginError as error:
            self.refuse_file(path, str(error))

    def add_version(self, path: Path, source: bytes | None, reason: str, seconds: float) -> None:
        """Load a plugin file as another process has it, unless it is here already.

        Args:
            path: The file.
            source: The version that process has; ``None`` when it has none.
            reason: Why it has no newer one; empty when this is the newest.
            seconds: How long its import may take.
        """
        if path in self.files:
            return
        file = self._new_file(path)
        if source is None:
            self.refuse_file(path, reason)
            return
        try:
            self.put_file(file, source, load_file(path, source, seconds))
        except PluginError as error:
            self.refuse_file(path, str(error))
        else:
            self.plugins = tuple(
                replace(plugin, reason=reason) if plugin.module == str(path) else plugin
                for plugin in self.plugins
            )

    def put_file(self, file: PluginFile, source: bytes, brought: Loaded) -> None:
        """Let a plugin file bring this from now on, instead of what it brought before.

        Raises:
            PluginError: Another plugin has an agent of such a name; nothing has changed then.
        """
        names = _agent_names(brought)
        before = self._file(file.path)
        for name in names:
            if name in self.agents and (before is None or name not in before.agents):
                raise PluginError(
                    f"agent name {name!r} is claimed by {self.agents[name].distribution} already:"
                    " choose another"
                )
        plugin = Plugin(
            distribution=file.path.name,
            version=FILE_VERSION,
            module=str(file.path),
            status="loaded",
            hooks=brought.hooks,
            agents=names,
            warnings=brought.warnings,
        )
        fresh = {
            spec.name: InstalledAgent(spec, plugin.distribution, plugin.version)
            for spec in brought.agents
        }
        self.agents = {**self._agents_without(file.path), **fresh}
        self._list_file(plugin)
        file.source, file.observers.observers = source, brought.observers
        self._tell()

    def refuse_file(self, path: Path, reason: str) -> bool:
        """Note why a plugin file cannot be loaded as it stands; what it brought before stays.

        Returns:
            Whether it has brought anything before.
        """
        before = self._file(path)
        refused = Plugin(path.name, FILE_VERSION, str(path), "failed", reason=reason)
        had_one = before is not None and before.status == "loaded"
        if before is not None and had_one:
            refused = replace(before, reason=f"its last good version goes on: {reason}")
        self._list_file(refused)
        self._tell()
        return had_one

    def take_out_file(self, file: PluginFile) -> tuple[str, ...]:
        """Let a plugin file that is gone bring nothing; return the names of its agents."""
        before = self._file(file.path)
        self.agents = self._agents_without(file.path)
        reason = f"there is no file {file.path}"
        self._list_file(
            Plugin(file.path.name, FILE_VERSION, str(file.path), "failed", reason=reason)
        )
        file.source, file.observers.observers = None, ()
        self._tell()
        return before.agents if before is not None else ()

    def _new_file(self, path: Path) -> PluginFile:
        file = self.files[path] = PluginFile(path)
        self.observers = (*self.observers, file.observers)
        return file

    def _file(self, path: Path) -> Plugin | None:
        return next((plugin for plugin in self.plugins if plugin.module == str(path)), None)

    def _list_file(self, plugin: Plugin) -> None:
        others = [other for other in self.plugins if other.module != plugin.module]
        self.plugins = _sorted([*others, plugin])

    def _tell(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _agents_without(self, path: Path) -> dict[str, InstalledAgent]:
        before = self._file(path)
        gone = before.agents if before is not None else ()
        return {name: agent for name, agent in self.agents.items() if name not in gone}

    def agent(self, name: str) -> InstalledAgent:
        """Return the agent of that name.

        Raises:
            UnknownAgent: There is none.
        """
        try:
            return self.agents[name]
        except KeyError:
            raise self.unknown(name) from None

    def unknown(self, name: str, brought_by: str = "") -> UnknownAgent:
        """Return the error for a name that no agent has here.

        Args:
            name: The name.
            brought_by: Distribution and version that brought it when it ran last, if it ever did.
        """
        if brought_by:
            return UnknownAgent(self._gone(name, *brought_by.rsplit(" ", 1)))
        if not self.agents:
            told = (
                f"no agent {name!r}, and none at all is installed: install one, e.g."
                " pip install perdure-research"
            )
        else:
            told = f"no agent {name!r} is installed: choose one of {', '.join(sorted(self.agents))}"
        broken = [plugin for plugin in self.plugins if plugin.is_file and plugin.reason]
        return UnknownAgent(
            told + "".join(f"; {plugin.distribution}: {plugin.reason}" for plugin in broken)
        )

    def _gone(self, name: str, distribution: str, version: str = "") -> str:
        told = f"agent {name!r} is not here, which {distribution} {version} brought"
        for plugin in self.plugins:
            if plugin.distribution == distribution:
                return f"{told}: {plugin.reason or 'its present version brings it no longer'}"
        if version == FILE_VERSION:
            return f"{told}: start perdure dev with --plugin {distribution}"
        return f"{told}: install it again, pip install {distribution}"


@cache
def installed_agents() -> AgentRegistry:
    """Return the registry of this process, loaded at the first call."""
    return AgentRegistry.load()


def _sorted(plugins: list[Plugin]) -> tuple[Plugin, ...]:
    return tuple(sorted(plugins, key=lambda plugin: plugin.distribution))


def _agent_names(brought: Loaded) -> tuple[str, ...]:
    names = tuple(spec.name for spec in brought.agents)
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise PluginError(f"it registers agent {min(twice)!r} twice: give each a name of its own")
    return names


def _try_to_load(candidate: Candidate, settings: Settings) -> tuple[Plugin, Loaded | None]:
    plugin = Plugin(candidate.distribution, candidate.version, candidate.module, "failed")
    if candidate.installed and (denial := _denial(candidate.distribution, settings)):
        return replace(plugin, status="denied", reason=denial), None
    if candidate.refusal:
        return replace(plugin, reason=candidate.refusal), None
    try:
        brought = load(candidate, settings.plugin_import_seconds)
        names = _agent_names(brought)
    except PluginError as error:
        return replace(plugin, reason=str(error)), None
    told = replace(
        plugin,
        status="loaded",
        hooks=brought.hooks,
        agents=names,
        warnings=brought.warnings,
    )
    return told, brought


def _denial(distribution: str, settings: Settings) -> str:
    if distribution in {canonicalize_name(name) for name in settings.plugins_deny}:
        return "PERDURE_PLUGINS_DENY names it"
    allowed = {canonicalize_name(name) for name in settings.plugins_allow}
    if allowed and distribution not in allowed:
        return "PERDURE_PLUGINS_ALLOW is set and does not name it"
    return ""


def _conflicts(loaded: Mapping[Plugin, Loaded]) -> dict[Plugin, str]:
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

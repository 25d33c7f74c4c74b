"""What is installed: every plugin with its status, every agent by name."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

from packaging.utils import canonicalize_name

from holdfast.agents.discovery import Candidate, find_candidates
from holdfast.agents.errors import PermanentError
from holdfast.agents.loading import Loaded, PluginError, load
from holdfast.agents.spec import AgentSpec, Observer
from holdfast.settings import Settings

PluginStatus = Literal["loaded", "failed", "denied"]


class UnknownAgent(PermanentError):
    """No installed agent has that name; the message names those that exist."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed plugin.

    Attributes:
        distribution: Its canonical name, such as ``holdfast-research``.
        version: Its version.
        module: The module its entry point names.
        status: ``loaded``, ``failed``, or ``denied`` by the settings.
        reason: Why it is not loaded; empty when it is.
        hooks: The hooks it implements.
        agents: The names of its agents.
    """

    distribution: str
    version: str
    module: str
    status: PluginStatus
    reason: str = ""
    hooks: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()


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
        """Distribution and version, such as ``holdfast-research 0.1.0``."""
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True, slots=True)
class AgentRegistry:
    """Every plugin and every agent of this process.

    Attributes:
        plugins: All that are installed, those that failed with their reason.
        agents: Usable agents by name.
        observers: What the plugins registered as observers.
    """

    plugins: tuple[Plugin, ...] = ()
    agents: Mapping[str, InstalledAgent] = field(default_factory=dict)
    observers: tuple[Observer, ...] = ()

    @classmethod
    def load(cls, settings: Settings | None = None) -> "AgentRegistry":
        """Load every installed plugin that the settings allow; never raises because of a plugin."""
        settings = settings or Settings()
        loaded: dict[Plugin, Loaded] = {}
        others: list[Plugin] = []
        for candidate in find_candidates():
            plugin, brought = _try_to_load(candidate, settings)
            if brought is None:
                others.append(plugin)
            else:
                loaded[plugin] = brought
        for plugin, reason in _conflicts(loaded).items():
            del loaded[plugin]
            others.append(replace(plugin, status="failed", reason=reason, agents=()))
        return cls.of(loaded, others)

    @classmethod
    def of(cls, loaded: Mapping[Plugin, Loaded], others: list[Plugin]) -> "AgentRegistry":
        """Build a registry from what was loaded and what was not."""
        return cls(
            plugins=tuple(sorted([*loaded, *others], key=lambda plugin: plugin.distribution)),
            agents={
                spec.name: InstalledAgent(spec, plugin.distribution, plugin.version)
                for plugin, brought in loaded.items()
                for spec in brought.agents
            },
            observers=tuple(
                observer for brought in loaded.values() for observer in brought.observers
            ),
        )

    def agent(self, name: str) -> InstalledAgent:
        """Return the agent of that name.

        Raises:
            UnknownAgent: There is none.
        """
        try:
            return self.agents[name]
        except KeyError:
            raise UnknownAgent(self._unknown(name)) from None

    def _unknown(self, name: str) -> str:
        if not self.agents:
            return (
                f"no agent {name!r}, and none at all is installed: install one, e.g."
                " pip install holdfast-research"
            )
        return f"no agent {name!r} is installed: choose one of {', '.join(sorted(self.agents))}"


@cache
def installed_agents() -> AgentRegistry:
    """Return the registry of this process, loaded at the first call."""
    return AgentRegistry.load()


def _try_to_load(candidate: Candidate, settings: Settings) -> tuple[Plugin, Loaded | None]:
    plugin = Plugin(candidate.distribution, candidate.version, candidate.module, "failed")
    if denial := _denial(candidate.distribution, settings):
        return replace(plugin, status="denied", reason=denial), None
    if candidate.refusal:
        return replace(plugin, reason=candidate.refusal), None
    try:
        brought = load(candidate, settings.plugin_import_seconds)
    except PluginError as error:
        return replace(plugin, reason=str(error)), None
    names = tuple(spec.name for spec in brought.agents)
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        return replace(plugin, reason=f"it registers agent {min(twice)!r} twice"), None
    return replace(plugin, status="loaded", hooks=brought.hooks, agents=names), brought


def _denial(distribution: str, settings: Settings) -> str:
    if distribution in {canonicalize_name(name) for name in settings.plugins_deny}:
        return "HOLDFAST_PLUGINS_DENY names it"
    allowed = {canonicalize_name(name) for name in settings.plugins_allow}
    if allowed and distribution not in allowed:
        return "HOLDFAST_PLUGINS_ALLOW is set and does not name it"
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
                    " HOLDFAST_PLUGINS_DENY"
                )
    return reasons

"""Plugins made on the spot: in memory, or as distributions in a folder."""

from pathlib import Path

from perdure.agents import AgentSpec, Observer
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin
from perdure.agents.plugins.registry import AgentRegistry
from perdure.schemas.plugins import Plugin


def registry_of(
    *specs: AgentSpec,
    observers: tuple[Observer, ...] = (),
    name: str = "perdure-test",
    left_out: tuple[Plugin, ...] = (),
) -> AgentRegistry:
    """Return a registry as if one plugin had brought these agents, and others were left out."""
    names = tuple(spec.name for spec in specs)
    plugin = Plugin(name, "1.0", name.replace("-", "_"), "loaded", agents=names)
    return AgentRegistry.from_loaded({plugin: LoadedPlugin((), specs, observers)}, [*left_out])


def install_plugin(
    site: Path,
    distribution: str,
    source: str,
    *,
    version: str = "1.0",
    requires: str = "perdure>=0.1",
) -> str:
    """Install a plugin of one module into a folder, as pip would; return the module's name."""
    module = distribution.replace("-", "_")
    information = site / f"{module}-{version}.dist-info"
    information.mkdir(parents=True)
    (site / f"{module}.py").write_text(source)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {distribution}\nVersion: {version}\n"
        f"Requires-Dist: {requires}\n"
    )
    (information / "entry_points.txt").write_text(f"[perdure]\nagents = {module}\n")
    return module

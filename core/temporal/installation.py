"""The installation that runs on a home folder: its process and its addresses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict

from perdure.agents.plugins.hooks.printable import printable
from perdure.agents.plugins.records.agents import AgentsRecord
from perdure.agents.plugins.records.loading import LoadingMarker
from perdure.agents.plugins.registry import AgentRegistry, installed_agents
from perdure.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

# Of an agent's description, for completion.
_SHOWN_CHARACTERS: Final = 200


class NoInstallation(Exception):
    """No server is configured, and none runs on this home folder."""


class RunningPluginFile(BaseModel):
    """A plugin file as the running installation has loaded it.

    Attributes:
        path: The file.
        source: The version that runs; ``None`` when none could be loaded.
        reason: Why a newer one does not run; empty when this is the newest.
        claims: The names of agents that it brings and others have, if that is why.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    path: Path
    source: bytes | None = None
    reason: str = ""
    claims: tuple[str, ...] = ()


class RunningInstallation(BaseModel):
    """What a command with an embedded server writes into the home folder, for other commands.

    Attributes:
        pid: Its process.
        temporal_address: ``host:port`` of its Temporal server.
        command: Which command: ``dev``, or ``run`` for one whose server ends with its goal.
        api_url: The address of its API; empty when it has none.
        ui_url: The address of Temporal's web UI.
        plugin_files: The plugin files that it was started with.
    """

    pid: int
    temporal_address: str
    command: Literal["dev", "run"] = "dev"
    api_url: str = ""
    ui_url: str
    plugin_files: tuple[RunningPluginFile, ...] = ()


def write_installation(home: Path, running: RunningInstallation) -> None:
    """Write the file, atomically: readers never see a part of it."""
    path = _path(home)
    temporary = path.with_suffix(".new")
    temporary.write_text(running.model_dump_json(indent=2), encoding="utf-8")
    temporary.replace(path)


def read_installation(home: Path) -> RunningInstallation | None:
    """Return the installation that runs on this home folder; ``None`` when none does."""
    try:
        running = RunningInstallation.model_validate_json(_path(home).read_text(encoding="utf-8"))
        os.kill(running.pid, 0)
    except (OSError, ValueError, OverflowError):
        return None
    return running


def installation_address(home: Path, *, lasting: bool = False) -> str | None:
    """Return the configured Temporal address, or that of the installation on this home folder.

    Args:
        home: The home folder.
        lasting: Leave out a server that ends with the goal of the command that started it.

    Raises:
        ConfigurationFailed: Temporal's own settings cannot be read.
    """
    from perdure.temporal.client.connection import configured_address

    address = configured_address()
    running = read_installation(home)
    if address is not None or running is None or (lasting and running.command == "run"):
        return address
    return running.temporal_address


def uses_own_server(home: Path, client: "Client") -> bool:
    """Return whether a client is one of this home folder's own server."""
    running = read_installation(home)
    return (
        running is not None and client.service_client.config.target_host == running.temporal_address
    )


def load_agents(settings: Settings) -> AgentRegistry:
    """Return this process's registry, loaded at the first call.

    It includes the plugin files of the running installation, in the versions loaded there.
    """
    registry = installed_agents()
    running = read_installation(settings.home)
    seconds = settings.plugin_import_seconds
    with LoadingMarker(settings.home) as marker:
        for file in running.plugin_files if running else ():
            marker.begin(str(file.path))
            registry.add_file_version(file.path, file.source, file.reason, seconds, file.claims)
        for path in settings.plugin_files:
            marker.begin(str(path))
            registry.add_file(path, seconds)
    _remember_agents(registry, settings.home)
    return registry


def _remember_agents(registry: AgentRegistry, home: Path) -> None:
    """Keep in the home which agents each plugin has, for when it is not loaded."""
    loaded: dict[str, list[tuple[str, str]]] = {}
    failed: list[str] = []
    for plugin in registry.plugins:
        name = plugin.module if plugin.is_file else plugin.distribution
        if plugin.status == "loaded":
            specs = [registry.agents[one].spec for one in plugin.agents if one in registry.agents]
            loaded[name] = [
                (spec.name, printable(spec.description, _SHOWN_CHARACTERS)) for spec in specs
            ]
        elif plugin.status == "failed":
            failed.append(name)
    AgentsRecord(home).add(loaded, failed)


def plugin_files_of(registry: AgentRegistry) -> tuple[RunningPluginFile, ...]:
    """Return the plugin files of a registry, as an installation publishes them."""
    plugins = {plugin.module: plugin for plugin in registry.plugins}
    return tuple(
        RunningPluginFile(
            path=path,
            source=file.source,
            reason=plugins[str(path)].reason,
            claims=plugins[str(path)].claims,
        )
        for path, file in registry.files.items()
    )


@contextmanager
def published(home: Path, running: RunningInstallation, registry: AgentRegistry) -> Iterator[None]:
    """Publish an installation while the block runs, with its plugin files as they change."""

    def write() -> None:
        files = plugin_files_of(registry)
        write_installation(home, running.model_copy(update={"plugin_files": files}))

    write()
    registry.on_change = write
    try:
        yield
    finally:
        registry.on_change = None
        _path(home).unlink(missing_ok=True)


def _path(home: Path) -> Path:
    return home / "running.json"

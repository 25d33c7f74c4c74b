"""The installation that runs on a home folder: its process and its addresses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from perdure.agents.plugins.registry import AgentRegistry, installed_agents
from perdure.settings import Settings


class NoInstallation(Exception):
    """No server is configured, and none runs on this home folder."""


class RunningPluginFile(BaseModel):
    """A plugin file as the running installation has loaded it.

    Attributes:
        path: The file.
        source: The version that runs; ``None`` when none could be loaded.
        reason: Why a newer one does not run; empty when this is the newest.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    path: Path
    source: bytes | None = None
    reason: str = ""


class RunningInstallation(BaseModel):
    """What ``perdure dev`` writes into the home folder, so that other commands find it.

    Attributes:
        pid: Its process.
        temporal_address: ``host:port`` of its Temporal server.
        api_url: The address of its API.
        ui_url: The address of Temporal's web UI.
        plugin_files: The plugin files that it was started with.
    """

    pid: int
    temporal_address: str
    api_url: str
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


def installation_address(home: Path) -> str | None:
    """Return the configured Temporal address, or that of the installation on this home folder."""
    from perdure.temporal.client.connection import configured_address

    running = read_installation(home)
    return configured_address() or (running.temporal_address if running else None)


def load_agents(settings: Settings) -> AgentRegistry:
    """Return this process's registry, loaded at the first call.

    It includes the plugin files of the running installation, in the versions loaded there.
    """
    registry = installed_agents()
    running = read_installation(settings.home)
    for file in running.plugin_files if running else ():
        seconds = settings.plugin_import_seconds
        registry.add_file_version(file.path, file.source, file.reason, seconds)
    for path in settings.plugin_files:
        registry.add_file(path, settings.plugin_import_seconds)
    return registry


def plugin_files_of(registry: AgentRegistry) -> tuple[RunningPluginFile, ...]:
    """Return the plugin files of a registry, as an installation publishes them."""
    reasons = {plugin.module: plugin.reason for plugin in registry.plugins}
    return tuple(
        RunningPluginFile(path=path, source=file.source, reason=reasons.get(str(path), ""))
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

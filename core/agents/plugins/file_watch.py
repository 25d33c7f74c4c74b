"""Watches plugin files, and reloads each when it changes, for as long as a worker runs."""

import asyncio
from pathlib import Path

import structlog

from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.hooks.printable import shortened
from perdure.agents.plugins.loading.file_imports import Stamp
from perdure.agents.plugins.loading.files import POLL_SECONDS, PluginFile, load_file, read_file
from perdure.agents.plugins.registry import AgentRegistry
from perdure.settings import Settings

log = structlog.get_logger()


async def watch_files(registry: AgentRegistry, settings: Settings) -> None:
    """Reload a registry's plugin files when they, or what they import beside them, change on disk.

    It goes on until it is cancelled. Running agents keep the code they started with; whatever
    starts later has the new code. A change that cannot be loaded is logged, and the last version
    that could be stays in use.
    """
    last_stamps: dict[Path, dict[Path, Stamp | None]] = {}
    while True:
        await asyncio.sleep(POLL_SECONDS)
        for file in list(registry.files.values()):
            stamps = file.read_stamps()
            # One that still changes is being written, or replaced by another of its name.
            if stamps != file.stamps() and last_stamps.get(file.path, file.stamps()) == stamps:
                file.stamp = stamps[file.path]
                file.imported |= {path: stamps[path] for path in stamps if path != file.path}
                try:
                    await _reload(registry, file, settings.plugin_import_seconds)
                except Exception:
                    log.exception(
                        "a plugin file could not be checked for changes", path=str(file.path)
                    )
            last_stamps[file.path] = stamps


async def _reload(registry: AgentRegistry, file: PluginFile, seconds: float) -> None:
    path = file.path
    if file.stamp is None:
        names = shortened(registry.remove_file(file))
        log.warning(f"{path} is gone: agents of it under way go on, no other begins", agents=names)
        return
    try:
        source = read_file(path)
        loaded = await asyncio.to_thread(load_file, path, source, seconds, imported=file.imported)
        registry.replace_file(file, source, loaded)
    except PluginError as error:
        had_version = registry.mark_file_failed(path, str(error), error.claims)
        consequence = ", so its last good version goes on" if had_version else ""
        log.warning(f"{path} cannot be loaded{consequence}: {error}")
    else:
        names = shortened([spec.name for spec in loaded.agents])
        log.info(f"{path} is loaded anew: what begins from now on has its new code", agents=names)

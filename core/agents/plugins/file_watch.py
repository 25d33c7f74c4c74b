"""Watches plugin files, and reloads each when it changes, for as long as a worker runs."""

import asyncio
from pathlib import Path

import structlog

from perdure.agents.plugins.files import (
    POLL_SECONDS,
    PluginFile,
    Stamp,
    load_file,
    read_file,
    read_stamp,
)
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.registry import AgentRegistry
from perdure.settings import Settings

log = structlog.get_logger()


async def watch_files(registry: AgentRegistry, settings: Settings) -> None:
    """Reload a registry's plugin files when they change on disk, until cancelled.

    Running agents keep the code they started with; whatever starts later has the new code. A change
    that cannot be loaded is logged, and the last version that could be stays in use.
    """
    stamps: dict[Path, Stamp | None] = {}
    while True:
        await asyncio.sleep(POLL_SECONDS)
        for file in list(registry.files.values()):
            stamp = read_stamp(file.path)
            # One that still changes is being written, or replaced by another of its name.
            if stamp != file.stamp and stamps.get(file.path, file.stamp) == stamp:
                file.stamp = stamp
                try:
                    await _reload(registry, file, settings.plugin_import_seconds)
                except Exception:
                    log.exception(
                        "a plugin file could not be checked for changes", path=str(file.path)
                    )
            stamps[file.path] = stamp


async def _reload(registry: AgentRegistry, file: PluginFile, seconds: float) -> None:
    path = file.path
    if file.stamp is None:
        names = ", ".join(registry.remove_file(file))
        log.warning(f"{path} is gone: agents of it under way go on, no other begins", agents=names)
        return
    try:
        source = read_file(path)
        loaded = await asyncio.to_thread(load_file, path, source, seconds)
        registry.replace_file(file, source, loaded)
    except PluginError as error:
        had_version = registry.mark_file_failed(path, str(error))
        consequence = ", so its last good version goes on" if had_version else ""
        log.warning(f"{path} cannot be loaded{consequence}: {error}")
    else:
        names = ", ".join(spec.name for spec in loaded.agents)
        log.info(f"{path} is loaded anew: what begins from now on has its new code", agents=names)

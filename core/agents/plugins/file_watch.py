"""Watching plugin files: each is loaded anew when it changes, for as long as a worker runs."""

import asyncio
from pathlib import Path

import structlog

from perdure.agents.plugins.files import (
    LOOK_SECONDS,
    PluginFile,
    Stamp,
    load_file,
    read_file,
    stamp_of,
)
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.registry import AgentRegistry
from perdure.settings import Settings

log = structlog.get_logger()


async def watch_files(registry: AgentRegistry, settings: Settings) -> None:
    """Keep a registry's plugin files as they stand on disk, until cancelled.

    Agents at work go on with the code they began with; whatever begins later has the new code. A
    change that cannot be loaded is told, and the last version that could goes on.
    """
    seen: dict[Path, Stamp | None] = {}
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for file in list(registry.files.values()):
            stamp = stamp_of(file.path)
            # One that still changes is being written, or replaced by another of its name.
            if stamp != file.stamp and seen.get(file.path, file.stamp) == stamp:
                file.stamp = stamp
                try:
                    await _renew(registry, file, settings.plugin_import_seconds)
                except Exception:
                    log.exception("a plugin file was not looked at", path=str(file.path))
            seen[file.path] = stamp


async def _renew(registry: AgentRegistry, file: PluginFile, seconds: float) -> None:
    path = file.path
    if file.stamp is None:
        names = ", ".join(registry.take_out_file(file))
        log.warning(f"{path} is gone: agents of it under way go on, no other begins", agents=names)
        return
    try:
        source = read_file(path)
        brought = await asyncio.to_thread(load_file, path, source, seconds)
        registry.put_file(file, source, brought)
    except PluginError as error:
        had_one = registry.refuse_file(path, str(error))
        fate = ", so its last good version goes on" if had_one else ""
        log.warning(f"{path} cannot be loaded{fate}: {error}")
    else:
        names = ", ".join(spec.name for spec in brought.agents)
        log.info(f"{path} is loaded anew: what begins from now on has its new code", agents=names)

"""The installation that runs right now: who serves this home folder, and where."""

import os
from pathlib import Path

from pydantic import BaseModel

from holdfast.temporal.connection import configured_address


class NothingRuns(Exception):
    """No server is configured, and none runs on this home folder."""


class Running(BaseModel):
    """What ``holdfast dev`` writes down while it runs, so that other commands find it.

    Attributes:
        pid: Its process.
        temporal_address: ``host:port`` of its Temporal server.
        api_url: Where its API answers.
        ui_url: Where Temporal's own pages are.
    """

    pid: int
    temporal_address: str
    api_url: str
    ui_url: str


def write_running(home: Path, running: Running) -> None:
    """Write it down; readers see the old text or the new, never a part."""
    place = _place(home)
    fresh = place.with_suffix(".new")
    fresh.write_text(running.model_dump_json(indent=2), encoding="utf-8")
    fresh.replace(place)


def read_running(home: Path) -> Running | None:
    """Return what runs on this home folder; ``None`` when nothing does."""
    try:
        running = Running.model_validate_json(_place(home).read_text(encoding="utf-8"))
        os.kill(running.pid, 0)
    except (OSError, ValueError, OverflowError):
        return None
    return running


def known_address(home: Path) -> str | None:
    """Return the Temporal address that is configured, or that of what runs on this home folder."""
    running = read_running(home)
    return configured_address() or (running.temporal_address if running else None)


def remove_running(home: Path) -> None:
    """Forget it."""
    _place(home).unlink(missing_ok=True)


def _place(home: Path) -> Path:
    return home / "running.json"

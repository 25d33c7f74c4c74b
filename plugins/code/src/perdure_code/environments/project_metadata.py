"""What an installed project says of itself, for one that is tested without being installed.

Tests ask :mod:`importlib.metadata` for the version or the entry points of the project that they
belong to. Where it is installed, that finds them; the folder made here comes last.
"""

import configparser
import re
import tomllib
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path
from typing import Any, Final

_MAX_BYTES: Final = 1_000_000
_NO_VERSION: Final = "0"
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION: Final = re.compile(r"[A-Za-z0-9!+._-]+")


def write_metadata(root: Path, folder: Path) -> tuple[str, ...]:
    """Write a project's metadata into a folder of modules, as pip would.

    Args:
        root: The project's repository.
        folder: The folder, which exists; nothing is written for a project without a name.

    Returns:
        The names of the plugins for pytest that it is.
    """
    document = _toml(root / "pyproject.toml")
    project = _table(document, "project")
    settings = _ini(root / "setup.cfg")
    name = _text(project.get("name")) or settings.get("metadata", "name", fallback="")
    built = _built(root)
    name = name or built.get("Name", "")
    if not _NAME.fullmatch(name):
        return ()
    version = _text(project.get("version")) or built.get("Version", "")
    version = version or settings.get("metadata", "version", fallback="")
    if not _VERSION.fullmatch(version):
        version = _NO_VERSION
    entries = dict(_entry_points(project, settings))
    info = folder / f"{re.sub(r'[-_.]+', '_', name)}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8"
    )
    lines: list[str] = []
    for group, points in entries.items():
        lines += ["", f"[{group}]", *(f"{key} = {value}" for key, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines[1:]) + "\n", "utf-8")
    return tuple(sorted(entries.get("pytest11", {})))


def _entry_points(
    project: dict[str, Any], settings: configparser.ConfigParser
) -> Iterator[tuple[str, dict[str, str]]]:
    groups = {**_table(project, "entry-points")}
    for key, group in (("scripts", "console_scripts"), ("gui-scripts", "gui_scripts")):
        groups[group] = _table(project, key)
    if settings.has_section("options.entry_points"):
        for group, text in settings.items("options.entry_points"):
            pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
            groups.setdefault(group, {key.strip(): value.strip() for key, _, value in pairs})
    for group, points in groups.items():
        found = {
            key: value
            for key, value in (points.items() if isinstance(points, dict) else ())
            if isinstance(value, str) and "\n" not in key + value
        }
        if found and re.fullmatch(r"[\w.-]+", group):
            yield group, found


def _built(root: Path) -> dict[str, str]:
    """Return what was written when a source distribution was made."""
    for file in (root / "PKG-INFO", *sorted(root.glob("*.egg-info/PKG-INFO"))):
        text = _read(file)
        if text:
            return dict(Parser().parsestr(text, headersonly=True).items())
    return {}


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(file))
    except ValueError:
        return {}


def _ini(file: Path) -> configparser.ConfigParser:
    settings = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        settings.read_string(_read(file))
    except configparser.Error:
        return configparser.ConfigParser()
    return settings


def _read(file: Path) -> str:
    try:
        if file.is_symlink() or file.stat().st_size > _MAX_BYTES:
            return ""
        return file.read_text("utf-8-sig", errors="replace")
    except OSError:
        return ""


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

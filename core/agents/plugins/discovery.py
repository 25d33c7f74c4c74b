"""Finding plugins: the only module that reads the metadata of installed distributions."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, distributions, version
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from perdure.settings import Settings

GROUP: Final = "perdure"

EVENT_LOG: Final = "perdure.agents.plugins.event_log"

_SECTION: Final = re.compile(rf"^\s*\[\s*{GROUP}\s*\]", re.MULTILINE)
_MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An installed distribution that says it is a plugin; nothing of it is imported yet.

    Attributes:
        distribution: Its canonical name, such as ``perdure-research``.
        version: Its version.
        module: The module its entry point names.
        entry_point: The entry point.
        refusal: Why it does not fit this core; empty when it does.
        requires: What it requires, line by line as its metadata says.
        installed: Whether it is an installed distribution, and no file or part of the core.
    """

    distribution: str
    version: str
    module: str
    entry_point: EntryPoint
    refusal: str = ""
    requires: tuple[str, ...] = ()
    installed: bool = False


@cache
def core_version() -> str:
    """Return the version of Perdure that is installed."""
    return version("perdure")


def built_in(settings: Settings) -> list[Candidate]:
    """Return the plugins that are part of the core and that the settings ask for."""
    if settings.event_log is None:
        return []
    entry_point = EntryPoint(name="event-log", value=EVENT_LOG, group=GROUP)
    return [Candidate("perdure", core_version(), EVENT_LOG, entry_point)]


def find_candidates() -> list[Candidate]:
    """Return every distribution with an entry point in the group ``perdure``, sorted by name.

    One whose metadata cannot be read is among them, refused; no distribution hurts another.
    """
    found: dict[str, Candidate] = {}
    for distribution in distributions():
        candidate = _candidate(distribution)
        if candidate is not None:
            # A checkout on sys.path can show a distribution twice; the first gets imported.
            found.setdefault(candidate.distribution, candidate)
    return sorted(found.values(), key=lambda candidate: candidate.distribution)


def _candidate(distribution: Distribution) -> Candidate | None:
    # Parsing is slow, and nearly every distribution on a machine is none of ours.
    try:
        text = distribution.read_text("entry_points.txt") or ""
    except (OSError, ValueError):
        folder = _folder_name(distribution)
        return _unreadable(folder, "entry_points.txt") if folder.startswith(f"{GROUP}-") else None
    if not _SECTION.search(text):
        return None
    try:
        name, number, requires = _read(distribution)
    except Exception:  # noqa: BLE001 -- what a broken file raises differs between Pythons
        return _unreadable(_folder_name(distribution), "METADATA")
    try:
        ours = sorted(point for point in distribution.entry_points if point.group == GROUP)
    except Exception:  # noqa: BLE001 -- likewise
        return _unreadable(name, "entry_points.txt")
    if not ours:
        return None
    return Candidate(
        distribution=name,
        version=number,
        module=ours[0].value,
        entry_point=ours[0],
        refusal=_fault_of_entry_points(ours) or _refusal(name, requires),
        requires=requires,
        installed=True,
    )


def _read(distribution: Distribution) -> tuple[str, str, tuple[str, ...]]:
    """Return a distribution's canonical name, its version, and what it requires.

    A wheel's metadata is read line by line up to its long description: parsing it like a message,
    as ``importlib.metadata`` does, takes ten times as long.
    """
    text = distribution.read_text("METADATA")
    if text is None:  # it is no wheel, as after an installation by an old tool
        return (
            canonicalize_name(distribution.name),
            distribution.version,
            tuple(distribution.requires or ()),
        )
    fields = [line.partition(":") for line in text.partition("\n\n")[0].splitlines()]
    named = {name.lower(): value.strip() for name, _, value in fields}
    requires = tuple(value.strip() for name, _, value in fields if name.lower() == "requires-dist")
    return canonicalize_name(named["name"]), named["version"], requires


def _unreadable(name: str, file: str) -> Candidate:
    return Candidate(
        distribution=name,
        version="",
        module="",
        entry_point=EntryPoint(name="", value="", group=GROUP),
        refusal=f"its {file} cannot be read: pip install --force-reinstall {name}",
        installed=True,
    )


def _folder_name(distribution: Distribution) -> str:
    """Return a distribution's name as the folder of its metadata says."""
    path = Path(str(getattr(distribution, "_path", "")))
    return canonicalize_name(path.stem.partition("-")[0]) or "unknown"


def _fault_of_entry_points(points: list[EntryPoint]) -> str:
    if len(points) > 1:
        names = ", ".join(f"{point.name} = {point.value}" for point in points)
        return (
            f"it has {len(points)} entry points in the group {GROUP} ({names}): keep one, whose"
            " module registers all its agents"
        )
    value = points[0].value
    module, _, attribute = value.partition(":")
    if attribute and _MODULE.fullmatch(module.strip()):
        return (
            f"its entry point names {value}, and plugins are modules: name {module.strip()} alone,"
            " with the hooks at its top level"
        )
    if not _MODULE.fullmatch(value):
        return f"its entry point names {value!r}, which is no module: name the one with the hooks"
    return ""


def _refusal(name: str, requires: tuple[str, ...]) -> str:
    installed = core_version()
    for line in requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            return (
                f"its metadata holds a requirement that cannot be read, {line!r}: correct it"
                f" there, or install another version of {name}"
            )
        if canonicalize_name(requirement.name) != "perdure" or (
            requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})
        ):
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            return (
                f"it needs perdure {requirement.specifier} and {installed} is installed:"
                f" {_remedy(name, requirement.specifier, installed)}"
            )
    return ""


def _remedy(name: str, wanted: SpecifierSet, installed: str) -> str:
    """Say what to upgrade: the core that is too old, or the plugin that is."""
    ours = Version(installed)
    for bound in wanted:
        try:
            theirs = Version(bound.version.removesuffix(".*"))
        except InvalidVersion:
            continue
        if bound.operator in {">=", ">", "==", "~=", "==="} and theirs > ours:
            return (
                "upgrade the core, pip install --upgrade perdure, or install an earlier"
                f" {name}"
            )  # fmt: skip
    return f"upgrade the plugin, pip install --upgrade {name}, or ask its author to"

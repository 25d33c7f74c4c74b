"""Finds plugins: reads the entry points and the metadata of installed distributions.

Entry points are read through ``importlib_metadata``, the PyPI package, which behaves alike on every
Python. Importing it changes the process: it appends its own ``MetadataPathFinder`` to
``sys.meta_path`` and deletes ``find_distributions`` of the standard library's ``PathFinder``. From
then on everybody's ``importlib.metadata`` finds distributions through that finder:

- Its ``distributions()``, ``distribution()`` and ``entry_points()`` return objects of
  ``importlib_metadata``'s classes, which are no instances of the standard library's
  ``Distribution`` and ``EntryPoint``. ``version()`` answers, and raises ``PackageNotFoundError``,
  as before.
- Of a distribution without a METADATA file, ``metadata``, ``name`` and ``version`` raise
  ``MetadataNotFound``, a ``FileNotFoundError``, where the standard library's own give ``None`` or
  nothing; so does ``version()``, and ``packages_distributions()`` for all when it meets one.
- ``files`` leaves out files that are not there, as the standard library's does since Python 3.12.

So no other module imports it, and this one only when it looks for distributions: importing
``perdure.agents`` changes nothing, and ``perdure --help`` does not pay for it. Distributions that
may be damaged are looked up with the functions below, not with the standard library's.
"""

import csv
import inspect
import re
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from perdure.settings import Settings
from perdure.version import core_version

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint, IDistribution

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
        module: The module that its entry point names.
        refusal: Why it does not fit this core; empty when it does.
        requires: Its requirements, as its metadata lists them.
        installed: Whether it is an installed distribution, and no file or part of the core.
    """

    distribution: str
    version: str
    module: str
    refusal: str = ""
    requires: tuple[str, ...] = ()
    installed: bool = False


def built_in_candidates(settings: Settings) -> list[Candidate]:
    """Return the plugins that are part of the core and that the settings ask for."""
    if settings.event_log is None:
        return []
    return [Candidate("perdure", core_version(), EVENT_LOG)]


def find_candidates() -> list[Candidate]:
    """Return every distribution with an entry point in the group ``perdure``, sorted by name.

    One whose metadata cannot be read is among them, refused; no distribution affects another.
    """
    core_version()  # cached: once importlib_metadata is imported, it takes 5 ms longer
    from importlib_metadata import distributions

    # An entry that does not exist, such as the standard library's zip file, would be tried as a zip
    # file, which imports more.
    places = [place for place in sys.path if Path(place).exists()]
    found: dict[str, Candidate] = {}
    for distribution in distributions(path=places):
        candidate = _candidate(distribution)
        if candidate is not None:
            # A checkout on sys.path can show a distribution twice; the first gets imported.
            found.setdefault(candidate.distribution, candidate)
    return sorted(found.values(), key=lambda candidate: candidate.distribution)


def is_installed(name: str) -> bool:
    """Return whether there is a distribution of that name, damaged or not."""
    return _find(name) is not None


def provides_module(name: str, module: str) -> bool:
    """Return whether a distribution lists a top-level module as its own, there or not.

    Args:
        name: The distribution; nothing is provided by one that is not installed.
        module: The module's name, without dots.
    """
    distribution = _find(name)
    if distribution is None:
        return False
    try:
        declared = distribution.read_text("top_level.txt")
        if declared:
            return module in declared.split()
        rows = csv.reader((distribution.read_text("RECORD") or "").splitlines())
        paths = [PurePosixPath(row[0]) for row in rows if row]
    except (OSError, ValueError, csv.Error):
        return False
    return any(
        module == (path.parts[0] if len(path.parts) > 1 else inspect.getmodulename(path))
        for path in paths
    )


def _find(name: str) -> "IDistribution | None":
    from importlib_metadata import PackageNotFoundError, distribution

    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _candidate(distribution: "IDistribution") -> Candidate | None:
    # Parsing is slow, and nearly no distribution on a machine is a plugin.
    try:
        text = distribution.read_text("entry_points.txt") or ""
    except (OSError, ValueError):
        folder = _folder_name(distribution)
        return _unreadable(folder, "entry_points.txt") if folder.startswith(f"{GROUP}-") else None
    if not _SECTION.search(text):
        return None
    try:
        name, version, requires = _read_metadata(distribution)
    except Exception:  # noqa: BLE001 -- what a damaged file raises differs between versions
        return _unreadable(_folder_name(distribution), "METADATA")
    try:
        points = sorted(point for point in distribution.entry_points if point.group == GROUP)
    except Exception:  # noqa: BLE001 -- likewise
        return _unreadable(name, "entry_points.txt")
    if not points:
        return None
    return Candidate(
        distribution=name,
        version=version,
        module=points[0].value,
        refusal=_entry_point_fault(points) or _version_conflict(name, requires),
        requires=requires,
        installed=True,
    )


def _read_metadata(distribution: "IDistribution") -> tuple[str, str, tuple[str, ...]]:
    """Return a distribution's canonical name, its version and its requirements.

    The metadata is read line by line up to its long description: parsing it like a message, as
    ``importlib_metadata`` does, takes ten times as long.

    Raises:
        Exception: It is missing or damaged; what is raised differs between the files.
    """
    text = distribution.read_text("METADATA")
    is_wheel = text is not None
    if text is None:  # as in a clone, or after an installation by an old tool
        text = distribution.read_text("PKG-INFO") or ""
    fields = [line.partition(":") for line in text.partition("\n\n")[0].splitlines()]
    values = {name.lower(): value.strip() for name, _, value in fields}
    requires = tuple(value.strip() for name, _, value in fields if name.lower() == "requires-dist")
    if not requires and not is_wheel:  # they are in a file of their own
        requires = tuple(distribution.requires or ())
    return canonicalize_name(values["name"]), values["version"], requires


def _unreadable(name: str, file: str) -> Candidate:
    return Candidate(
        distribution=name,
        version="",
        module="",
        refusal=f"its {file} cannot be read: pip install --force-reinstall {name}",
        installed=True,
    )


def _folder_name(distribution: "IDistribution") -> str:
    """Return a distribution's name as the folder of its metadata says."""
    path = Path(str(getattr(distribution, "_path", "")))
    return canonicalize_name(path.stem.partition("-")[0]) or "unknown"


def _entry_point_fault(points: "list[EntryPoint]") -> str:
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


def _version_conflict(name: str, requires: tuple[str, ...]) -> str:
    """Return why a plugin cannot be used with the core that is installed; empty when it can."""
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


def _remedy(name: str, required: SpecifierSet, installed: str) -> str:
    """Return what to upgrade: the core that is too old, or the plugin that is."""
    core = Version(installed)
    for specifier in required:
        try:
            bound = Version(specifier.version.removesuffix(".*"))
        except InvalidVersion:
            continue
        if specifier.operator in {">=", ">", "==", "~=", "==="} and bound > core:
            return (
                "upgrade the core, pip install --upgrade perdure, or install an earlier"
                f" {name}"
            )  # fmt: skip
    return f"upgrade the plugin, pip install --upgrade {name}, or ask its author to"

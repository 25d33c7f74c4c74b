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
- Of a distribution whose ``entry_points.txt`` is damaged, there are none: here that is added, for
  what a plugin imports may read everybody's.

So no other module imports it, and this one only when it looks for distributions: importing
``perdure.agents`` changes nothing, and ``perdure --help`` does not pay for it. Distributions that
may be damaged are looked up with the functions below, not with the standard library's.
"""

import csv
import inspect
import re
import sys
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from perdure.agents.plugins.distributions.candidate import Candidate
from perdure.agents.plugins.distributions.copies import Copy, choose_copy
from perdure.entry_points import make_lenient, read_entry_points
from perdure.settings import Settings
from perdure.version import core_version

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint, IDistribution

GROUP: Final = "perdure"

EVENT_LOG: Final = "perdure.agents.plugins.event_log"

_SECTION: Final = re.compile(rf"^\s*\[\s*{GROUP}\s*\]", re.MULTILINE)
# Lines that a list of entry points does not have; NUL is what a file can hold after a power cut.
_DAMAGE: Final = re.compile(r"\0|^[^\S\n]*(?!#|\[[^\n]*\][^\S\n]*$)[^\s=][^=\n]*$", re.MULTILINE)
_MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def built_in_candidates(settings: Settings) -> list[Candidate]:
    """Return the plugins that are part of the core and that the settings ask for."""
    if settings.event_log is None:
        return []
    return [Candidate("perdure", core_version(), EVENT_LOG)]


def find_candidates() -> list[Candidate]:
    """Return every distribution with an entry point in the group ``perdure``, sorted by name.

    One whose metadata cannot be read is among them, refused; no distribution affects another. Of
    several copies of one distribution, the one that is imported is among them.
    """
    core_version()  # cached: once importlib_metadata is imported, it takes 5 ms longer
    from importlib_metadata import Distribution, EntryPoints, distributions

    make_lenient(Distribution, EntryPoints(()))
    # An entry that does not exist, such as the standard library's zip file, would be tried as a zip
    # file, which imports more.
    places = [place for place in sys.path if Path(place).exists()]
    copies: dict[str, list[Copy]] = defaultdict(list)
    for distribution in distributions(path=places):
        candidate = _candidate(distribution)
        if candidate is not None:
            copy = Copy(candidate, distribution.read_text)
            copies[candidate.distribution].append(copy)
    return [choose_copy(found) for _, found in sorted(copies.items())]


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
    return distribution is not None and _provides(distribution, module)


def find_provider(module: str, folder: str) -> str:
    """Return which distribution in a folder lists a top-level module as its own; else nothing."""
    from importlib_metadata import distributions

    for distribution in distributions(path=[folder]):
        if _provides(distribution, module):
            return _folder_name(distribution)
    return ""


def _provides(distribution: "IDistribution", module: str) -> bool:
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
    try:
        points = _plugin_points(distribution)
    except Exception:  # noqa: BLE001 -- what a damaged file raises differs between versions
        return _unreadable(distribution, "entry_points.txt")
    if not points:
        return None
    try:
        spelling, version, requires = _read_metadata(distribution)
    except Exception:  # noqa: BLE001 -- likewise
        return _unreadable(distribution, "METADATA")
    name, folder = canonicalize_name(spelling), _metadata_folder(distribution)
    fault = _left_over(folder) or _entry_point_fault(points) or _version_conflict(name, requires)
    return Candidate(
        distribution=name,
        version=version,
        module=points[0].value,
        refusal=fault,
        requires=requires,
        installed=True,
        spelling=spelling,
        metadata=folder,
    )


def _plugin_points(distribution: "IDistribution") -> "list[EntryPoint]":
    """Return a distribution's entry points for Perdure, sorted.

    Raises:
        Exception: The file is damaged; what is raised differs between versions of Python.
    """
    # Parsing is slow, and nearly no distribution on a machine is a plugin.
    text = distribution.read_text("entry_points.txt") or ""
    if _DAMAGE.search(text):
        raise ValueError("the file has lines that no list of entry points has")
    if not _SECTION.search(text):
        return []
    return sorted(point for point in read_entry_points(distribution) if point.group == GROUP)


def _read_metadata(distribution: "IDistribution") -> tuple[str, str, tuple[str, ...]]:
    """Return a distribution's name as it spells it, its version and its requirements.

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
    return values["name"], values["version"], requires


def _unreadable(distribution: "IDistribution", file: str) -> Candidate:
    name, folder = _folder_name(distribution), _metadata_folder(distribution)
    fault = f"its {file} cannot be read: pip install --force-reinstall {name}"
    return Candidate(
        distribution=name,
        version="",
        module="",
        refusal=_left_over(folder) or fault,
        installed=True,
        spelling=name,
        metadata=folder,
    )


def _left_over(folder: str) -> str:
    # pip renames what it is about to remove, and puts the tilde in front.
    if not Path(folder).name.startswith("~"):
        return ""
    return f"it is what an interrupted uninstall left: delete the folder {folder}"


def _folder_name(distribution: "IDistribution") -> str:
    """Return a distribution's name as the folder of its metadata says."""
    stem = Path(_metadata_folder(distribution)).stem
    return canonicalize_name(stem.partition("-")[0]) or "unknown"


def _metadata_folder(distribution: "IDistribution") -> str:
    return str(getattr(distribution, "_path", ""))


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

"""Finding plugins: the only module that reads the metadata of installed distributions."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points, version

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

GROUP = "holdfast"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An installed distribution that says it is a plugin; nothing of it is imported yet.

    Attributes:
        distribution: Its canonical name, such as ``holdfast-research``.
        version: Its version.
        module: The module its entry point names.
        entry_point: The entry point.
        refusal: Why it does not fit this core; empty when it does.
    """

    distribution: str
    version: str
    module: str
    entry_point: EntryPoint
    refusal: str = ""


def core_version() -> str:
    """Return the version of Holdfast that is installed."""
    return version("holdfast")


def find_candidates() -> list[Candidate]:
    """Return every distribution with an entry point in the group ``holdfast``, sorted by name."""
    found: dict[tuple[str, str], Candidate] = {}
    for entry_point in entry_points(group=GROUP):
        distribution = entry_point.dist
        name = canonicalize_name(distribution.name) if distribution else entry_point.name
        requires = (distribution.requires if distribution else None) or []
        candidate = Candidate(
            distribution=name,
            version=distribution.version if distribution else "",
            module=entry_point.value,
            entry_point=entry_point,
            refusal=_refusal(name, requires),
        )
        # A checkout on sys.path can show a distribution twice; the first is what gets imported.
        found.setdefault((name, entry_point.value), candidate)
    return sorted(found.values(), key=lambda candidate: candidate.distribution)


def _refusal(name: str, requires: list[str]) -> str:
    installed = core_version()
    for line in requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            return f"its metadata holds a requirement that cannot be read: {line!r}"
        if canonicalize_name(requirement.name) != "holdfast" or (
            requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})
        ):
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            return (
                f"it needs holdfast {requirement.specifier} and {installed} is installed:"
                f" upgrade one of the two, e.g. pip install --upgrade {name}"
            )
    return ""

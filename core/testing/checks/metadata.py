"""Checks of the metadata of a plugin's distribution."""

from collections.abc import Callable, Iterator
from importlib.metadata import Distribution
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from perdure.agents.plugins.distributions.discovery import GROUP
from perdure.testing.checks.verdicts import Verdict, failed, ok

KEYWORD: Final = "perdure-plugin"
_LOWER: Final = frozenset({">=", ">", "==", "===", "~="})
_UPPER: Final = frozenset({"<", "<=", "==", "===", "~="})


def check_metadata(distribution: Distribution) -> Iterator[Verdict]:
    """Yield a verdict on each field that a plugin's metadata should have."""
    for check in _CHECKS:
        yield check(distribution)


def modules_of(distribution: Distribution) -> list[str]:
    """Return what the distribution's entry points in the group ``perdure`` name."""
    return [point.value for point in distribution.entry_points if point.group == GROUP]


def _entry_point(distribution: Distribution) -> Verdict:
    check, found = "entry point", modules_of(distribution)
    if len(found) != 1:
        return failed(
            check,
            f"it has {len(found)} entry points in the group {GROUP!r}: write exactly one under"
            f" [project.entry-points.{GROUP}]",
        )
    if ":" in found[0] or "[" in found[0]:
        return failed(check, f"{found[0]!r} names an object: name the module that has the hooks")
    return ok(check, found[0])


def _name(distribution: Distribution) -> Verdict:
    check, name = "name", canonicalize_name(distribution.name)
    if not name.startswith("perdure-"):
        return failed(check, f"{name!r} should be 'perdure-{name}', so that people find it")
    module = (modules_of(distribution) or [""])[0].partition(".")[0]
    if module and module != name.replace("-", "_"):
        expected = name.replace("-", "_")
        return failed(check, f"its package {module!r} should be {expected!r}, as its name says")
    return ok(check, name)


def _keyword(distribution: Distribution) -> Verdict:
    value = _field(distribution, "Keywords")
    words = {word.strip() for word in value.replace(",", " ").split()}
    if KEYWORD not in words:
        return failed("keyword", f'write keywords = ["{KEYWORD}"] in pyproject.toml')
    return ok("keyword", KEYWORD)


def _bounds(distribution: Distribution) -> Verdict:
    check, bounds = "bounds", _bounds_on_core(distribution)
    if bounds is None:
        return failed(check, 'it does not require perdure: write "perdure>=0.1,<0.2"')
    operators = {one.operator for one in bounds}
    if not operators & _LOWER or not operators & _UPPER:
        side = "an upper" if operators & _LOWER else "a lower"
        return failed(
            check,
            f'"perdure{bounds}" has not {side} bound: write one such as "perdure>=0.1,<0.2"',
        )
    return ok(check, f"perdure{bounds}")


def _bounds_on_core(distribution: Distribution) -> SpecifierSet | None:
    for line in distribution.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) == "perdure" and "extra" not in line:
            return requirement.specifier
    return None


def _requires_python(distribution: Distribution) -> Verdict:
    value = _field(distribution, "Requires-Python")
    if not value:
        return failed("python", 'write requires-python = ">=3.11" in pyproject.toml')
    return ok("python", value)


def _licence(distribution: Distribution) -> Verdict:
    licence = _field(distribution, "License-Expression") or _field(distribution, "License")
    classifiers = distribution.metadata.get_all("Classifier") or []
    named = [one for one in classifiers if one.startswith("License ::")]
    if not licence and not named:
        return failed("licence", 'write license = "MIT", or another, in pyproject.toml')
    return ok("licence", (licence or named[0]).splitlines()[0])


def _readme(distribution: Distribution) -> Verdict:
    text = str(distribution.metadata.json.get("description") or "").strip()
    if text in {"", "UNKNOWN"}:
        return failed("readme", 'write a README.md and readme = "README.md" in pyproject.toml')
    return ok("readme", f"{len(text.split())} words")


def _field(distribution: Distribution, name: str) -> str:
    return str((distribution.metadata.get_all(name) or [""])[0])


_CHECKS: Final[tuple[Callable[[Distribution], Verdict], ...]] = (
    _entry_point,
    _name,
    _keyword,
    _bounds,
    _requires_python,
    _licence,
    _readme,
)

"""Plugins whose module is imported from somewhere else than where they have it."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from perdure.agents.plugins.distributions.candidate import Candidate
from perdure.agents.plugins.distributions.module_origin import (
    imported_file,
    is_among,
    is_of_standard_library,
    module_file,
    module_folders,
)


def find_shadows(
    candidates: Iterable[Candidate], find_provider: Callable[[str, str], str]
) -> dict[Candidate, str]:
    """Return the plugins whose module is another's, each with why it must not be loaded.

    Args:
        candidates: All plugins that may be loaded.
        find_provider: Returns which distribution in a folder has a top-level module.
    """
    reasons: dict[Candidate, str] = {}
    owners: dict[str, list[Candidate]] = defaultdict(list)
    installed = [one for one in candidates if one.installed]
    for candidate in installed:
        if reason := _foreign_module(candidate, installed, find_provider):
            reasons[candidate] = reason
        else:
            owners[candidate.module].append(candidate)
    for module, claimants in owners.items():
        for one in claimants:
            if others := [other.distribution for other in claimants if other is not one]:
                reasons[one] = (
                    f"its entry point names the module {module}, and so does that of"
                    f" {' and '.join(others)}, while there is one {imported_file(module)}:"
                    " uninstall one, or name one in PERDURE_PLUGINS_DENY"
                )
    return reasons


def shadow_warning(candidate: Candidate) -> str:
    """Return that a plugin's module is imported from a file of nobody's; else nothing."""
    own = _shadowed_file(candidate) if candidate.installed else ""
    if not own:
        return ""
    return (
        f"its module {candidate.module} is imported from {imported_file(candidate.module)} in place"
        f" of {own}: rename one, or take the other folder off the path"
    )


def _foreign_module(
    candidate: Candidate, others: Iterable[Candidate], find_provider: Callable[[str, str], str]
) -> str:
    module = candidate.module
    if is_of_standard_library(module):
        return (
            f"its entry point names the module {module}, a name of Python's standard library, and"
            f" {_imported(module)}: give the module another name"
        )
    if not _shadowed_file(candidate):
        return ""
    (folder, *_) = module_folders(module)
    top = module.partition(".")[0]
    owner = next(
        (
            other.distribution
            for other in others
            if other.module.partition(".")[0] == top and _folder(other) == folder
        ),
        "",
    ) or find_provider(top, folder)
    if not owner or owner == candidate.distribution:
        return ""
    return (
        f"its entry point names the module {module}, and {_imported(module)}, which is that of"
        f" {owner}: uninstall one of the two, or give the module another name"
    )


def _imported(module: str) -> str:
    file = imported_file(module)
    return f"{file} is imported" if file else "no file is imported for it"


def _shadowed_file(candidate: Candidate) -> str:
    """Return where a plugin has its module, when another is imported; else nothing."""
    module, folder = candidate.module, _folder(candidate)
    # Once for both questions: it looks through the whole path, for every plugin.
    folders = module_folders(module)
    if not folders or is_among(folder, folders):
        return ""
    # Installed editable, it has its module somewhere else.
    return module_file(module, folder)


def _folder(candidate: Candidate) -> str:
    return str(Path(candidate.metadata).parent)

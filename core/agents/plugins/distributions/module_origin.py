"""Where a plugin's module is imported from, and whose it is."""

import os
import sys
from importlib.machinery import ModuleSpec, all_suffixes
from importlib.util import find_spec


def find_module(module: str) -> ModuleSpec | None:
    """Return what the top-level package of a module is imported from; nothing is imported.

    Args:
        module: The module's full name.
    """
    try:
        return find_spec(module.partition(".")[0])
    except Exception:  # noqa: BLE001 -- whatever somebody's finder raises
        return None


def module_folders(module: str) -> list[str]:
    """Return the folders that hold the top-level package of a module, as it is imported."""
    spec = find_module(module)
    if spec is None:
        return []
    places = list(spec.submodule_search_locations or ())
    if not places and spec.has_location and spec.origin:
        places = [spec.origin]
    return [os.path.dirname(place) for place in places]  # noqa: PTH120 -- a Path takes longer


def comes_from(module: str, folder: str) -> bool:
    """Return whether the top-level package of a module is imported from a folder."""
    return is_among(folder, module_folders(module))


def is_among(folder: str, folders: list[str]) -> bool:
    """Return whether a folder is one of several; ``sys.path`` may have it by two names."""
    return folder in folders or os.path.realpath(folder) in map(os.path.realpath, folders)


def module_file(module: str, folder: str) -> str:
    """Return the file or folder of a module's top-level package in a folder; else nothing."""
    path = os.path.join(folder, module.partition(".")[0])  # noqa: PTH118 -- likewise
    suffixes = ("", *all_suffixes())
    return next((path + suffix for suffix in suffixes if os.path.exists(path + suffix)), "")  # noqa: PTH110


def imported_file(module: str) -> str:
    """Return the file that is imported for a module's top-level package; else nothing."""
    spec = find_module(module)
    if spec is None:
        return ""
    if spec.has_location and spec.origin:
        return spec.origin
    return next(iter(spec.submodule_search_locations or ()), "")


def is_of_standard_library(module: str) -> bool:
    """Return whether a module has the name of one of Python's own."""
    return module.partition(".")[0] in sys.stdlib_module_names

"""Keeps one distribution with damaged metadata from failing whoever reads all entry points.

``importlib.metadata.entry_points()`` raises when any ``entry_points.txt`` on ``sys.path`` is no
text, or no list of entry points. Pydantic calls it when it builds the first model, Alembic when it
is imported. In processes that are Perdure's own, such a distribution has no entry points; the
discovery of plugins says which one it is.
"""

import functools
from importlib.machinery import PathFinder
from typing import Any


def leave_out_damaged() -> None:
    """Let the standard library read no entry points where it would raise, in this process."""
    find = getattr(PathFinder, "find_distributions", None)
    if find is None:  # importlib_metadata was imported, which took it away
        return

    # importlib.metadata takes 25 ms to import, which only those who use it should pay.
    @functools.wraps(find)
    def find_distributions(*args: Any, **kwargs: Any) -> Any:
        from importlib.metadata import Distribution, EntryPoints

        make_lenient(Distribution, EntryPoints(()))
        return find(*args, **kwargs)

    PathFinder.find_distributions = find_distributions  # type: ignore[method-assign]


def make_lenient(distribution_class: Any, none: Any) -> None:
    """Let the distributions of a class have no entry points where reading them raises.

    Args:
        distribution_class: ``Distribution``, of the standard library or of ``importlib_metadata``.
        none: What their entry points are then.
    """
    read = distribution_class.entry_points.fget
    if hasattr(read, "__wrapped__"):
        return

    @functools.wraps(read)
    def entry_points(self: Any) -> Any:
        try:
            return read(self)
        except Exception:  # noqa: BLE001 -- what a damaged file raises differs between versions
            return none

    distribution_class.entry_points = property(entry_points)


def read_entry_points(distribution: Any) -> Any:
    """Return a distribution's entry points.

    Raises:
        Exception: They are damaged; what is raised differs between versions of Python.
    """
    read = type(distribution).entry_points.fget
    return getattr(read, "__wrapped__", read)(distribution)

"""The version of Perdure that is installed."""

from functools import cache


@cache
def core_version() -> str:
    """Return the version of the core, such as ``0.1.0``."""
    # Imported here: it takes 25 ms, which only commands that need a version should pay.
    from importlib.metadata import version

    return version("perdure")

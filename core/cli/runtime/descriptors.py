"""How many files and connections a process may have open at once."""

import importlib
from contextlib import suppress

# What a process gets where nothing sets a limit for it: more than a worker's or an API's own.
_ENOUGH = 1 << 20


def allow_many_descriptors() -> None:
    """Let this process have as many files and connections open as its system allows.

    The limit that a process starts with is 1,024 on most systems, kept low for programs of long
    ago; each reader of events, and each caller, takes one. What the system allows is not changed.
    """
    with suppress(ImportError):
        resource = importlib.import_module("resource")  # there is none on Windows
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _ENOUGH if hard == resource.RLIM_INFINITY else hard
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with suppress(OSError, ValueError):  # macOS has another limit below an infinite one
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

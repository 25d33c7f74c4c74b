"""The plugins that registered functions for the process's end while they were loaded."""

import atexit

_plugins: list[str] = []


class ExitFunctions:
    """Knows how many functions were to run at the process's end when a plugin began to load."""

    def __init__(self) -> None:
        """Count them."""
        self._number = _registered()

    def end(self, module: str) -> None:
        """Record the plugin if it, or what it imported, has registered more."""
        if _registered() > self._number:
            _plugins.append(module)


def plugins_with_exit_functions() -> list[str]:
    """Return the modules of the plugins that wait for the process's end, in loading order."""
    return list(_plugins)


def _registered() -> int:
    return atexit._ncallbacks()  # noqa: SLF001 -- nothing public counts them

"""Loading one plugin so that nothing it does can hurt the others or the core."""

import importlib
import threading
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType

from perdure.agents import hookspecs
from perdure.agents.hookspecs.spec import AgentSpec, Observer
from perdure.agents.plugins.discovery import Candidate
from perdure.agents.plugins.failures import explain
from perdure.agents.plugins.hooks.caller import PluginHooks
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.hooks.signatures import hooks_of
from perdure.agents.plugins.import_guard import ImportGuard

__all__ = ["HOOKS", "Loaded", "PluginError", "load"]

HOOKS = tuple(hooks_of(hookspecs))


class Loaded:
    """What one plugin brought.

    Attributes:
        hooks: The hooks it implements.
        agents: The agents it registered.
        observers: The observers it registered.
        warnings: What works, and what its author should change all the same.
    """

    def __init__(
        self,
        hooks: tuple[str, ...],
        agents: tuple[AgentSpec, ...],
        observers: tuple[Observer, ...],
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.hooks = hooks
        self.agents = agents
        self.observers = observers
        self.warnings = warnings


def load(
    candidate: Candidate,
    seconds: float,
    bring: Callable[[], ModuleType] | None = None,
    *,
    specs: ModuleType = hookspecs,
    arguments: Mapping[str, object] | None = None,
) -> Loaded:
    """Import a plugin and call its hooks.

    The work is done in a thread of its own: an import that never ends costs ``seconds``, not the
    process, and ``sys.exit`` in a plugin ends only that thread. What the plugin prints meanwhile
    goes to stderr, and what it does to the root logger or the working folder is undone.

    Args:
        candidate: The plugin.
        seconds: How long it may take.
        bring: Gives its module; the import of what its entry point names, when not given.
        specs: The module that specifies the hooks.
        arguments: What hooks are called with, by name.

    Raises:
        PluginError: It failed in any way.
    """
    bring = bring or partial(importlib.import_module, candidate.module)
    loading = _Loading(candidate, lambda: PluginHooks(bring(), specs, arguments))
    guard = ImportGuard(loading)
    guard.begin()
    try:
        loading.start()
        loading.join(seconds)
    finally:
        still_loading = loading.is_alive()
        guard.end(candidate.module, still_loading=still_loading)
    if still_loading:
        raise PluginError(
            f"importing {candidate.module} took longer than {seconds:g} s: move slow work out of"
            " its import, or raise PERDURE_PLUGIN_IMPORT_SECONDS"
        )
    if loading.error is not None:
        raise PluginError(explain(candidate, loading.error)) from loading.error
    if loading.loaded is None:
        raise PluginError(f"importing {candidate.module} ended without a result")
    loading.loaded.warnings += guard.warnings
    return loading.loaded


class _Loading(threading.Thread):
    def __init__(self, candidate: Candidate, bring: Callable[[], PluginHooks]) -> None:
        super().__init__(name=f"load {candidate.distribution}", daemon=True)
        self.bring = bring
        self.loaded: Loaded | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            hooks = self.bring()
            agents, observers = hooks.register_agents(), hooks.register_observers()
            self.loaded = Loaded(hooks.names, agents, observers, hooks.warnings)
        except BaseException as error:  # noqa: BLE001 -- sys.exit is one of the ways to fail
            self.error = error

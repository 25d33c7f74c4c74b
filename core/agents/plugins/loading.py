"""Loads one plugin so that nothing it does can hurt the others or the core."""

import importlib
import threading
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType

from perdure.agents import hookspecs
from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.hookspecs.observer import Observer
from perdure.agents.plugins.discovery import Candidate
from perdure.agents.plugins.failures import explain_failure
from perdure.agents.plugins.hooks.caller import PluginHooks
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.import_guard import ImportGuard


class LoadedPlugin:
    """What one plugin registered.

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


def load_plugin(
    candidate: Candidate,
    seconds: float,
    import_module: Callable[[], ModuleType] | None = None,
    *,
    specs: ModuleType = hookspecs,
    arguments: Mapping[str, object] | None = None,
) -> LoadedPlugin:
    """Import a plugin and call its hooks.

    The work is done in a thread of its own: an import that never ends costs ``seconds``, not the
    process, and ``sys.exit`` in a plugin ends only that thread. What the plugin prints meanwhile
    goes to stderr, and what it does to the root logger or the working folder is undone.

    Args:
        candidate: The plugin.
        seconds: How long it may take.
        import_module: Returns its module; when not given, the one that its entry point names is
            imported.
        specs: The module that specifies the hooks.
        arguments: What hooks are called with, by name.

    Raises:
        PluginError: It failed in any way.
    """
    import_module = import_module or partial(importlib.import_module, candidate.module)
    thread = _LoadThread(candidate, lambda: PluginHooks(import_module(), specs, arguments))
    guard = ImportGuard(thread)
    guard.begin()
    try:
        thread.start()
        thread.join(seconds)
    finally:
        still_loading = thread.is_alive()
        guard.end(candidate.module, still_loading=still_loading)
    if still_loading:
        raise PluginError(
            f"importing {candidate.module} took longer than {seconds:g} s: move slow work out of"
            " its import, or raise PERDURE_PLUGIN_IMPORT_SECONDS"
        )
    if thread.error is not None:
        raise PluginError(explain_failure(candidate, thread.error)) from thread.error
    if thread.loaded is None:
        raise PluginError(f"importing {candidate.module} ended without a result")
    thread.loaded.warnings += guard.warnings
    return thread.loaded


class _LoadThread(threading.Thread):
    def __init__(self, candidate: Candidate, import_hooks: Callable[[], PluginHooks]) -> None:
        super().__init__(name=f"load {candidate.distribution}", daemon=True)
        self.import_hooks = import_hooks
        self.loaded: LoadedPlugin | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            hooks = self.import_hooks()
            agents, observers = hooks.register_agents(), hooks.register_observers()
            self.loaded = LoadedPlugin(hooks.names, agents, observers, hooks.warnings)
        except BaseException as error:  # noqa: BLE001 -- sys.exit is one of the ways to fail
            self.error = error

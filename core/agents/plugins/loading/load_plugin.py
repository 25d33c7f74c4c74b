"""Loads one plugin so that nothing it does can hurt the others or the core."""

import importlib
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from traceback import walk_stack
from types import ModuleType

from perdure.agents import hookspecs
from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.hookspecs.observer import Observer
from perdure.agents.plugins.distributions.candidate import Candidate
from perdure.agents.plugins.hooks.caller import PluginHooks
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.loading.failures import (
    NOTICE_SECONDS,
    explain_delay,
    explain_failure,
    find_place,
    log_delay,
)
from perdure.agents.plugins.process.guard import ProcessGuard


class LoadedPlugin:
    """What one plugin registered.

    Attributes:
        hooks: The hooks it implements.
        agents: The agents it registered.
        observers: The observers it registered.
        warnings: What works, and what its author should change all the same.
        import_seconds: How long its import took.
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
        self.import_seconds = 0.0


def load_plugin(
    candidate: Candidate,
    seconds: float,
    import_module: Callable[[], ModuleType] | None = None,
    *,
    specs: ModuleType = hookspecs,
    arguments: Mapping[str, object] | None = None,
    on_action: Callable[[str], None] = lambda _: None,
) -> LoadedPlugin:
    """Import a plugin and call its hooks.

    The work is done in a thread of its own: an import that never ends costs ``seconds``, not the
    process, and ``sys.exit`` in a plugin ends only that thread. What the plugin prints meanwhile
    goes to stderr, and what it changes in the process is undone.

    Args:
        candidate: The plugin.
        seconds: How long it may take.
        import_module: Returns its module; when not given, the one that its entry point names is
            imported.
        specs: The module that specifies the hooks.
        arguments: What hooks are called with, by name.
        on_action: Called in the plugin's thread with what begins: its import, and each hook.

    Raises:
        PluginError: It failed in any way.
    """
    import_module = import_module or partial(importlib.import_module, candidate.module)
    thread = _LoadThread(
        candidate, lambda: PluginHooks(import_module(), specs, arguments), on_action
    )
    guard = ProcessGuard(thread)
    guard.begin()
    try:
        thread.start()
        thread.join(min(NOTICE_SECONDS, seconds))
        if thread.is_alive() and seconds > NOTICE_SECONDS:
            log_delay(candidate, thread.action_and_place(), seconds)
            thread.join(seconds - NOTICE_SECONDS)
    finally:
        still_loading = thread.is_alive()
        guard.end(candidate.module, still_loading=still_loading)
    if still_loading:
        raise PluginError(explain_delay(thread.action_and_place(), seconds))
    if thread.error is not None:
        raise PluginError(explain_failure(candidate, thread.error)) from thread.error
    if thread.loaded is None:
        raise PluginError(f"importing {candidate.module} ended without a result")
    thread.loaded.warnings += guard.warnings
    return thread.loaded


class _LoadThread(threading.Thread):
    def __init__(
        self,
        candidate: Candidate,
        import_hooks: Callable[[], PluginHooks],
        on_action: Callable[[str], None],
    ) -> None:
        super().__init__(name=f"load {candidate.distribution}", daemon=True)
        self.candidate = candidate
        self.import_hooks = import_hooks
        self.on_action = on_action
        self.action = ""
        self.loaded: LoadedPlugin | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._begin(f"importing {self.candidate.module}")
            started = time.perf_counter()
            hooks = self.import_hooks()
            import_seconds = time.perf_counter() - started
            self._begin(hooks.where("register_agents"))
            agents = hooks.register_agents()
            self._begin(hooks.where("register_observers"))
            observers = hooks.register_observers()
            self.loaded = LoadedPlugin(hooks.names, agents, observers, hooks.warnings)
            self.loaded.import_seconds = import_seconds
        except BaseException as error:  # noqa: BLE001 -- sys.exit is one of the ways to fail
            self.error = error

    def action_and_place(self) -> str:
        """Return what it is doing, and where in the plugin."""
        frame = sys._current_frames().get(self.ident or 0)  # noqa: SLF001
        stack = walk_stack(frame) if frame is not None else ()
        return f"{self.action}{find_place(self.candidate, reversed(list(stack)))}"

    def _begin(self, action: str) -> None:
        self.action = action
        self.on_action(action)

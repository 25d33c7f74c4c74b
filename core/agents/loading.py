"""Loading one plugin so that nothing it does can hurt the others or the core."""

import difflib
import importlib
import threading
from collections.abc import Iterable
from types import ModuleType
from typing import TypeVar

import pluggy

from holdfast.agents import hookspecs
from holdfast.agents.discovery import Candidate
from holdfast.agents.spec import AgentSpec, Observer

T = TypeVar("T")

HOOKS = ("register_agents", "register_observers")


class PluginError(Exception):
    """A plugin cannot be used; the message says why in one sentence."""


class Loaded:
    """What one plugin brought.

    Attributes:
        hooks: The hooks it implements.
        agents: The agents it registered.
        observers: The observers it registered.
    """

    def __init__(
        self,
        hooks: tuple[str, ...],
        agents: tuple[AgentSpec, ...],
        observers: tuple[Observer, ...],
    ) -> None:
        self.hooks = hooks
        self.agents = agents
        self.observers = observers


def load(candidate: Candidate, seconds: float) -> Loaded:
    """Import a plugin and call its hooks.

    The work is done in a thread of its own: an import that never ends costs ``seconds``, not the
    process, and ``sys.exit`` in a plugin ends only that thread.

    Raises:
        PluginError: It failed in any way.
    """
    loading = _Loading(candidate)
    loading.start()
    loading.join(seconds)
    if loading.is_alive():
        raise PluginError(
            f"importing {candidate.module} took longer than {seconds:g} s: move slow work out of"
            " its import, or raise HOLDFAST_PLUGIN_IMPORT_SECONDS"
        )
    if loading.error is not None:
        raise PluginError(_explain(candidate, loading.error)) from loading.error
    if loading.loaded is None:
        raise PluginError(f"importing {candidate.module} ended without a result")
    return loading.loaded


class _Loading(threading.Thread):
    def __init__(self, candidate: Candidate) -> None:
        super().__init__(name=f"load {candidate.distribution}", daemon=True)
        self.candidate = candidate
        self.loaded: Loaded | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            module = importlib.import_module(self.candidate.module)
            self.loaded = _call_hooks(module)
        except BaseException as error:  # noqa: BLE001 -- sys.exit is one of the ways to fail
            self.error = error


def _call_hooks(module: ModuleType) -> Loaded:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    manager.check_pending()
    hooks = tuple(sorted(caller.name for caller in manager.get_hookcallers(module) or ()))
    if not hooks:
        raise PluginError(
            f"module {module.__name__} implements no hook: mark a function register_agents with"
            " @hookimpl from holdfast.agents"
        )
    agents = _flatten("register_agents", manager.hook.register_agents(), AgentSpec)
    observers = _flatten("register_observers", manager.hook.register_observers(), object)
    for observer in observers:
        if not callable(getattr(observer, "on_event", None)):
            raise PluginError(
                f"register_observers returned {type(observer).__name__} without an async method"
                " on_event(event)"
            )
    return Loaded(hooks, agents, observers)  # type: ignore[arg-type]  # checked just above


def _flatten(hook: str, answers: list[object], kind: type[T]) -> tuple[T, ...]:
    items: list[T] = []
    for answer in answers:
        if not isinstance(answer, Iterable) or isinstance(answer, str | bytes):
            raise PluginError(
                f"{hook} returned {type(answer).__name__}: return a list of {kind.__name__}"
            )
        for item in answer:
            if not isinstance(item, kind):
                raise PluginError(
                    f"{hook} returned a list with a {type(item).__name__} in it: every item must"
                    f" be a {kind.__name__}"
                )
            items.append(item)
    return tuple(items)


def _explain(candidate: Candidate, error: BaseException) -> str:
    if isinstance(error, PluginError):
        return str(error)
    if isinstance(error, SystemExit):
        return f"importing {candidate.module} called sys.exit({error.code!r})"
    if isinstance(error, pluggy.PluginValidationError):
        return _explain_hook(str(error))
    first_line = (str(error).splitlines() or [""])[0]
    return f"loading {candidate.module} raised {type(error).__name__}: {first_line}".rstrip(": ")


def _explain_hook(message: str) -> str:
    text = " ".join(message.split())
    if text.startswith("unknown hook"):
        misspelt = text.split("'")[1]
        near = difflib.get_close_matches(misspelt, HOOKS, n=1, cutoff=0.4)
        meant = f", did you mean {near[0]}?" if near else f": hooks are {', '.join(HOOKS)}"
        return f"it implements {misspelt!r}, which is no hook{meant}"
    return text

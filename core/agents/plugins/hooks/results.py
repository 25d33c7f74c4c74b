"""What plugins' hooks answer: taken apart, and refused where it is not what was asked for."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from perdure.agents.hookspecs.forms import Agent
from perdure.agents.hookspecs.spec import AgentSpec, Observer
from perdure.agents.plugins.hooks.agent_specs import check_agent
from perdure.agents.plugins.hooks.errors import PluginError

_NO_LIST: Final = (str, bytes, Mapping, AgentSpec)


def agents_in(answer: object, where: str) -> tuple[AgentSpec, ...]:
    """Return the agents that a plugin's ``register_agents`` answered.

    Args:
        answer: What it returned.
        where: The function and its module, for people.

    Raises:
        PluginError: It is no list of specifications, or an agent cannot work.
    """
    specs: list[AgentSpec] = []
    for item in _items(answer, where, "AgentSpec"):
        if not isinstance(item, AgentSpec):
            raise PluginError(f"{where} returned a list with {_no_spec(item)}")
        check_agent(item, where)
        specs.append(item)
    return tuple(specs)


def observers_in(answer: object, where: str) -> tuple[Observer, ...]:
    """Return the observers that a plugin's ``register_observers`` answered.

    Args:
        answer: What it returned.
        where: The function and its module, for people.

    Raises:
        PluginError: It is no list, or something in it cannot observe.
    """
    observers: list[Observer] = []
    for item in _items(answer, where, "observers"):
        if fault := _fault_of_observer(item):
            raise PluginError(f"{where} returned a list with {fault}")
        observers.append(item)  # type: ignore[arg-type]  # it has just been seen to be one
    return tuple(observers)


def _items(answer: object, where: str, kind: str) -> list[object]:
    if isinstance(answer, Iterable) and not isinstance(answer, _NO_LIST):
        return list(answer)
    if answer is None:
        given = "nothing"
    elif isinstance(answer, AgentSpec):
        given = "one AgentSpec"
    elif inspect.isclass(answer):
        given = f"the class {answer.__name__}"
    else:
        given = type(answer).__name__
    raise PluginError(f"{where} returned {given}: return a list of {kind}")


def _no_spec(item: object) -> str:
    if inspect.isclass(item) and issubclass(item, Agent):
        return (
            f"the class {item.__name__} in it: describe it,"
            f" AgentSpec(name=…, description=…, agent={item.__name__})"
        )
    if inspect.iscoroutinefunction(item):
        return (
            f"the function {item.__name__} in it: put @agent from perdure.agents above it, or"
            " describe it with an AgentSpec"
        )
    if isinstance(item, Agent):
        return f"{_a(item)} in it: hand over the class, described by an AgentSpec"
    return f"{_a(item)} in it: every item must be an AgentSpec"


def _fault_of_observer(item: object) -> str:
    if inspect.isclass(item):
        return f"the class {item.__name__} in it: make one, {item.__name__}()"
    name = _a(item)
    on_event = getattr(item, "on_event", None)
    if not callable(on_event):
        return f"{name} in it, which has no method on_event: write async def on_event(self, event)"
    if not _gives_awaitable(on_event):
        return (
            f"{name} in it, whose on_event is not async and would hold up the worker: write async"
            " def on_event(self, event)"
        )
    signature = inspect.signature(on_event)
    try:
        signature.bind("event")
    except TypeError:
        return (
            f"{name} in it, whose on_event{signature} cannot be called with an event: write async"
            " def on_event(self, event)"
        )
    return ""


def _gives_awaitable(function: Callable[..., object]) -> bool:
    if inspect.iscoroutinefunction(inspect.unwrap(function)):
        return True
    called = getattr(function, "__call__", None)  # noqa: B004 -- a callable object's own method
    if inspect.iscoroutinefunction(called):
        return True
    # A function that hands on what another one gives says so, or is taken for a forgotten async.
    declared = getattr(function, "__annotations__", {}).get("return")
    return declared is not None and declared not in {"None", type(None)}


def _a(item: object) -> str:
    name = type(item).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"

"""Validates what plugins' hooks return."""

import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from perdure.agents.hookspecs.agent_class import Agent
from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.hookspecs.observer import Observer
from perdure.agents.plugins.hooks.agent_validation import validate_agent
from perdure.agents.plugins.hooks.errors import PluginError

_MOST_ITEMS: Final = 100_000
_NOT_A_LIST: Final = (str, bytes, Mapping, AgentSpec)


def validate_agents(result: object, where: str) -> tuple[AgentSpec, ...]:
    """Return the agents that a plugin's ``register_agents`` returned.

    Args:
        result: What it returned.
        where: The function and its module, for messages.

    Raises:
        PluginError: It is not a list of specifications, or an agent cannot work.
    """
    specs: list[AgentSpec] = []
    for item in _items(result, where, "AgentSpec"):
        if not isinstance(item, AgentSpec):
            raise PluginError(f"{where} returned a list with {_spec_fault(item)}")
        validate_agent(item, where)
        specs.append(item)
    return tuple(specs)


def validate_observers(result: object, where: str) -> tuple[Observer, ...]:
    """Return the observers that a plugin's ``register_observers`` returned.

    Args:
        result: What it returned.
        where: The function and its module, for messages.

    Raises:
        PluginError: It is not a list, or an item is no observer.
    """
    observers: list[Observer] = []
    for item in _items(result, where, "observers"):
        if fault := _observer_fault(item):
            raise PluginError(f"{where} returned a list with {fault}")
        observers.append(item)  # type: ignore[arg-type]  # checked above
    return tuple(observers)


def _items(result: object, where: str, expected: str) -> list[object]:
    if isinstance(result, Iterable) and not isinstance(result, _NOT_A_LIST):
        items = list(itertools.islice(result, _MOST_ITEMS + 1))
        if len(items) > _MOST_ITEMS:
            raise PluginError(
                f"{where} returned more than {_MOST_ITEMS} {expected}: return a list that ends"
            )
        return items
    if result is None:
        returned = "nothing"
    elif isinstance(result, AgentSpec):
        returned = "one AgentSpec"
    elif inspect.isclass(result):
        returned = f"the class {result.__name__}"
    else:
        returned = type(result).__name__
    raise PluginError(f"{where} returned {returned}: return a list of {expected}")


def _spec_fault(item: object) -> str:
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
        return f"{_with_article(item)} in it: hand over the class, described by an AgentSpec"
    return f"{_with_article(item)} in it: every item must be an AgentSpec"


def _observer_fault(item: object) -> str:
    if inspect.isclass(item):
        return f"the class {item.__name__} in it: make one, {item.__name__}()"
    name = _with_article(item)
    on_event = getattr(item, "on_event", None)
    if not callable(on_event):
        return f"{name} in it, which has no method on_event: write async def on_event(self, event)"
    if not _returns_awaitable(on_event):
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


def _returns_awaitable(function: Callable[..., object]) -> bool:
    if inspect.iscoroutinefunction(inspect.unwrap(function)):
        return True
    method = getattr(function, "__call__", None)  # noqa: B004 -- a callable object's own method
    if inspect.iscoroutinefunction(method):
        return True
    # A plain function that returns an awaitable must declare that: else async was forgotten.
    declared = getattr(function, "__annotations__", {}).get("return")
    return declared is not None and declared not in {"None", type(None)}


def _with_article(item: object) -> str:
    name = type(item).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"

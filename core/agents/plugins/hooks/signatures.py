"""How a plugin writes its hooks: what is no hook, is not marked, or cannot be called, is refused.

pluggy itself would leave a function without ``@hookimpl`` out without a word, and would call a
coroutine function and take the coroutine for the answer.
"""

import difflib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from perdure.agents.hookspecs import PROJECT
from perdure.agents.hookspecs.spec import AgentSpec
from perdure.agents.plugins.discovery import core_version
from perdure.agents.plugins.hooks.errors import PluginError

_MARK: Final = f"{PROJECT}_impl"
_SPEC: Final = f"{PROJECT}_spec"
_REQUIRED: Final = inspect.Parameter.empty
_SPREAD: Final = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
# Below this it is another name: register_agent and registerAgents are above, register_events not.
_ALIKE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Implementation:
    """A hook that a plugin implements.

    Attributes:
        hook: The hook's name.
        function: The plugin's function.
        where: Function and module for people, such as ``register_agents in perdure_weather``.
    """

    hook: str
    function: Callable[..., object]
    where: str


def hooks_of(specs: ModuleType) -> dict[str, Callable[..., object]]:
    """Return the hooks that a module specifies, by name."""
    return {
        name: value for name, value in vars(specs).items() if inspect.isfunction(value)
        and hasattr(value, _SPEC)
    }  # fmt: skip


def find_implementations(module: ModuleType, specs: ModuleType) -> list[Implementation]:
    """Return the hooks that a plugin's module implements.

    Args:
        module: The plugin.
        specs: The module that specifies the hooks.

    Raises:
        PluginError: One of them is misspelt, not marked, or cannot be called, or there is none.
    """
    hooks = hooks_of(specs)
    found = [
        Implementation(hook, function, f"{function.__name__} in {module.__name__}")
        for hook, function in _marked(module)
    ]
    for one in list(found):
        if one.hook in hooks:
            _check_form(one, hooks[one.hook])
        elif getattr(one.function, _MARK).get("optionalhook"):
            found.remove(one)
        else:
            raise PluginError(_not_a_hook(one, hooks))
    for name in hooks:
        _check_marked(module, name)
    if not found:
        raise PluginError(_nothing_marked(module, hooks))
    return found


def misspellings(
    module: ModuleType, specs: ModuleType, implemented: list[Implementation]
) -> tuple[str, ...]:
    """Return a warning for each function that looks like a hook which the plugin lacks."""
    lacking = hooks_of(specs).keys() - {one.hook for one in implemented}
    return tuple(
        f"{name} in {module.__name__} looks like the hook {hook} and is never called: name it"
        f" {hook} and mark it with @hookimpl, or give it another name"
        for name, hook in _alike(module, lacking)
    )


def _marked(module: ModuleType) -> Iterator[tuple[str, Callable[..., object]]]:
    for name, value in vars(module).items():
        mark = getattr(value, _MARK, None)
        if inspect.isroutine(value) and isinstance(mark, dict):
            yield mark.get("specname") or name, value


def _not_a_hook(one: Implementation, hooks: dict[str, Callable[..., object]]) -> str:
    near = difflib.get_close_matches(one.hook, hooks, n=1, cutoff=0.4)
    meant = f"did you mean {near[0]}?" if near else f"the hooks are {', '.join(hooks)}"
    return (
        f"{one.where} is marked with @hookimpl, and perdure {core_version()} has no hook of that"
        f" name: {meant}"
    )


def _check_form(one: Implementation, spec: Callable[..., object]) -> None:
    function = inspect.unwrap(one.function)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginError(
            f"{one.where} is async, and hooks are called without await: write def, not async def"
        )
    mark = getattr(one.function, _MARK)
    if mark.get("wrapper") or mark.get("hookwrapper"):
        raise PluginError(
            f"{one.where} is a hook wrapper, and every plugin answers for itself alone: mark it"
            " with @hookimpl and nothing else"
        )
    given = set(inspect.signature(spec).parameters)
    for name, argument in inspect.signature(one.function).parameters.items():
        if argument.kind in _SPREAD or argument.default is not _REQUIRED:
            continue
        if name not in given or argument.kind is inspect.Parameter.KEYWORD_ONLY:
            takes = f"takes {', '.join(given)}" if given else "takes no arguments"
            raise PluginError(
                f"{one.where} takes the argument {name!r}, and the hook of perdure"
                f" {core_version()} {takes}: leave it out, give it a default, or require a perdure"
                " that has it"
            )


def _check_marked(module: ModuleType, hook: str) -> None:
    value = vars(module).get(hook)
    if value is None or hasattr(value, _SPEC):
        return
    where = f"{hook} in {module.__name__}"
    if not inspect.isroutine(value):
        raise PluginError(
            f"{where} is {_kind(value)}: make it a function, marked with @hookimpl from"
            " perdure.agents, that returns it"
        )
    if not hasattr(value, _MARK):
        raise PluginError(
            f"{where} is not marked as a hook: put @hookimpl from perdure.agents above it"
        )


def _kind(value: object) -> str:
    return f"the class {value.__qualname__}" if inspect.isclass(value) else (
        f"of type {type(value).__name__}"
    )  # fmt: skip


def _nothing_marked(module: ModuleType, hooks: dict[str, Callable[..., object]]) -> str:
    for name, hook in _alike(module, set(hooks)):
        return (
            f"{name} in {module.__name__} is no hook and not marked as one: name it {hook} and put"
            " @hookimpl from perdure.agents above it"
        )
    for name, value in vars(module).items():
        if isinstance(value, AgentSpec):
            return (
                f"module {module.__name__} implements no hook, so that nobody hears of its agent"
                f" {value.name!r}: let a function register_agents, marked with @hookimpl from"
                f" perdure.agents, return [{name}]"
            )
    return (
        f"module {module.__name__} implements no hook: mark a function register_agents with"
        " @hookimpl from perdure.agents, or name the module that has one in the entry point"
    )


def _alike(module: ModuleType, hooks: set[str]) -> Iterator[tuple[str, str]]:
    """Yield functions of a module that are named nearly as a hook, with that hook."""
    for name, value in vars(module).items():
        if name in hooks or not inspect.isfunction(value) or value.__module__ != module.__name__:
            continue
        if hasattr(value, _MARK):
            continue
        for near in difflib.get_close_matches(name.lower(), hooks, n=1, cutoff=_ALIKE):
            yield name, near

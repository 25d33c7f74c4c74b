"""Checks the functions that implement a plugin's hooks: their names, marks and signatures.

pluggy itself would silently ignore a function without ``@hookimpl``, and would call a coroutine
function and take the coroutine for the result.
"""

import difflib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from perdure.agents.hookspecs import PROJECT
from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.version import core_version

_MARK: Final = f"{PROJECT}_impl"
_SPEC: Final = f"{PROJECT}_spec"
_NO_DEFAULT: Final = inspect.Parameter.empty
_VARIADIC: Final = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
# Names less similar than this are different names: register_agent and registerAgents are similar
# enough to register_agents, register_events is not.
_SIMILARITY: Final = 0.9


@dataclass(frozen=True, slots=True)
class Implementation:
    """A hook that a plugin implements.

    Attributes:
        name: What the plugin's module calls the function.
        hook: The hook's name.
        function: The plugin's function.
        where: Function and module, for messages, such as ``register_agents in perdure_weather``.
    """

    name: str
    hook: str
    function: Callable[..., object]
    where: str


def hooks_of(specs: ModuleType) -> dict[str, Callable[..., object]]:
    """Return the hooks that a module specifies, by name."""
    return {
        name: value
        for name, value in vars(specs).items()
        if inspect.isfunction(value) and hasattr(value, _SPEC)
    }


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
        Implementation(name, hook, function, f"{name} in {module.__name__}")
        for name, hook, function in _marked(module)
    ]
    _check_second_names(found, hooks)
    for implementation in list(found):
        if implementation.hook in hooks:
            _check_signature(implementation, hooks[implementation.hook])
        elif getattr(implementation.function, _MARK).get("optionalhook"):
            found.remove(implementation)
        else:
            raise PluginError(_unknown_hook(implementation, hooks))
    for name in hooks:
        _check_marked(module, name)
    if not found:
        raise PluginError(_no_hook(module, hooks))
    return found


def find_misspellings(
    module: ModuleType, specs: ModuleType, implemented: list[Implementation]
) -> tuple[str, ...]:
    """Return a warning for each function whose name is similar to a hook that the plugin lacks."""
    missing = hooks_of(specs).keys() - {found.hook for found in implemented}
    return tuple(
        f"{name} in {module.__name__} looks like the hook {hook} and is never called: name it"
        f" {hook} and mark it with @hookimpl, or give it another name"
        for name, hook in _similar_functions(module, missing)
    )


def _marked(module: ModuleType) -> Iterator[tuple[str, str, Callable[..., object]]]:
    """Yield the name, the hook and the function of each that is marked with ``@hookimpl``."""
    for name, value in vars(module).items():
        mark = getattr(value, _MARK, None)
        if inspect.isroutine(value) and isinstance(mark, dict):
            yield name, mark.get("specname") or name, value


def _check_second_names(
    found: list[Implementation], hooks: dict[str, Callable[..., object]]
) -> None:
    """Check that no function has two names in a module, each of which pluggy takes for a hook."""
    for one in found:
        original = one.function.__name__
        same = [other for other in found if other.function is one.function and other is not one]
        if one.hook not in hooks:
            # What is bound to the hook's name may be another function by now.
            names = [name for name in (*(other.name for other in same), original) if name in hooks]
            consequence = f"perdure {core_version()} has no hook of that name"
        else:
            names = [other.name for other in same if other.hook == one.hook]
            names = names if one.name != original else []
            consequence = f"the hook {one.hook} would be called for each"
        is_optional = getattr(one.function, _MARK).get("optionalhook")
        if names and not is_optional:
            raise PluginError(
                f"{one.where} is a second name of {names[0]}, which is marked with @hookimpl, and"
                f" {consequence}: remove the second name, or the mark"
            )


def _unknown_hook(implementation: Implementation, hooks: dict[str, Callable[..., object]]) -> str:
    similar = difflib.get_close_matches(implementation.hook, hooks, n=1, cutoff=0.4)
    suggestion = f"did you mean {similar[0]}?" if similar else f"the hooks are {', '.join(hooks)}"
    return (
        f"{implementation.where} is marked with @hookimpl, and perdure {core_version()} has no hook"
        f" of that name: {suggestion}"
    )


def _check_signature(implementation: Implementation, spec: Callable[..., object]) -> None:
    where, function = implementation.where, inspect.unwrap(implementation.function)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginError(
            f"{where} is async, and hooks are called without await: write def, not async def"
        )
    mark = getattr(implementation.function, _MARK)
    if mark.get("wrapper") or mark.get("hookwrapper"):
        raise PluginError(
            f"{where} is a hook wrapper, and every plugin answers for itself alone: mark it"
            " with @hookimpl and nothing else"
        )
    accepted = set(inspect.signature(spec).parameters)
    for name, argument in inspect.signature(implementation.function).parameters.items():
        if argument.kind in _VARIADIC or argument.default is not _NO_DEFAULT:
            continue
        if name not in accepted or argument.kind is inspect.Parameter.KEYWORD_ONLY:
            takes = f"takes {', '.join(accepted)}" if accepted else "takes no arguments"
            raise PluginError(
                f"{where} takes the argument {name!r}, and the hook of perdure"
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


def _no_hook(module: ModuleType, hooks: dict[str, Callable[..., object]]) -> str:
    for name, hook in _similar_functions(module, set(hooks)):
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


def _similar_functions(module: ModuleType, hooks: set[str]) -> Iterator[tuple[str, str]]:
    """Yield functions of a module whose names are similar to a hook's, each with that hook."""
    for name, value in vars(module).items():
        if name in hooks or not inspect.isfunction(value) or value.__module__ != module.__name__:
            continue
        if hasattr(value, _MARK):
            continue
        for hook in difflib.get_close_matches(name.lower(), hooks, n=1, cutoff=_SIMILARITY):
            yield name, hook

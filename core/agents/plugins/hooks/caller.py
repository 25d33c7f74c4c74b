"""Calls the hooks of one plugin; no other module uses pluggy for that."""

import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TypeVar

import pluggy

from perdure.agents import hookspecs
from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.hookspecs.observer import Observer
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.hooks.results import validate_agents, validate_observers
from perdure.agents.plugins.hooks.signatures import (
    Implementation,
    find_implementations,
    find_misspellings,
)

T = TypeVar("T")


class HookCallFailed(Exception):
    """A plugin's hook raised an error, which is the cause of this one.

    Attributes:
        where: Function and module, such as ``register_agents in perdure_weather``.
    """

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


class PluginHooks:
    """The hooks of one plugin: a method for each hook, of the same name.

    Each plugin has a plugin manager of its own, so that none sees, wraps or stops another. A hook
    is called with those arguments that the plugin's function names: when a hook gets further ones,
    older plugins work unchanged.

    Attributes:
        names: The hooks it implements, sorted.
        warnings: What its author should change, such as a hook that is deprecated.
    """

    def __init__(
        self,
        module: ModuleType,
        specs: ModuleType = hookspecs,
        arguments: Mapping[str, object] | None = None,
    ) -> None:
        """Register a plugin's module.

        Args:
            module: The plugin.
            specs: The module that specifies the hooks.
            arguments: What hooks are called with, by name.

        Raises:
            PluginError: It implements a hook wrongly, or none.
        """
        self._implementations = find_implementations(module, specs)
        self._arguments = arguments or {}
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(specs)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                self._manager.register(module)
                self._manager.check_pending()
            except pluggy.PluginValidationError as error:
                raise PluginError(" ".join(str(error).split())) from error
        self.names = tuple(
            sorted({implementation.hook for implementation in self._implementations})
        )
        self.warnings = (
            *dict.fromkeys(f"{warning.message} ({module.__name__})" for warning in caught),
            *find_misspellings(module, specs, self._implementations),
        )

    def where(self, hook: str) -> str:
        """Return the function that implements a hook, and its module; for messages."""
        implementations = self._implementations_of(hook)
        return " and ".join(implementation.where for implementation in implementations) or hook

    def register_agents(self) -> tuple[AgentSpec, ...]:
        """Return the plugin's agents; see :func:`perdure.agents.hookspecs.register_agents`.

        Raises:
            PluginError: It returned something else.
            HookCallFailed: It raised.
        """
        return self._call("register_agents", validate_agents)

    def register_observers(self) -> tuple[Observer, ...]:
        """Return its observers; see :func:`perdure.agents.hookspecs.register_observers`.

        Raises:
            PluginError: It returned something else.
            HookCallFailed: It raised.
        """
        return self._call("register_observers", validate_observers)

    def _call(
        self, hook: str, validate: Callable[[object, str], tuple[T, ...]]
    ) -> tuple[T, ...]:  # fmt: skip
        implementations = self._implementations_of(hook)
        if not implementations:
            return ()
        where = self.where(hook)
        caller = getattr(self._manager.hook, hook)
        names = caller.spec.argnames if caller.spec is not None else ()
        try:
            results = caller(**{name: self._arguments.get(name) for name in names})
            # pluggy leaves out a result of None.
            if len(results) < len(implementations):
                results.append(None)
            return tuple(item for result in results for item in validate(result, where))
        except PluginError:
            raise
        except BaseException as error:  # sys.exit is one of the ways to fail
            raise HookCallFailed(where) from error

    def _implementations_of(self, hook: str) -> list[Implementation]:
        return [found for found in self._implementations if found.hook == hook]

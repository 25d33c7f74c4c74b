"""Calling the hooks of one plugin: a method for each hook, named like it; pluggy stays in here."""

import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TypeVar

import pluggy

from perdure.agents import hookspecs
from perdure.agents.hookspecs.spec import AgentSpec, Observer
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.hooks.results import agents_in, observers_in
from perdure.agents.plugins.hooks.signatures import (
    Implementation,
    find_implementations,
    misspellings,
)

T = TypeVar("T")


class HookCallFailed(Exception):
    """A plugin's hook raised; the error behind it is the cause.

    Attributes:
        where: Function and module, such as ``register_agents in perdure_weather``.
    """

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


class PluginHooks:
    """The hooks of one plugin.

    Each plugin has a plugin manager of its own, so that none sees, wraps or stops another. A hook
    is called with those of our arguments that the plugin's function names: a hook can be given
    further ones, and plugins written before go on.

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
            PluginError: It uses a hook wrongly.
        """
        self._implementations = find_implementations(module, specs)
        self._arguments = arguments or {}
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(specs)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                self._manager.register(module)
                self._manager.check_pending()
            except pluggy.PluginValidationError as error:
                raise PluginError(" ".join(str(error).split())) from error
        self.names = tuple(sorted({one.hook for one in self._implementations}))
        self.warnings = (
            *dict.fromkeys(f"{one.message} ({module.__name__})" for one in told),
            *misspellings(module, specs, self._implementations),
        )

    def register_agents(self) -> tuple[AgentSpec, ...]:
        """Return the plugin's agents; see :func:`perdure.agents.hookspecs.register_agents`.

        Raises:
            PluginError: It answers something else.
            HookCallFailed: It raised.
        """
        return self._call("register_agents", agents_in)

    def register_observers(self) -> tuple[Observer, ...]:
        """Return its observers; see :func:`perdure.agents.hookspecs.register_observers`.

        Raises:
            PluginError: It answers something else.
            HookCallFailed: It raised.
        """
        return self._call("register_observers", observers_in)

    def _call(
        self, hook: str, take: Callable[[object, str], tuple[T, ...]]
    ) -> tuple[T, ...]:  # fmt: skip
        implementations = self._of(hook)
        if not implementations:
            return ()
        where = " and ".join(one.where for one in implementations)
        caller = getattr(self._manager.hook, hook)
        named = caller.spec.argnames if caller.spec is not None else ()
        try:
            answers = caller(**{name: self._arguments.get(name) for name in named})
            # pluggy leaves out an answer of None.
            if len(answers) < len(implementations):
                answers.append(None)
            return tuple(item for answer in answers for item in take(answer, where))
        except PluginError:
            raise
        except BaseException as error:  # sys.exit is one of the ways to fail
            raise HookCallFailed(where) from error

    def _of(self, hook: str) -> list[Implementation]:
        return [one for one in self._implementations if one.hook == hook]

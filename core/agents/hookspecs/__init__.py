"""The hooks that a plugin may implement; each is called once a process, never in workflow code.

A hook can get arguments later: a plugin's function is called with those that it names, so that
older plugins work unchanged. A hook that will be removed is marked with ``warn_on_impl`` first, and
``perdure plugins`` shows that for each plugin that implements it.
"""

from collections.abc import Iterable

import pluggy

from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.hookspecs.observer import Observer

PROJECT = "perdure"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin's module as a hook; the function is named like the hook."""


@hookspec
def register_agents() -> Iterable[AgentSpec]:
    """Return the agents of this plugin.

    Since 0.1. The agents of all plugins are registered. An agent name that two plugins claim is
    disabled in both, and ``perdure plugins`` names the two.

    Example:
        ::

            from perdure.agents import Goal, Result, Run, agent, hookimpl

            @agent
            async def weather(run: Run, goal: Goal) -> Result:
                '''Tells the weather.'''
                await run.progress(50, "looking out of the window")
                return Result(summary="It rains.")

            @hookimpl
            def register_agents():
                return [weather]

    Returns:
        One specification for each agent.
    """
    raise NotImplementedError


@hookspec
def register_observers() -> Iterable[Observer]:
    """Return observers, whose ``on_event`` is awaited with every event after it is stored.

    Since 0.1. The observers of all plugins are called. An observer receives what its own worker
    stores, in order. A call that raises, or takes longer than five seconds, is counted and logged,
    and no goal fails. The core itself uses the hook for ``PERDURE_EVENT_LOG``.

    Example:
        ::

            from perdure.agents import Event, hookimpl

            class Bell:
                async def on_event(self, event: Event) -> None:
                    if event.type == "run.failed":
                        print(chr(7), event.workflow_id)

            @hookimpl
            def register_observers():
                return [Bell()]

    Returns:
        Objects with an async method ``on_event(event)``.
    """
    raise NotImplementedError

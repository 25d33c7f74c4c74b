"""The hooks that a plugin may implement; each is called once a process, never in workflow code.

A hook can be given arguments later: a plugin is called with those that its function names, so that
one written before goes on unchanged. A hook that is to go is marked with ``warn_on_impl`` first,
which ``perdure plugins`` shows for each plugin that implements it.
"""

from collections.abc import Iterable

import pluggy

from perdure.agents.hookspecs.spec import AgentSpec, Observer

PROJECT = "perdure"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin's module as a hook; the function is named like the hook."""


@hookspec
def register_agents() -> Iterable[AgentSpec]:
    """Return the agents this plugin brings.

    Since 0.1. Every plugin's answer counts. An agent name that two plugins claim is disabled in
    both, and ``perdure plugins`` names the two.

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

    Since 0.1. Every plugin's answer counts. An observer hears what its own worker stores, in order.
    One that raises, or takes longer than five seconds, is counted and logged, and hurts no goal.
    The core's own user of it is ``PERDURE_EVENT_LOG``.

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

"""``@agent``: makes an async function an agent that a plugin can register."""

import inspect
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import TypeVar, get_type_hints, overload

from pydantic import BaseModel

from perdure.agents.hookspecs.agent_function import AgentFunction, parameters_of
from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.models import Check

M = TypeVar("M", bound=BaseModel)


@overload
def agent(function: AgentFunction[M], /) -> AgentSpec: ...


@overload
def agent(
    *,
    name: str | None = None,
    description: str | None = None,
    examples: tuple[str, ...] = (),
    check: Callable[[], Iterable[Check]] | None = None,
    pool: str | None = None,
) -> Callable[[AgentFunction[M]], AgentSpec]: ...


def agent(
    function: AgentFunction[M] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    examples: tuple[str, ...] = (),
    check: Callable[[], Iterable[Check]] | None = None,
    pool: str | None = None,
) -> AgentSpec | Callable[[AgentFunction[M]], AgentSpec]:
    """Make an async function an agent; works with and without brackets.

    The function takes ``(run, goal)``, or ``(run, goal, parameters)`` where the annotation of the
    third argument is a Pydantic model: the model of the agent's parameters.

    Args:
        function: The agent.
        name: The agent type; the function's name, with hyphens for underscores, when not given.
        description: What it does; the first line of the function's docstring when not given.
        examples: Descriptions of goals it is good at.
        check: Called by ``perdure doctor``; returns checks of what the agent needs on this machine.
        pool: The pool of workers that runs its goals; see :class:`~perdure.agents.AgentSpec`.

    Returns:
        The specification, to be returned from the hook ``register_agents``. The function itself is
        its ``agent``.

    Raises:
        ValueError: The function takes other arguments, or has neither docstring nor description.
    """

    def specify(decorated: AgentFunction[M]) -> AgentSpec:
        summary = description or (inspect.getdoc(decorated) or "").strip().partition("\n")[0]
        if not summary:
            raise ValueError(
                f"agent function {decorated.__qualname__} says nowhere what it does: give it a"
                " docstring, or description="
            )
        return AgentSpec(
            name=name or decorated.__name__.strip("_").replace("_", "-"),
            description=summary,
            agent=decorated,
            parameters=_parameters_model(decorated),
            examples=examples,
            check=check,
            pool=pool,
        )

    return specify if function is None else specify(function)


def _parameters_model(function: AgentFunction[M]) -> type[BaseModel] | None:
    if not inspect.iscoroutinefunction(function):
        return None  # AgentSpec raises the error
    argument = parameters_of(function)
    if argument is None:
        return None
    # The third annotation alone: those of run and goal may be imported for type checkers only.
    annotations = {argument.name: inspect.get_annotations(function).get(argument.name)}
    holder = SimpleNamespace(__annotations__=annotations, __wrapped__=function)
    try:
        model = get_type_hints(holder).get(argument.name)
    except Exception as error:  # noqa: BLE001 -- an annotation can be any expression
        raise ValueError(
            f"agent function {function.__qualname__}: the annotation of {argument.name} cannot be"
            f" read, {error}: define the model at the top level of the module, before the function"
        ) from None
    if not (inspect.isclass(model) and issubclass(model, BaseModel)):
        raise ValueError(
            f"agent function {function.__qualname__}: annotate {argument.name} with the Pydantic"
            " model of the agent's parameters"
        )
    return model

"""What is wrong with an agent that a plugin registers, found before a goal can name it."""

import inspect
import typing
from collections.abc import Callable
from typing import Final

from pydantic import BaseModel, ValidationError

from perdure.agents.hookspecs.forms import Agent, AgentFunction, parameters_of
from perdure.agents.hookspecs.parameters_schema import schema_of
from perdure.agents.hookspecs.spec import AgentSpec
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.runs.run import Run
from perdure.models import Goal

AnyAgent = Agent[typing.Any]


def check_agent(spec: AgentSpec, where: str) -> None:
    """See that an agent can be described, made and run.

    Args:
        spec: The agent.
        where: Where it comes from, such as ``register_agents in perdure_weather``.

    Raises:
        PluginError: It cannot; the message names the agent, the part, and what to do.
    """
    for fault in (_fault_of_words, _fault_of_agent, _fault_of_parameters):
        if told := fault(spec):
            raise PluginError(f"agent {spec.name!r} of {where}: {told}")


def _fault_of_words(spec: AgentSpec) -> str:
    description: object = spec.description
    examples: object = spec.examples
    if not isinstance(description, str):
        return f"description is of type {type(description).__name__}: describe it in words"
    if not isinstance(examples, tuple | list) or not all(isinstance(one, str) for one in examples):
        return 'examples must be a tuple of strings, such as ("Tell me today\'s weather",)'
    check: object = spec.check
    if check is None:
        return ""
    if not callable(check):
        return f"check is of type {type(check).__name__}: hand over a function"
    if inspect.iscoroutinefunction(check):
        return "check is async, and is called without await: write def, not async def"
    return _fault_of_call(check, (), "check", "no arguments")


def _fault_of_agent(spec: AgentSpec) -> str:
    if isinstance(spec.agent, type):
        return _fault_of_class(spec.agent, spec.parameters)
    return _fault_of_function(spec.agent, spec.parameters)


def _fault_of_function(function: AgentFunction[BaseModel], model: type[BaseModel] | None) -> str:
    name = getattr(function, "__qualname__", repr(function))
    hints = _hints(function)
    first, second, *_ = inspect.signature(function).parameters
    if hints.get(first) is Goal or hints.get(second) is Run:
        return f"{name} takes ({first}, {second}), and is called with (run, goal): swap the two"
    third = parameters_of(function)
    declared = hints.get(third.name) if third is not None else None
    if inspect.isclass(declared) and issubclass(declared, BaseModel):
        return _fault_of_model(name, declared, model)
    return ""


def _fault_of_class(agent: type[AnyAgent], model: type[BaseModel] | None) -> str:
    name = agent.__qualname__
    return (
        _fault_of_call(agent, ("run", "parameters"), name, "run and parameters")
        or _fault_of_streaming(agent.execute_streaming, f"{name}.execute_streaming")
        or _fault_of_method(agent.get_results, f"{name}.get_results")
        or _fault_of_method(agent.cleanup, f"{name}.cleanup")
        or _fault_of_model(name, _declared_by(agent), model)
    )


def _fault_of_streaming(method: Callable[..., object], name: str) -> str:
    if inspect.iscoroutinefunction(method):
        return f"{name} never yields: yield a Progress at least once"
    if inspect.isgeneratorfunction(method):
        return f"{name} is a plain generator: write async def, not def"
    return _fault_of_call(method, ("self", "description"), name, "self and description")


def _fault_of_method(method: Callable[..., object], name: str) -> str:
    if not inspect.iscoroutinefunction(inspect.unwrap(method)):
        return f"{name} is not async, and is awaited: write async def"
    return _fault_of_call(method, ("self",), name, "self alone")


def _fault_of_model(name: str, declared: object, model: type[BaseModel] | None) -> str:
    """Return how what an agent says it takes differs from what its specification says."""
    if declared is type(None) and model is not None:
        return f"{name} says that it takes no parameters, and parameters= names {model.__name__}"
    if not inspect.isclass(declared) or not issubclass(declared, BaseModel):
        return ""
    if model is None:
        return f"{name} takes {declared.__name__}: say parameters={declared.__name__} too"
    if not issubclass(model, declared):
        return (
            f"{name} takes {declared.__name__}, and parameters= names {model.__name__}: name the"
            " same model in both"
        )
    return ""


def _declared_by(agent: type[AnyAgent]) -> object:
    for kind in agent.__mro__:
        for base in getattr(kind, "__orig_bases__", ()):
            if typing.get_origin(base) is Agent:
                (declared,) = typing.get_args(base)
                return declared
    return None


def _hints(function: Callable[..., object]) -> dict[str, object]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 -- an annotation that cannot be read says nothing
        return {}


def _fault_of_call(
    function: Callable[..., object], arguments: tuple[object, ...], name: str, wanted: str
) -> str:
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments)
    except TypeError:
        return f"{name}{signature} must take {wanted}"
    return ""


def _fault_of_parameters(spec: AgentSpec) -> str:
    model = spec.parameters
    if model is None:
        return ""
    try:
        schema_of(model)
    except Exception as error:  # noqa: BLE001 -- whatever a model's own code raises
        return (
            f"its parameters {model.__name__} have no JSON schema, {_first_line(error)}: use types"
            " that JSON can carry"
        )
    return _fault_of_defaults(model)


def _fault_of_defaults(model: type[BaseModel]) -> str:
    defaults: dict[str, object] = {}
    for name, field in model.model_fields.items():
        if field.is_required() or field.default_factory_takes_validated_data:
            continue
        try:
            defaults[name] = field.get_default(call_default_factory=True)
        except Exception as error:  # noqa: BLE001 -- whatever a factory raises
            return (
                f"the default of {model.__name__}.{name} cannot be made,"
                f" {type(error).__name__}: {_first_line(error)}: let its factory always succeed"
            )
    try:
        model.model_validate(defaults, by_alias=False, by_name=True)
    except ValidationError as refused:
        return _refused_default(model, refused, defaults)
    except Exception:  # noqa: BLE001 -- a validator that needs what is required is no fault
        return ""
    return ""


# Whether a file is there depends on the machine, and on when one looks.
_NO_FAULT: Final = ("path_",)


def _refused_default(
    model: type[BaseModel], refused: ValidationError, defaults: dict[str, object]
) -> str:
    for error in refused.errors(include_url=False):
        name = str(error["loc"][0]) if error["loc"] else ""
        if name in defaults and not error["type"].startswith(_NO_FAULT):
            return (
                f"the default of {model.__name__}.{name} does not fit its own type,"
                f" {error['msg']}: change one of the two"
            )
    return ""


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

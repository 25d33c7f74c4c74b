"""Validates the agents that a plugin registers, before a goal can name them."""

import inspect
import json
import typing
from collections.abc import Callable
from typing import Final

from pydantic import BaseModel, ValidationError

from perdure.agents.hookspecs.agent_class import Agent
from perdure.agents.hookspecs.agent_function import AgentFunction, parameters_of
from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.hookspecs.parameters_schema import schema_of
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.hooks.printable import exception_name, exception_text
from perdure.agents.runs.run import Run
from perdure.models import Goal

AnyAgent = Agent[typing.Any]


def validate_agent(spec: AgentSpec, where: str) -> None:
    """Check that an agent can be described, created and run.

    Args:
        spec: The agent.
        where: The hook that returned it, such as ``register_agents in perdure_weather``.

    Raises:
        PluginError: It cannot; the message names the agent, the part, and what to do.
    """
    for find_fault in (_text_fault, _check_fault, _agent_fault, _parameters_fault):
        if message := find_fault(spec):
            raise PluginError(f"agent {spec.name!r} of {where}: {message}")


def _text_fault(spec: AgentSpec) -> str:
    description: object = spec.description
    examples: object = spec.examples
    if not isinstance(description, str):
        return f"description is of type {type(description).__name__}: describe it in words"
    if not isinstance(examples, tuple | list) or not all(isinstance(one, str) for one in examples):
        return 'examples must be a tuple of strings, such as ("Tell me today\'s weather",)'
    for what, text in (("description", description), *(("an example", one) for one in examples)):
        if character := _no_text(text):
            return _no_text_fault(f"{what} has", character)
    return ""


def _check_fault(spec: AgentSpec) -> str:
    check: object = spec.check
    if check is None:
        return ""
    if not callable(check):
        return f"check is of type {type(check).__name__}: hand over a function"
    if inspect.iscoroutinefunction(check):
        return "check is async, and is called without await: write def, not async def"
    return _call_fault(check, (), "check", "no arguments")


def _no_text(text: str) -> str:
    """Return the first character of a text that no encoding has, half of a pair; else nothing."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return text[error.start]
    return ""


def _no_text_fault(what: str, character: str) -> str:
    return (
        f"{what} {character!r} in it, half of a character that cannot be stored or sent: decode"
        " the text correctly, or leave it out"
    )


def _agent_fault(spec: AgentSpec) -> str:
    if isinstance(spec.agent, type):
        return _class_fault(spec.agent, spec.parameters)
    return _function_fault(spec.agent, spec.parameters)


def _function_fault(function: AgentFunction[BaseModel], model: type[BaseModel] | None) -> str:
    name = getattr(function, "__qualname__", repr(function))
    hints = _type_hints(function)
    first, second, *_ = inspect.signature(function).parameters
    if hints.get(first) is Goal or hints.get(second) is Run:
        return f"{name} takes ({first}, {second}), and is called with (run, goal): swap the two"
    argument = parameters_of(function)
    declared = hints.get(argument.name) if argument is not None else None
    if inspect.isclass(declared) and issubclass(declared, BaseModel):
        return _model_fault(name, declared, model)
    return ""


def _class_fault(agent: type[AnyAgent], model: type[BaseModel] | None) -> str:
    name = agent.__qualname__
    return (
        _call_fault(agent, ("run", "parameters"), name, "run and parameters")
        or _streaming_fault(agent.execute_streaming, f"{name}.execute_streaming")
        or _method_fault(agent.get_results, f"{name}.get_results")
        or _method_fault(agent.cleanup, f"{name}.cleanup")
        or _model_fault(name, _declared_parameters(agent), model)
    )


def _streaming_fault(method: Callable[..., object], name: str) -> str:
    if inspect.iscoroutinefunction(method):
        return f"{name} never yields: yield a Progress at least once"
    if inspect.isgeneratorfunction(method):
        return f"{name} is a plain generator: write async def, not def"
    return _call_fault(method, ("self", "description"), name, "self and description")


def _method_fault(method: Callable[..., object], name: str) -> str:
    if not inspect.iscoroutinefunction(inspect.unwrap(method)):
        return f"{name} is not async, and is awaited: write async def"
    return _call_fault(method, ("self",), name, "self alone")


def _model_fault(name: str, declared: object, model: type[BaseModel] | None) -> str:
    """Return how the parameters that an agent declares differ from its specification's."""
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


def _declared_parameters(agent: type[AnyAgent]) -> object:
    for kind in agent.__mro__:
        for base in getattr(kind, "__orig_bases__", ()):
            if typing.get_origin(base) is Agent:
                (declared,) = typing.get_args(base)
                return declared
    return None


def _type_hints(function: Callable[..., object]) -> dict[str, object]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 -- an annotation that cannot be read declares nothing
        return {}


def _call_fault(
    function: Callable[..., object], arguments: tuple[object, ...], name: str, expected: str
) -> str:
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments)
    except TypeError:
        return f"{name}{signature} must take {expected}"
    return ""


def _parameters_fault(spec: AgentSpec) -> str:
    model = spec.parameters
    if model is None:
        return ""
    try:
        schema = json.dumps(schema_of(model), ensure_ascii=False)
    except Exception as error:  # noqa: BLE001 -- whatever a model's own code raises
        why = exception_text(error) or exception_name(error)
        return (
            f"its parameters {model.__name__} have no JSON schema, {why}: use types that JSON can"
            " carry"
        )
    if character := _no_text(schema):
        return _no_text_fault(f"its parameters {model.__name__} are described with", character)
    return _defaults_fault(model)


def _defaults_fault(model: type[BaseModel]) -> str:
    defaults: dict[str, object] = {}
    for name, field in model.model_fields.items():
        if field.is_required() or field.default_factory_takes_validated_data:
            continue
        try:
            defaults[name] = field.get_default(call_default_factory=True)
        except Exception as error:  # noqa: BLE001 -- whatever a factory raises
            return (
                f"the default of {model.__name__}.{name} cannot be made,"
                f" {exception_name(error)}: {exception_text(error)}: let its factory always succeed"
            )
    try:
        model.model_validate(defaults, by_alias=False, by_name=True)
    except ValidationError as error:
        return _invalid_default(model, error, defaults)
    except Exception:  # noqa: BLE001 -- a validator may need the required ones
        return ""
    return ""


# Whether a file exists depends on the machine and the time, not on the model.
_IGNORED_ERRORS: Final = ("path_",)


def _invalid_default(
    model: type[BaseModel], invalid: ValidationError, defaults: dict[str, object]
) -> str:
    for error in invalid.errors(include_url=False):
        name = str(error["loc"][0]) if error["loc"] else ""
        if name in defaults and not error["type"].startswith(_IGNORED_ERRORS):
            return (
                f"the default of {model.__name__}.{name} does not fit its own type,"
                f" {error['msg']}: change one of the two"
            )
    return ""

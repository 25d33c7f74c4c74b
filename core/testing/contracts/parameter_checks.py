"""Checks that an agent refuses parameters that it cannot work with."""

from collections.abc import Iterator

from pydantic import JsonValue

from perdure.agents.factory import create_agent
from perdure.agents.parameters import ParametersRefused
from perdure.agents.steps.errors import failure_from
from perdure.models import FailureKind
from perdure.testing.contracts.errors import BrokenContract, describe_error
from perdure.testing.contracts.invalid_parameters import invalid_parameters
from perdure.testing.contracts.runner import AgentRunner, run_case
from perdure.testing.in_memory.execution import AgentCase


def check_invalid_parameters(case: AgentCase) -> None:
    """Check that parameters that do not fit the model are refused, and the field is named."""
    for invalid in invalid_parameters(case.spec.parameters, case.parameters):
        try:
            create_agent(case.spec, invalid.parameters)
        except ParametersRefused as refused:
            if invalid.field not in str(refused):
                raise BrokenContract(
                    f"given {invalid.mistake} the agent refuses ({refused}) without naming"
                    f" {invalid.field!r}: check a field in its own validator"
                ) from None
        except Exception as error:
            raise BrokenContract(
                f"given {invalid.mistake} the agent's parameters model, or the agent while it is"
                f" made, raises {describe_error(error)}: raise ValueError in a validator, and do no"
                " work in __init__"
            ) from error
        else:
            raise BrokenContract(
                f"given {invalid.mistake} the agent is made all the same: describe its parameters"
                " in a Pydantic model"
            )


def check_bad_parameters(case: AgentCase) -> None:
    """Check that parameters that the author knows to be bad are refused, by name or by value."""
    bad = dict(case.parameters)
    error = _error_of(case)
    if error is None:
        raise BrokenContract(
            f"the agent takes the bad parameters {bad}: refuse them in its parameters model, or"
            " raise InputError"
        )
    failure = failure_from(error)
    if failure.kind is not FailureKind.PERMANENT:
        raise BrokenContract(
            f"the bad parameters {bad} end the agent with {describe_error(error)}, which is tried"
            " again in vain: raise InputError"
        )
    if not any(word in failure.message for word in _names_and_values(bad)):
        raise BrokenContract(
            f"the bad parameters {bad} are refused with {failure.message!r}, which names none"
            " of them: name the field, or its value, in the sentence"
        )


def _error_of(case: AgentCase) -> BaseException | None:
    async def error(runner: AgentRunner) -> BaseException | None:
        return (await runner.execute()).error

    try:
        return run_case(case, error)
    except ParametersRefused as refused:
        return refused


def _names_and_values(parameters: JsonValue) -> Iterator[str]:
    """Yield the names and the values of parameters, as a sentence would show them."""
    if isinstance(parameters, dict):
        for name, value in parameters.items():
            yield name
            yield from _names_and_values(value)
    elif isinstance(parameters, list):
        for value in parameters:
            yield from _names_and_values(value)
    else:
        yield str(parameters)

"""Parameters of an agent that is not installed here, checked by its description."""

from typing import Any, Final

import pytest
from pydantic import BaseModel, ConfigDict, Field

from perdure.agents import AgentSpec, Goal, InputError, InputPath, ParametersRefused, Result, Run
from perdure.agents.described_parameters import described_parameters
from perdure.agents.description import describe_agent
from perdure.schemas.agents import AgentDescription
from tests.support.plugins import registry_of


class Part(BaseModel):
    path: InputPath


class Taken(BaseModel):
    model_config = ConfigDict(extra="allow", populate_by_name=True)

    size: int
    parts: list[Part] = []
    from_: InputPath | None = Field(None, alias="from")


async def work(run: Run, goal: Goal) -> Result:
    return Result()


def description_of(model: type[BaseModel] | None) -> AgentDescription:
    registry = registry_of(AgentSpec(name="works", description="", agent=work, parameters=model))
    return describe_agent(registry, "works")


WORKS: Final = description_of(Taken)


def allowed(path: str) -> str:
    if not path.startswith("ok"):
        raise InputError(f"{path} is none of the files")
    return f"/files/{path}"


def test_paths_are_those_that_the_check_gives() -> None:
    given: dict[str, Any] = {"size": "2", "parts": [{"path": "ok1"}], "from": "ok2"}
    assert described_parameters(WORKS, given, allowed) == {
        "size": "2",
        "parts": [{"path": "/files/ok1"}],
        "from": "/files/ok2",
    }
    assert described_parameters(WORKS, given) == given


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "size: Field required"),
        ({"size": 1, "parts": [{"path": "/etc/passwd"}]}, "parts.0.path: /etc/passwd is none"),
        ({"size": 1, "from": "no"}, "from: no is none"),
        # By the other name, and of what takes any: nobody would see that it is a path.
        (
            {"size": 1, "from_": "/etc/passwd"},
            "from_: no such parameter, it takes from, parts, size",
        ),
        ({"size": 1, "more": "x"}, "more: no such parameter"),
        ({"size": float("inf")}, "JSON has no such number"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ParametersRefused) as refused:
        described_parameters(WORKS, given, allowed)
    assert why in str(refused.value)


def test_an_agent_that_takes_none_takes_none() -> None:
    assert described_parameters(description_of(None), {}, allowed) == {}
    with pytest.raises(ParametersRefused, match="size: no such parameter, it takes none"):
        described_parameters(description_of(None), {"size": 1}, allowed)

"""The OpenAPI document describes every installed agent, from the models of their parameters."""

from enum import StrEnum
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.description import describe_agents
from perdure.agents.plugins.registry import AgentRegistry
from perdure.api.app import create_app
from perdure.settings import Settings
from tests.support.plugins import registry_of


class Unit(StrEnum):
    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]
    friends: list["Dog"] = []


class WeatherParameters(BaseModel):
    city: str = Field(description="Where.")
    unit: Unit = Unit.CELSIUS
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None


class AnyParameters(BaseModel):
    model_config = ConfigDict(extra="allow")

    depth: int = 1


async def work(run: Run, goal: Goal) -> Result:
    return Result(summary="done")


SPECS = (
    AgentSpec(
        name="weather", description="Tells it.", agent=work, parameters=WeatherParameters,
        examples=("Will it rain?",),
    ),
    AgentSpec(
        name="any-thing", description="Takes any.", agent=work, parameters=AnyParameters,
        examples=("Do it",),
    ),
    AgentSpec(name="plain", description="Takes none.", agent=work, parameters=None),
)  # fmt: skip


def document_of(registry: AgentRegistry) -> dict[str, Any]:
    service: Any = SimpleNamespace(registry=registry)
    return create_app(service, Settings()).openapi()


@pytest.fixture
def document() -> dict[str, Any]:
    return document_of(registry_of(*SPECS))


def body_of(document: dict[str, Any]) -> dict[str, Any]:
    body = document["paths"]["/api/execute-goal"]["post"]["requestBody"]["content"]
    given: dict[str, Any] = body["application/json"]
    return given


def test_the_body_of_a_goal_is_told_agent_by_agent(document: dict[str, Any]) -> None:
    schema = body_of(document)["schema"]
    names = sorted(spec.name for spec in SPECS)
    places = {name: f"#/components/schemas/{name}.goal" for name in names}
    assert schema["oneOf"] == [{"$ref": place} for place in places.values()]
    assert schema["discriminator"] == {"propertyName": "agent_type", "mapping": places}
    goal = document["components"]["schemas"]["weather.goal"]
    assert goal["properties"]["agent_type"]["const"] == "weather"
    assert goal["properties"]["parameters"] == {"$ref": "#/components/schemas/weather.parameters"}
    assert goal["required"] == ["goal_id", "description", "agent_type", "parameters"]


def test_parameters_are_those_of_the_model(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    weather = schemas["weather.parameters"]
    assert weather["properties"]["city"]["description"] == "Where."
    assert (weather["required"], weather["additionalProperties"]) == (["city"], False)
    assert schemas["any-thing.parameters"]["additionalProperties"] is True
    assert schemas["plain.parameters"]["maxProperties"] == 0
    assert schemas["weather.parameters.Unit"]["enum"] == ["celsius", "fahrenheit"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def look(part: Any) -> None:
        if isinstance(part, list):
            for item in part:
                look(item)
        if not isinstance(part, dict):
            return
        targets = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        discriminator = part.get("discriminator")
        if isinstance(discriminator, dict):
            targets += discriminator.get("mapping", {}).values()
        for target in targets:
            found: Any = document
            for step in target.removeprefix("#/").split("/"):
                found = found[step]
        for inner in part.values():
            look(inner)

    look(document)
    assert "#/components/schemas/weather.parameters.Dog" in str(document)


def test_examples_can_be_sent_as_they_stand(document: dict[str, Any]) -> None:
    examples = body_of(document)["examples"]
    assert list(examples) == ["any-thing"]  # weather needs a city, and plain gives no example
    goal = Goal.model_validate(examples["any-thing"]["value"])
    assert (goal.agent_type, goal.description) == ("any-thing", "Do it")


def test_it_follows_agents_that_come_and_go() -> None:
    registry = registry_of()
    service: Any = SimpleNamespace(registry=registry)
    app = create_app(service, Settings())
    assert body_of(app.openapi())["schema"].keys() == {"$ref"}
    registry.agents = registry_of(SPECS[0]).agents
    assert len(body_of(app.openapi())["schema"]["oneOf"]) == 1
    registry.agents = {}
    assert "oneOf" not in body_of(app.openapi())["schema"]


def test_the_list_of_agents_holds_each_schema() -> None:
    listed = {one.name: one for one in describe_agents(registry_of(*SPECS)).agents}
    for spec in SPECS:
        expected = spec.parameters.model_json_schema() if spec.parameters else None
        assert listed[spec.name].parameters_schema == expected


def test_everything_that_is_taken_and_answered_is_described(document: dict[str, Any]) -> None:
    answers = document["components"]["responses"]
    names = [
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]
    assert "execute_goal" in names
    assert len({*names}) == len(names)
    tags = {tag["name"] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (method, path)
            assert {*operation["tags"]} <= tags, (method, path)
            for parameter in operation.get("parameters", ()):
                described = "description" in parameter or "description" in parameter["schema"]
                assert described, (method, path, parameter["name"])
            for status, response in operation["responses"].items():
                answer = answers.get(response.get("$ref", "").rpartition("/")[2], response)
                assert answer["description"] not in {"", "Validation Error"}, (path, status)
    run = document["components"]["schemas"]["GoalRecord"]
    assert "Attributes:" not in run["description"]
    assert run["properties"]["success"]["description"].endswith("`null` while it has not ended.")

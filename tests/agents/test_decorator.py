"""The decorated function: what it says of itself becomes its specification."""

import pytest
from pydantic import BaseModel, Field

from perdure.agents import AgentSpec, Goal, ParametersRefused, Result, Run, agent
from perdure.testing import rehearse


class CountParameters(BaseModel):
    text: str = Field(description="What to count.")
    times: int = 1


@agent
async def count_words(run: Run, goal: Goal, parameters: CountParameters) -> Result:
    """Counts words.

    And says how many.
    """
    return Result(data={"words": len(parameters.text.split()) * parameters.times})


@agent(name="echo", description="Repeats it.", examples=("Say it again",))
async def repeat(run: Run, goal: Goal) -> Result:
    return Result(summary=goal.description)


async def test_a_function_describes_itself() -> None:
    assert count_words.name == "count-words"
    assert count_words.description == "Counts words."
    assert count_words.parameters is CountParameters
    done = await rehearse(count_words, "Count", {"text": "one two", "times": 2})
    assert done.result.data == {"words": 4}
    with pytest.raises(ParametersRefused, match="times"):
        await rehearse(count_words, "Count", {"text": "one", "times": "many"})


async def test_what_the_decorator_is_told_comes_first() -> None:
    assert (repeat.name, repeat.description) == ("echo", "Repeats it.")
    assert repeat.examples == ("Say it again",)
    assert (await rehearse(repeat, "again")).result.summary == "again"


async def without_words(run: Run, goal: Goal) -> Result:
    return Result()


async def of_one(run: Run) -> Result:
    """Does it."""
    return Result()


async def of_plain(run: Run, goal: Goal, parameters: dict[str, str]) -> Result:
    """Does it."""
    return Result()


async def by_keyword(run: Run, goal: Goal, *, parameters: CountParameters) -> Result:
    """Does it."""
    return Result()


def in_a_thread(run: Run, goal: Goal) -> Result:
    """Does it."""
    return Result()


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (without_words, "without_words says nowhere what it does: give it a docstring"),
        (of_one, r"of_one\(run.*\) must take \(run, goal\) or \(run, goal, parameters\)"),
        (by_keyword, r"by_keyword\(.*\) must take \(run, goal\) or"),
        (of_plain, "of_plain: annotate parameters with the Pydantic model"),
        (in_a_thread, "'in-a-thread' must be a subclass of perdure.agents.Agent or an async"),
    ],
)
def test_what_cannot_be_an_agent_is_told(function: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        agent(function)  # type: ignore[call-overload]


def test_a_model_that_cannot_be_seen_is_told() -> None:
    class Hidden(BaseModel):
        text: str

    async def seeks(run: Run, goal: Goal, parameters: "Hidden") -> Result:
        """Seeks."""
        return Result()

    with pytest.raises(ValueError, match="define the model at the top level of the module"):
        agent(seeks)


async def test_a_specification_with_parameters_names_their_model() -> None:
    async def counts(run: Run, goal: Goal, parameters: CountParameters) -> Result:
        return Result(data={"times": parameters.times})

    with pytest.raises(ValueError, match="set parameters=, or use the decorator"):
        AgentSpec(name="counts", description="Counts.", agent=counts)
    spec = AgentSpec(name="c", description="Counts.", agent=counts, parameters=CountParameters)
    assert (await rehearse(spec, "Count", {"text": ""})).result.data == {"times": 1}


async def seen_by_type_checkers(
    run: "OnlyForTypeCheckers",  # type: ignore[name-defined]  # noqa: F821
    goal: Goal,
    parameters: "CountParameters",
    *,
    client: object = None,
) -> Result:
    """Counts."""
    return Result(data={"times": parameters.times})


async def test_only_the_parameters_annotation_has_to_be_there() -> None:
    spec = agent(seen_by_type_checkers)
    assert spec.parameters is CountParameters
    assert (await rehearse(spec, "Count", {"text": ""})).result.data == {"times": 1}

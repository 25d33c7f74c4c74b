"""A parameter that names a file: a path for the agent, text in JSON."""

import os
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from perdure.agents import Goal, InputPath, Result, Run, agent
from perdure.agents.steps.journal import DelegateRequest, StepOutcome, WaitRequest
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.memory import MemoryWaits
from perdure.messages import Wait
from perdure.testing import rehearse


class Reads(BaseModel):
    path: InputPath
    more: list[InputPath] = []
    maybe: InputPath | None = None


def words_in(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").split())


@agent
async def reader(run: Run, goal: Goal, parameters: Reads) -> Result:
    """Counts words."""
    words = await run.step("count", words_in, parameters.path)
    return Result(summary=f"{words} in {parameters.path.name}")


def test_it_is_a_path(tmp_path: Path) -> None:
    file = tmp_path / "two.txt"
    file.write_text("one two", encoding="utf-8")
    read = Reads.model_validate({"path": str(file), "more": ["a"], "maybe": "b.csv"})

    assert read.path == file
    assert isinstance(read.path, Path)
    assert read.path.read_text(encoding="utf-8") == "one two"
    assert (read.path.name, read.path.suffix, read.path.parent) == ("two.txt", ".txt", tmp_path)
    assert read.path.parent / "two.txt" == file
    assert os.fspath(read.path) == f"{read.path}" == str(file)
    assert read.more == [Path("a")]
    assert read.maybe == Path("b.csv")


def test_it_is_text_in_json() -> None:
    read = Reads.model_validate({"path": "a/b.csv", "more": ["c"]})
    assert read.model_dump(mode="json") == {"path": "a/b.csv", "more": ["c"], "maybe": None}
    assert Reads.model_validate_json(read.model_dump_json()) == read
    schema = Reads.model_json_schema()["properties"]
    text = {"type": "string", "format": "path", "minLength": 1}
    assert {name: schema["path"][name] for name in text} == text
    assert schema["more"]["items"] == text


@pytest.mark.parametrize("value", ["", "a\0b", 5, None])
def test_what_names_no_file_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="path"):
        Reads.model_validate({"path": value})


async def test_a_step_takes_it(tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("one two", encoding="utf-8")
    parameters = {"path": str(tmp_path / "two.txt")}
    first = await rehearse(reader, "Count", parameters)
    assert first.result.summary == "2 in two.txt"
    again = await rehearse(reader, "Count", parameters, journal=first.journal)
    assert again.result == first.result


async def test_a_delegate_is_handed_it_as_text() -> None:
    """What the goal of a delegate is made of has to be JSON."""
    requests: list[WaitRequest] = []

    class Asked(MemoryWaits):
        async def open(self, key: StepKey, request: WaitRequest) -> StepOutcome | Wait:
            requests.append(request)
            return await super().open(key, request)

    run = Run(
        Goal(goal_id="g", description="try it", agent_type="try-it"),
        waits=Asked(results={"analysis": Result(summary="charted")}),
    )
    result = await run.delegate("analysis", "Chart", {"path": Path("a.csv")})
    assert result.summary == "charted"
    assert requests == [DelegateRequest("analysis", "Chart", {"path": "a.csv"})]
